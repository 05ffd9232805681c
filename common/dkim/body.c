/*
 * Relaxed canonicalisation of a body (RFC 6376, 3.4.4), hashed as it comes:
 *
 *   blanks at a line's end go, other runs of blanks become one space, empty lines at the body's end
 *   go, and a last line without its end gets one; a body without any text is empty.
 *
 * Whatever may turn out to be an end is held back as a count: line ends, and whether blanks came.
 */
#include <mailbatch/dkim/dkim.h>
#include <string.h>

/* What one call of the digest gets: enough to make its cost vanish. */
#define GATHER 16384

struct MbDkimBody {
    MbDigest *digest;
    size_t line_ends; /* came after the last octet that was hashed */
    bool any, blank, cr;
    size_t gathered;
    char gather[GATHER];
};

MbDkimBody *mb_dkim_body_new(void)
{
    MbDkimBody *body = g_malloc(sizeof(*body));

    body->digest = mb_digest_new(MB_DIGEST_SHA256);
    body->line_ends = body->gathered = 0;
    body->any = body->blank = body->cr = false;
    return body;
}

void mb_dkim_body_free(MbDkimBody *body)
{
    if (body == NULL)
        return;
    mb_digest_free(body->digest);
    g_free(body);
}

static void flush(MbDkimBody *body)
{
    mb_digest_update(body->digest, body->gather, body->gathered);
    body->gathered = 0;
}

static void put(MbDkimBody *body, const char *bytes, size_t length)
{
    if (length > GATHER - body->gathered)
        flush(body);
    if (length > GATHER) {
        mb_digest_update(body->digest, bytes, length);
        return;
    }
    memcpy(body->gather + body->gathered, bytes, length);
    body->gathered += length;
}

/* Text follows: what was held back is no end. */
static void release(MbDkimBody *body)
{
    for (; body->line_ends > 0; body->line_ends--)
        put(body, "\r\n", 2);
    if (body->blank)
        put(body, " ", 1);
    body->blank = false;
    body->any = true;
}

/* Octets that need no care: no line end, no blank but a single space between two others. Eight at a
 * time, by the borrow of each octet when 0x21 is taken from it: the lowest one found is certain. */
static size_t plain_length(const char *bytes, size_t length)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = UINT64_C(0x8080808080808080);
    size_t i = 0;

    while (i < length) {
        if (i + 8 <= length) {
            uint64_t word;

            memcpy(&word, bytes + i, sizeof(word));
            word = GUINT64_FROM_LE(word);
            word = ((word - ones * 0x21) | word) & tops;
            if (word == 0) {
                i += 8;
                continue;
            }
            i += (size_t)__builtin_ctzll(word) / 8;
        }
        if (bytes[i] == '\r' || bytes[i] == '\t')
            break;
        if (bytes[i] == ' ' && (i == 0 || i + 1 == length || (unsigned char)bytes[i + 1] <= ' '))
            break;
        i++;
    }
    return i;
}

/* CR, LF after it, or a blank. */
static void take_special(MbDkimBody *body, char octet)
{
    if (body->cr) {
        body->cr = false;
        if (octet == '\n') {
            body->blank = false;
            body->line_ends++;
            return;
        }
        release(body);
        put(body, "\r", 1);
    }
    if (octet == '\r') {
        body->cr = true;
    } else if (octet == ' ' || octet == '\t') {
        body->blank = true;
    } else {
        release(body);
        put(body, &octet, 1);
    }
}

void mb_dkim_body_update(MbDkimBody *body, const void *bytes, size_t length)
{
    const char *at = bytes, *end = at + length;

    while (at < end) {
        size_t plain = body->cr ? 0 : plain_length(at, (size_t)(end - at));

        if (plain > 0) {
            release(body);
            put(body, at, plain);
            at += plain;
        } else {
            take_special(body, *at++);
        }
    }
}

void mb_dkim_body_finish(MbDkimBody *body, uint8_t hash[MB_SHA256_LENGTH])
{
    if (body->cr) {
        release(body);
        put(body, "\r", 1);
    }
    if (body->any)
        put(body, "\r\n", 2);
    flush(body);
    mb_digest_finish(body->digest, hash);
    body->line_ends = 0;
    body->any = body->blank = body->cr = false;
}
