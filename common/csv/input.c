#include "input.h"

#include <errno.h>
#include <mailbatch/base/text.h>
#include <string.h>

/* A place where conversion failed: in the text made so far, and in the file. */
typedef struct {
    uint64_t text_offset;
    uint64_t file_offset;
    uint8_t octet;
} BadPlace;

/* Where a conversion began: in the file, and in the text. */
typedef struct {
    uint64_t raw, text;
} Chunk;

struct CsvInput {
    char *encoding; /* NULL: the octets are UTF-8 */
    bool decided;   /* the BOM was looked at */
    bool explicit;
    bool finished;
    bool at_start; /* nothing was converted so far: a BOM may still come out */
    GIConv iconv;
    GString *raw; /* what waits for the BOM's decision or for the rest of a character */
    uint64_t raw_offset;
    GString *text;        /* UTF-8 */
    size_t taken;         /* of `text`, handed out as lines */
    size_t searched;      /* of `text`, without a line end */
    uint64_t text_offset; /* of text->str[0], in all the text made */
    uint64_t
        skipped; /* octets of the BOM: file offset of text offset 0, when nothing is converted */
    Chunk chunks[2]; /* what was converted last, and before: where a place may begin */
    size_t to_skip;  /* of the text to come, passed over: see csv_input_start_at() */
    GArray *bad;     /* BadPlace, ascending */
    guint bad_taken; /* of `bad`, passed by the lines handed out */
};

CsvInput *csv_input_new(const char *encoding)
{
    CsvInput *input = g_new0(CsvInput, 1);

    input->iconv = (GIConv)-1;
    input->raw = g_string_new(NULL);
    input->text = g_string_new(NULL);
    input->bad = g_array_new(FALSE, FALSE, sizeof(BadPlace));
    input->explicit = encoding != NULL;
    input->at_start = true;
    if (encoding == NULL || g_ascii_strcasecmp(encoding, "UTF-8") == 0 ||
        g_ascii_strcasecmp(encoding, "UTF8") == 0)
        return input;
    input->encoding = g_strdup(encoding);
    input->iconv = g_iconv_open("UTF-8", encoding);
    if (input->iconv == (GIConv)-1)
        g_clear_pointer(&input, csv_input_free);
    return input;
}

void csv_input_free(CsvInput *input)
{
    if (input == NULL)
        return;
    if (input->iconv != (GIConv)-1)
        g_iconv_close(input->iconv);
    g_string_free(input->raw, TRUE);
    g_string_free(input->text, TRUE);
    g_array_unref(input->bad);
    g_free(input->encoding);
    g_free(input);
}

static void skip_raw(CsvInput *input, size_t length)
{
    g_string_erase(input->raw, 0, (gssize)length);
    input->raw_offset += length;
}

/* Looks at the first octets; false when more are needed. */
static bool decide(CsvInput *input)
{
    const uint8_t *raw = (const uint8_t *)input->raw->str;
    size_t length = input->raw->len;

    if (length < 3 && !input->finished)
        return false;
    input->decided = true;
    if (length >= 3 && memcmp(raw, "\xEF\xBB\xBF", 3) == 0) {
        skip_raw(input, 3);
    } else if (!input->explicit && length >= 2 &&
               (memcmp(raw, "\xFF\xFE", 2) == 0 || memcmp(raw, "\xFE\xFF", 2) == 0)) {
        input->encoding = g_strdup(raw[0] == 0xFF ? "UTF-16LE" : "UTF-16BE");
        input->iconv = g_iconv_open("UTF-8", input->encoding);
        skip_raw(input, 2);
    }
    input->skipped = input->raw_offset;
    return true;
}

static void note_bad(CsvInput *input, size_t raw_index)
{
    BadPlace place = {.text_offset = input->text_offset + input->text->len,
                      .file_offset = input->raw_offset + raw_index,
                      .octet = (uint8_t)input->raw->str[raw_index]};

    g_array_append_val(input->bad, place);
    /* An octet that is never UTF-8 stands in for it: no value can take it for text. */
    g_string_append_c(input->text, '\xFF');
}

