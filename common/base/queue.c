#include <mailbatch/base/queue.h>
#include <pthread.h>

struct MbQueue {
    pthread_mutex_t lock;
    pthread_cond_t not_empty;
    pthread_cond_t not_full;
    void **items; /* a ring */
    size_t capacity;
    size_t first;
    size_t count;
    bool closed;
    GDestroyNotify destroy;
};

MbQueue *mb_queue_new(size_t capacity, GDestroyNotify destroy)
{
    MbQueue *queue = g_new0(MbQueue, 1);

    g_assert(capacity > 0);
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->not_empty, NULL);
    pthread_cond_init(&queue->not_full, NULL);
    queue->items = g_new0(void *, capacity);
    queue->capacity = capacity;
    queue->destroy = destroy;
    return queue;
}

void mb_queue_free(MbQueue *queue)
{
    if (queue == NULL)
        return;
    for (size_t i = 0; i < queue->count && queue->destroy != NULL; i++)
        queue->destroy(queue->items[(queue->first + i) % queue->capacity]);
    pthread_cond_destroy(&queue->not_full);
    pthread_cond_destroy(&queue->not_empty);
    pthread_mutex_destroy(&queue->lock);
    g_free(queue->items);
    g_free(queue);
}

bool mb_queue_push(MbQueue *queue, void *item)
{
    bool taken = false;

    pthread_mutex_lock(&queue->lock);
    while (queue->count == queue->capacity && !queue->closed)
        pthread_cond_wait(&queue->not_full, &queue->lock);
    if (!queue->closed) {
        queue->items[(queue->first + queue->count) % queue->capacity] = item;
        queue->count++;
        taken = true;
        pthread_cond_signal(&queue->not_empty);
    }
    pthread_mutex_unlock(&queue->lock);
    return taken;
}

static void *take_first(MbQueue *queue)
{
    void *item;

    if (queue->count == 0)
        return NULL;
    item = queue->items[queue->first];
    queue->first = (queue->first + 1) % queue->capacity;
    queue->count--;
    pthread_cond_signal(&queue->not_full);
    return item;
}

void *mb_queue_pop(MbQueue *queue)
{
    void *item;

    pthread_mutex_lock(&queue->lock);
    while (queue->count == 0 && !queue->closed)
        pthread_cond_wait(&queue->not_empty, &queue->lock);
    item = take_first(queue);
    pthread_mutex_unlock(&queue->lock);
    return item;
}

void *mb_queue_try_pop(MbQueue *queue)
{
    void *item;

    pthread_mutex_lock(&queue->lock);
    item = take_first(queue);
    pthread_mutex_unlock(&queue->lock);
    return item;
}

void mb_queue_close(MbQueue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    pthread_cond_broadcast(&queue->not_empty);
    pthread_cond_broadcast(&queue->not_full);
    pthread_mutex_unlock(&queue->lock);
}
