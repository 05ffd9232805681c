#include <mailbatch/dkim/dkim.h>
#include <string.h>

struct MbDkimSealer {
    const MbDkimSigner *signer;
    MbDkimBody *body;
    GString *header;
    MbWire *last;     /* its body is the one that `hash` is of */
    size_t last_body; /* where that begins */
    uint8_t hash[MB_SHA256_LENGTH];
    uint64_t hashed;
};

MbDkimSealer *mb_dkim_sealer_new(const MbDkimSigner *signer)
{
    MbDkimSealer *sealer = g_new0(MbDkimSealer, 1);

    sealer->signer = signer;
    sealer->body = mb_dkim_body_new();
    sealer->header = g_string_new(NULL);
    return sealer;
}

void mb_dkim_sealer_free(MbDkimSealer *sealer)
{
    if (sealer == NULL)
        return;
    mb_dkim_body_free(sealer->body);
    g_string_free(sealer->header, TRUE);
    mb_wire_unref(sealer->last);
    g_free(sealer);
}

uint64_t mb_dkim_sealer_hashed(const MbDkimSealer *sealer)
{
    return sealer->hashed;
}

/* Copies the header with its empty line, which may stand in several segments, and returns where the
 * body begins. */
static size_t take_header(MbDkimSealer *sealer, const MbWire *message)
{
    GString *header = sealer->header;

    g_string_truncate(header, 0);
    for (size_t i = 0; i < mb_wire_segments(message); i++) {
        MbWireSegment segment = mb_wire_segment(message, i);
        size_t from = header->len > 3 ? header->len - 3 : 0;
        const char *empty;

        g_string_append_len(header, segment.bytes, (gssize)segment.length);
        empty = memmem(header->str + from, header->len - from, "\r\n\r\n", 4);
        if (empty != NULL) {
            g_string_truncate(header, (size_t)(empty - header->str) + 4);
            break;
        }
    }
    return header->len;
}

/* A wire's octets from an offset on, segment by segment. */
typedef struct {
    const MbWire *wire;
    size_t index, offset;
} Cursor;

static Cursor cursor_at(const MbWire *wire, size_t offset)
{
    Cursor cursor = {wire, 0, offset};

    while (cursor.index < mb_wire_segments(wire) &&
           cursor.offset >= mb_wire_segment(wire, cursor.index).length) {
        cursor.offset -= mb_wire_segment(wire, cursor.index).length;
        cursor.index++;
    }
    return cursor;
}

static MbWireSegment rest_of(const Cursor *cursor)
{
    MbWireSegment segment = {NULL, 0};

    if (cursor->index < mb_wire_segments(cursor->wire)) {
        segment = mb_wire_segment(cursor->wire, cursor->index);
        segment.bytes = (const char *)segment.bytes + cursor->offset;
        segment.length -= cursor->offset;
    }
    return segment;
}

static void advance(Cursor *cursor)
{
    cursor->index++;
    cursor->offset = 0;
}

/* What is shared is told by where it is; the rest is compared, which costs less than to hash it. */
static bool same_body(const MbDkimSealer *sealer, const MbWire *message, size_t body)
{
    Cursor here, there;

    if (sealer->last == NULL ||
        mb_wire_length(message) - body != mb_wire_length(sealer->last) - sealer->last_body)
        return false;
    here = cursor_at(message, body);
    there = cursor_at(sealer->last, sealer->last_body);
    for (;; advance(&here), advance(&there)) {
        MbWireSegment a = rest_of(&here), b = rest_of(&there);

        if (a.length != b.length)
            return false;
        if (a.bytes == NULL || b.bytes == NULL)
            return true;
        if (a.bytes != b.bytes && memcmp(a.bytes, b.bytes, a.length) != 0)
            return false;
    }
}

static void hash_body(MbDkimSealer *sealer, MbWire *message, size_t body)
{
    if (same_body(sealer, message, body))
        return;
    for (Cursor at = cursor_at(message, body); rest_of(&at).bytes != NULL; advance(&at))
        mb_dkim_body_update(sealer->body, rest_of(&at).bytes, rest_of(&at).length);
    mb_dkim_body_finish(sealer->body, sealer->hash);
    sealer->hashed++;
    mb_wire_unref(sealer->last);
    sealer->last = mb_wire_ref(message);
    sealer->last_body = body;
}

bool mb_dkim_seal_length(MbDkimSealer *sealer, const MbWire *message, int64_t unix_seconds,
                         size_t *length, GError **error)
{
    take_header(sealer, message);
    return mb_dkim_measure(sealer->signer, sealer->header->str, sealer->header->len, unix_seconds,
                           length, error);
}

MbWire *mb_dkim_seal(MbDkimSealer *sealer, MbWire *message, int64_t unix_seconds, GError **error)
{
    g_autoptr(GString) fields = g_string_sized_new(1024);
    g_autoptr(GBytes) bytes = NULL;

    hash_body(sealer, message, take_header(sealer, message));
    if (!mb_dkim_sign(sealer->signer, sealer->header->str, sealer->header->len, sealer->hash,
                      unix_seconds, fields, error))
        return NULL;
    bytes = g_string_free_to_bytes(g_steal_pointer(&fields));
    return mb_wire_behind(bytes, message);
}