/* Octets to pass over after one that is invalid: one code unit. */
static size_t unit_of(const CsvInput *input)
{
    if (g_ascii_strncasecmp(input->encoding, "UTF-16", 6) == 0 ||
        g_ascii_strncasecmp(input->encoding, "UCS-2", 5) == 0)
        return 2;
    if (g_ascii_strncasecmp(input->encoding, "UTF-32", 6) == 0 ||
        g_ascii_strncasecmp(input->encoding, "UCS-4", 5) == 0)
        return 4;
    return 1;
}

/* The last letter of a conversion that waits whether an accent follows (CP1258 and its like). */
static void flush_conversion(CsvInput *input)
{
    char buffer[64], *to = buffer;
    gsize to_left = sizeof buffer;

    g_iconv(input->iconv, NULL, NULL, &to, &to_left);
    g_string_append_len(input->text, buffer, to - buffer);
}

static void convert(CsvInput *input)
{
    char buffer[8192];
    size_t done = 0;

    input->chunks[1] = input->chunks[0];
    input->chunks[0] = (Chunk){input->raw_offset, input->text_offset + input->text->len};
    while (done < input->raw->len) {
        char *from = input->raw->str + done, *to = buffer;
        gsize from_left = input->raw->len - done, to_left = sizeof buffer;
        gsize result = g_iconv(input->iconv, &from, &from_left, &to, &to_left);
        int problem = result == (gsize)-1 ? errno : 0;

        g_string_append_len(input->text, buffer, to - buffer);
        done = input->raw->len - from_left;
        if (problem == EINVAL && !input->finished)
            break;
        if (problem == EILSEQ || problem == EINVAL) {
            flush_conversion(input);
            note_bad(input, done);
            done += MIN(unit_of(input), input->raw->len - done);
        }
    }
    skip_raw(input, done);
    if (input->finished)
        flush_conversion(input);
    if (input->at_start && input->text->len >= 3) {
        input->at_start = false;
        if (memcmp(input->text->str, "\xEF\xBB\xBF", 3) == 0) {
            g_string_erase(input->text, 0, 3);
            input->text_offset += 3;
        }
    }
}

void csv_input_push(CsvInput *input, const void *bytes, size_t length)
{
    if (input->taken > 0) {
        g_string_erase(input->text, 0, (gssize)input->taken);
        input->text_offset += input->taken;
        input->searched -= input->taken;
        input->taken = 0;
        g_array_set_size(input->bad, input->bad_taken == input->bad->len ? 0 : input->bad->len);
        input->bad_taken = input->bad->len == 0 ? 0 : input->bad_taken;
    }
    if (input->decided && input->encoding == NULL) {
        g_string_append_len(input->text, bytes, (gssize)length);
        return;
    }
    g_string_append_len(input->raw, bytes, (gssize)length);
    if (!input->decided && !decide(input))
        return;
    if (input->encoding != NULL) {
        convert(input);
    } else {
        g_string_append_len(input->text, input->raw->str, (gssize)input->raw->len);
        g_string_truncate(input->raw, 0);
    }
}

void csv_input_finish(CsvInput *input)
{
    input->finished = true;
    csv_input_push(input, "", 0);
}

/* ---- beginning in the middle ---- */

/* Encodings whose octets mean the same wherever a character begins. Some of their families hold a
 * letter back until they have seen whether an accent follows. */
