/*
 * The message: mixed(related(alternative(bodies), inlines), attachments), levels of one child left
 * out.
 *
 * The row's own octets gather in one buffer; a shared part is noted with the place it belongs to,
 * and in the end the wire is slices of the buffer with the shared parts between them.
 */
#include "head.h"
#include "part.h"

#include <mailbatch/base/digest.h>
#include <mailbatch/base/text.h>
#include <stdarg.h>
#include <string.h>

/* A smaller part is copied: a segment of its own costs more than that. */
#define SHARE_OCTETS 4096
#define SEED_OCTETS  12

typedef struct {
    size_t position;
    const MbComposePart *part;
} Insertion;

typedef struct {
    const MbComposeMessage *message;
    GString *own;
    GArray *insertions; /* Insertion; NULL until there is one */
    char seed[SEED_OCTETS * 2 + 1];
    bool ends_line; /* what was written last ends its line already */
    GError **error;
} Builder;

/* Strings up to a NULL: printf's way costs several times as much. */
static void put_strings(GString *out, ...)
{
    va_list list;
    const char *text;

    va_start(list, out);
    while ((text = va_arg(list, const char *)) != NULL)
        mb_text_append(out, text, strlen(text));
    va_end(list);
}

static void set_seed(Builder *builder, const char *seed)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[MB_SHA256_LENGTH];

    mb_sha256(seed != NULL ? seed : "", seed != NULL ? strlen(seed) : 0, digest);
    for (size_t i = 0; i < SEED_OCTETS; i++) {
        builder->seed[2 * i] = digits[digest[i] >> 4];
        builder->seed[2 * i + 1] = digits[digest[i] & 15];
    }
}

static void put_part(Builder *builder, const MbComposePart *part)
{
    size_t length = mb_compose_part_length(part);
    Insertion insertion = {.position = builder->own->len, .part = part};

    builder->ends_line = part->ends_line;
    if (length < SHARE_OCTETS) {
        g_string_append_len(builder->own, g_bytes_get_data(part->bytes, NULL), (gssize)length);
        return;
    }
    if (builder->insertions == NULL)
        builder->insertions = g_array_new(FALSE, FALSE, sizeof(Insertion));
    g_array_append_val(builder->insertions, insertion);
}

/* `level`: the letter that tells the boundaries of one message apart. */
static void open_multipart(Builder *builder, const char *subtype, const char *parameter,
                           const char *level)
{
    put_strings(builder->own, "Content-Type: multipart/", subtype, ";", parameter,
                "\r\n boundary=\"" BOUNDARY_START, level, builder->seed, "\"\r\n\r\n", NULL);
    builder->ends_line = true; /* the blank line ends the preamble, which is empty */
}

/* dash-boundary, or close-delimiter (RFC 2046, 5.1.1): the line end before it belongs to it. */
static void put_boundary(Builder *builder, const char *level, bool last)
{
    if (!builder->ends_line)
        g_string_append_len(builder->own, "\r\n", 2);
    put_strings(builder->own, "--" BOUNDARY_START, level, builder->seed, last ? "--\r\n" : "\r\n",
                NULL);
    builder->ends_line = true;
}

static bool put_body(Builder *builder, const MbComposeBody *body)
{
    if (body->part == NULL)
        return compose_put_text(builder->own, body->type, body->method, body->text, body->length,
                                builder->message->eightbit, &builder->ends_line, builder->error);
    put_part(builder, body->part);
    return true;
}

static bool put_alternative(Builder *builder)
{
    const MbComposeMessage *message = builder->message;

    if (message->n_bodies == 1)
        return put_body(builder, &message->bodies[0]);
    open_multipart(builder, "alternative", "", "a");
    for (size_t i = 0; i < message->n_bodies; i++) {
        put_boundary(builder, "a", false);
        if (!put_body(builder, &message->bodies[i]))
            return false;
    }
    put_boundary(builder, "a", true);
    return true;
}

