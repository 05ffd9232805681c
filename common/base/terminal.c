#include "terminal.h"

#include <mailbatch/base/file.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define CLEAR_LINE "\r\033[K"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static GString *progress; /* the line that is on the screen; NULL: none */

static void put(const char *text, gsize length)
{
    /* stderr is the last resort: there is nobody left to tell when it fails. */
    (void)!mb_file_write_all(STDERR_FILENO, text, length);
}

void mb_terminal_write_line(const char *line)
{
    pthread_mutex_lock(&lock);
    if (progress != NULL)
        put(CLEAR_LINE, strlen(CLEAR_LINE));
    put(line, strlen(line));
    if (progress != NULL)
        put(progress->str, progress->len);
    pthread_mutex_unlock(&lock);
}

void mb_terminal_set_progress(const char *text)
{
    pthread_mutex_lock(&lock);
    if (text == NULL || *text == '\0') {
        if (progress != NULL) {
            put(CLEAR_LINE, strlen(CLEAR_LINE));
            g_string_free(progress, TRUE);
            progress = NULL;
        }
    } else {
        if (progress == NULL)
            progress = g_string_new(NULL);
        g_string_assign(progress, CLEAR_LINE);
        g_string_append(progress, text);
        put(progress->str, progress->len);
    }
    pthread_mutex_unlock(&lock);
}