static bool is_stateless(const char *encoding)
{
    static const char *const waiting[] = {"1255", "1258", "HKSCS", "X0213"};
    static const char *const prefixes[] = {
        "ISO-8859-", "ISO8859-", "WINDOWS-", "CP125",    "CP437",    "CP85",
        "KOI8-",     "LATIN",    "MAC",      "UTF-16LE", "UTF-16BE", "UTF-32LE",
        "UTF-32BE",  "GBK",      "GB18030",  "BIG5",     "EUC-",     "SHIFT_JIS",
    };

    for (guint i = 0; i < G_N_ELEMENTS(waiting); i++)
        if (strcasestr(encoding, waiting[i]) != NULL)
            return false;
    for (guint i = 0; i < G_N_ELEMENTS(prefixes); i++)
        if (g_ascii_strncasecmp(encoding, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

bool csv_input_place(const CsvInput *input, uint64_t *offset, size_t *skip)
{
    uint64_t here = input->text_offset + input->taken;

    if (!input->decided || (input->encoding != NULL && !is_stateless(input->encoding)))
        return false;
    if (input->encoding == NULL) {
        *offset = here + input->skipped;
        *skip = 0;
        return true;
    }
    for (guint i = 0; i < G_N_ELEMENTS(input->chunks); i++) {
        const Chunk *chunk = &input->chunks[i];

        /* A BOM that came out of the conversion was cut off behind the first chunk's beginning. */
        if (chunk->raw > 0 && chunk->text <= here) {
            *offset = chunk->raw;
            *skip = (size_t)(here - chunk->text);
            return true;
        }
    }
    return false;
}

void csv_input_start_at(CsvInput *input, const char *encoding, uint64_t offset, size_t skip)
{
    input->decided = true;
    input->at_start = false;
    if (input->encoding == NULL && g_ascii_strcasecmp(encoding, "UTF-8") != 0) {
        input->encoding = g_strdup(encoding);
        input->iconv = g_iconv_open("UTF-8", encoding);
    }
    input->to_skip = skip;
    input->raw_offset = offset;
    if (input->encoding == NULL)
        input->text_offset = offset;
}

/* The length of the line at `taken`, its end included; 0 when it is not complete. */
static size_t line_length(CsvInput *input)
{
    const char *start = input->text->str + input->taken;
    const char *from = input->text->str + input->searched;
    const char *end = input->text->str + input->text->len;
    const char *lf = memchr(from, '\n', (size_t)(end - from));
    const char *cr = memchr(from, '\r', (size_t)((lf != NULL ? lf : end) - from));

    if (cr != NULL && cr + 1 < end)
        return (size_t)(cr - start) + (cr[1] == '\n' ? 2 : 1);
    if (cr == NULL && lf != NULL)
        return (size_t)(lf - start) + 1;
    if (input->finished)
        return (size_t)(end - start);
    input->searched = (size_t)((cr != NULL ? cr : end) - input->text->str);
    return 0;
}

/* The first invalid octet of a line, in terms of the file. */
static void check_line(CsvInput *input, CsvLine *line)
{
    uint64_t begin = input->text_offset + (uint64_t)(line->text - input->text->str);
    size_t bad = 0;

    line->invalid = !mb_text_is_utf8(line->text, line->length, &bad);
    if (!line->invalid)
        return;
    line->bad_offset = begin + bad + input->skipped;
    line->bad_octet = (uint8_t)line->text[bad];
    for (; input->bad_taken < input->bad->len; input->bad_taken++) {
        BadPlace place = g_array_index(input->bad, BadPlace, input->bad_taken);

        if (place.text_offset >= begin + line->length)
            break;
        if (place.text_offset == begin + bad) {
            line->bad_offset = place.file_offset;
            line->bad_octet = place.octet;
        }
    }
}

bool csv_input_line(CsvInput *input, CsvLine *line)
{
    size_t length = 0;

    if (input->to_skip > 0) {
        size_t passed = MIN(input->to_skip, input->text->len - input->taken);

        input->to_skip -= passed;
        input->taken += passed;
        input->searched = input->taken;
    }
    if (input->decided)
        length = line_length(input);
    if (length == 0)
        return false;
    *line = (CsvLine){.text = input->text->str + input->taken, .length = length};
    input->taken += length;
    input->searched = input->taken;
    check_line(input, line);
    return true;
}

size_t csv_input_waiting(const CsvInput *input)
{
    return input->text->len - input->taken;
}

const char *csv_input_encoding(const CsvInput *input)
{
    return input->encoding != NULL ? input->encoding : "UTF-8";
}