static bool put_related(Builder *builder)
{
    const MbComposeMessage *message = builder->message;

    if (message->n_inlines == 0)
        return put_alternative(builder);
    /* RFC 2387, 3.1: the type of the part that the others belong to. */
    open_multipart(
        builder, "related",
        message->n_bodies > 1 ? " type=\"multipart/alternative\";" : " type=\"text/html\";", "r");
    put_boundary(builder, "r", false);
    if (!put_alternative(builder))
        return false;
    for (size_t i = 0; i < message->n_inlines; i++) {
        put_boundary(builder, "r", false);
        put_part(builder, message->inlines[i]);
    }
    put_boundary(builder, "r", true);
    return true;
}

static bool put_mixed(Builder *builder)
{
    const MbComposeMessage *message = builder->message;
    size_t children = (message->n_bodies > 0 ? 1 : 0) + message->n_attachments;

    if (message->n_attachments == 0)
        return put_related(builder);
    if (children == 1) {
        put_part(builder, message->attachments[0]);
        return true;
    }
    open_multipart(builder, "mixed", "", "m");
    if (message->n_bodies > 0) {
        put_boundary(builder, "m", false);
        if (!put_related(builder))
            return false;
    }
    for (size_t i = 0; i < message->n_attachments; i++) {
        put_boundary(builder, "m", false);
        put_part(builder, message->attachments[i]);
    }
    put_boundary(builder, "m", true);
    return true;
}

static bool ends_with_line(const Builder *builder)
{
    const char *end = builder->own->str;
    size_t length = builder->own->len;
    guint n = builder->insertions != NULL ? builder->insertions->len : 0;

    if (n > 0) {
        Insertion last = g_array_index(builder->insertions, Insertion, n - 1);

        if (last.position == length)
            end = g_bytes_get_data(last.part->bytes, &length);
    }
    return length >= 2 && memcmp(end + length - 2, "\r\n", 2) == 0;
}

/* The buffer's slices and the shared parts between them. Takes the buffer. */
static MbWire *finish(Builder *builder)
{
    guint n = builder->insertions != NULL ? builder->insertions->len : 0;
    g_autoptr(GBytes) own = g_string_free_to_bytes(g_steal_pointer(&builder->own));
    MbWire *wire = mb_wire_new();
    size_t done = 0;

    for (guint i = 0; i < n; i++) {
        Insertion insertion = g_array_index(builder->insertions, Insertion, i);

        mb_wire_append_take(wire, g_bytes_new_from_bytes(own, done, insertion.position - done));
        mb_wire_append(wire, insertion.part->bytes);
        done = insertion.position;
    }
    mb_wire_append_take(wire, g_bytes_new_from_bytes(own, done, g_bytes_get_size(own) - done));
    return wire;
}

static size_t expected_length(const MbComposeMessage *message)
{
    size_t sum = compose_head_text(message->head)->len + 1024;

    for (size_t i = 0; i < message->n_bodies; i++)
        if (message->bodies[i].part == NULL)
            sum += message->bodies[i].length + message->bodies[i].length / 16 + 256;
    return sum;
}

bool mb_compose_message_check(const MbComposeMessage *message, GError **error)
{
    bool good = compose_head_check(message->head, error);

    for (size_t i = 0; i < message->n_bodies && good; i++)
        good = message->bodies[i].part != NULL ||
               compose_check_text(message->bodies[i].text, message->bodies[i].length, error);
    return good;
}

MbWire *mb_compose_message(const MbComposeMessage *message, GError **error)
{
    Builder builder = {.message = message, .error = error};
    const GString *head = compose_head_text(message->head);
    MbWire *wire = NULL;

    if (!compose_head_check(message->head, error))
        return NULL;
    g_assert(message->n_bodies > 0 || message->n_attachments > 0);
    builder.own = g_string_sized_new(expected_length(message));
    set_seed(&builder, message->seed);
    g_string_append_len(builder.own, head->str, (gssize)head->len);
    g_string_append(builder.own, "MIME-Version: 1.0\r\n");
    if (put_mixed(&builder)) {
        /* A message ends with a line end, so that DATA and BDAT carry the same octets. */
        if (!ends_with_line(&builder))
            g_string_append_len(builder.own, "\r\n", 2);
        wire = finish(&builder);
    }
    if (builder.own != NULL)
        g_string_free(builder.own, TRUE);
    if (builder.insertions != NULL)
        g_array_unref(builder.insertions);
    return wire;
}
