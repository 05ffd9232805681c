#include "charset-private.h"

#include <errno.h>
#include <mailbatch/base/text.h>
#include <string.h>

#define REPLACEMENT     "\xEF\xBF\xBD"
#define PENDING_MAX     16
#define DETECT_MIN_HIGH 12 /* fewer bytes above 0x7F tell a detector nothing */

struct MbConverter {
    MbCharsetKind kind;
    char name[MB_CHARSET_MAX];
    iconv_t handle;
    size_t unit;                  /* bytes to skip over what is wrong */
    uint8_t pending[PENDING_MAX]; /* a character that the chunk cut */
    size_t held;
    uint64_t offset; /* bytes converted or found wrong so far */
    uint64_t errors;
    uint64_t first_error;
};

static const uint16_t cp1252_high[32] = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178,
};

MbConverter *mb_converter_new(const char *charset)
{
    MbConverter *converter = g_new0(MbConverter, 1);

    converter->kind = mb_charset_kind(charset);
    converter->unit = 1;
    g_strlcpy(converter->name, charset, MB_CHARSET_MAX);
    if (converter->kind != MB_CHARSET_ICONV)
        return converter;
    converter->handle =
        mb_charset_convertible(charset) ? mb_charset_take_handle(charset) : (iconv_t)-1;
    if (converter->handle == (iconv_t)-1)
        converter->kind = MB_CHARSET_CP1252;
    else if (g_str_has_prefix(charset, "utf-16"))
        converter->unit = 2;
    else if (g_str_has_prefix(charset, "utf-32"))
        converter->unit = 4;
    return converter;
}

void mb_converter_free(MbConverter *converter)
{
    if (converter == NULL)
        return;
    if (converter->kind == MB_CHARSET_ICONV)
        mb_charset_give_handle(converter->name, converter->handle);
    g_free(converter);
}

static void put(GString *out, const void *bytes, size_t length)
{
    if (out != NULL)
        g_string_append_len(out, bytes, (gssize)length);
}

static void note_error(MbConverter *converter, uint64_t offset, GString *out)
{
    if (converter->errors++ == 0)
        converter->first_error = offset;
    put(out, REPLACEMENT, 3);
}

/* The length of the UTF-8 sequence at `at` (Unicode, table 3-7); *valid tells whether it is one,
 * else the length is that of what cannot be continued. 0: it is cut by the end. */
static size_t utf8_sequence(const uint8_t *at, size_t left, bool *valid)
{
    uint8_t lead = at[0];
    uint8_t low = 0x80, high = 0xBF;
    size_t need = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;

    *valid = lead < 0x80 || (lead >= 0xC2 && lead <= 0xF4);
    if (!*valid)
        return 1;
    if (lead == 0xE0)
        low = 0xA0;
    else if (lead == 0xED)
        high = 0x9F;
    else if (lead == 0xF0)
        low = 0x90;
    else if (lead == 0xF4)
        high = 0x8F;
    for (size_t i = 1; i < need; i++) {
        if (i == left)
            return 0;
        if (at[i] < low || at[i] > high) {
            *valid = false;
            return i;
        }
        low = 0x80;
        high = 0xBF;
    }
    return need;
}

/* Each of the three: appends what converts, returns how many bytes it took. */
static size_t push_utf8(MbConverter *converter, const uint8_t *bytes, size_t length, GString *out)
{
    size_t at = 0;
    size_t start = 0;

    while (at < length) {
        bool valid;
        size_t taken;

        at += mb_text_ascii_prefix(bytes + at, length - at);
        if (at == length)
            break;
        taken = utf8_sequence(bytes + at, length - at, &valid);

        if (taken == 0)
            break;
        if (!valid) {
            put(out, bytes + start, at - start);
            note_error(converter, converter->offset + at, out);
            start = at + taken;
        }
        at += taken;
    }
    put(out, bytes + start, at - start);
    return at;
}

static size_t push_single(MbConverter *converter, const uint8_t *bytes, size_t length, GString *out)
{
    for (size_t i = 0; i < length; i++) {
        size_t plain = mb_text_ascii_prefix(bytes + i, length - i);
        uint8_t byte;
        gunichar c;

        put(out, bytes + i, plain);
        i += plain;
        if (i == length)
            break;
        c = byte = bytes[i];
        if (converter->kind == MB_CHARSET_ASCII)
            c = 0;
        else if (byte < 0xA0 && converter->kind == MB_CHARSET_CP1252)
            c = cp1252_high[byte - 0x80];
        if (c == 0)
            note_error(converter, converter->offset + i, out);
        else if (out != NULL)
            g_string_append_unichar(out, c);
    }
    return length;
}

static size_t push_iconv(MbConverter *converter, const uint8_t *bytes, size_t length, GString *out)
{
    char *in = (char *)bytes;
    size_t left = length;

    while (left > 0) {
        char buffer[4096];
        char *to = buffer;
        size_t room = sizeof(buffer);
        size_t result = iconv(converter->handle, &in, &left, &to, &room);
        int problem = errno;

        put(out, buffer, (size_t)(to - buffer));
        if (result != (size_t)-1 || problem == E2BIG)
            continue;
        if (problem == EINVAL)
            break;
        note_error(converter, converter->offset + (length - left), out);
        in += MIN(left, converter->unit);
        left -= MIN(left, converter->unit);
    }
    return length - left;
}

static size_t convert(MbConverter *converter, const uint8_t *bytes, size_t length, GString *out)
{
    size_t taken;

    if (converter->kind == MB_CHARSET_UTF8)
        taken = push_utf8(converter, bytes, length, out);
    else if (converter->kind == MB_CHARSET_ICONV)
        taken = push_iconv(converter, bytes, length, out);
    else
        taken = push_single(converter, bytes, length, out);
    converter->offset += taken;
    return taken;
}

/* Keeps what a chunk cut; more than any character takes is no character. */
static void hold(MbConverter *converter, const uint8_t *bytes, size_t length, GString *out)
{
    if (length > PENDING_MAX) {
        note_error(converter, converter->offset, out);
        converter->offset += length - PENDING_MAX;
        bytes += length - PENDING_MAX;
        length = PENDING_MAX;
    }
    memmove(converter->pending, bytes, length);
    converter->held = length;
}

void mb_converter_push(MbConverter *converter, const void *bytes, size_t length, GString *out)
{
    const uint8_t *in = bytes;

    while (converter->held > 0 && length > 0) {
        uint8_t joined[PENDING_MAX + PENDING_MAX];
        size_t before = converter->held;
        size_t more = MIN(length, PENDING_MAX);
        size_t taken;

        memcpy(joined, converter->pending, before);
        memcpy(joined + before, in, more);
        taken = convert(converter, joined, before + more, out);
        converter->held = 0;
        if (taken >= before) {
            in += taken - before;
            length -= taken - before;
        } else {
            hold(converter, joined + taken, before + more - taken, out);
            in += more;
            length -= more;
        }
    }
    if (length > 0) {
        size_t taken = convert(converter, in, length, out);

        hold(converter, in + taken, length - taken, out);
    }
}

void mb_converter_finish(MbConverter *converter, GString *out, MbCharsetUse *use)
{
    char buffer[64];
    char *to = buffer;
    size_t room = sizeof(buffer);

    if (converter->held > 0)
        note_error(converter, converter->offset, out);
    converter->held = 0;
    if (converter->kind == MB_CHARSET_ICONV) {
        iconv(converter->handle, NULL, NULL, &to, &room);
        put(out, buffer, (size_t)(to - buffer));
    }
    if (converter->errors > 0 && use->errors == 0)
        use->first_error = converter->first_error;
    use->errors += converter->errors;
    use->lossy |= converter->errors > 0;
}

/* What a charset is chosen for. */
typedef struct {
    const uint8_t *bytes;
    size_t length;
    size_t ascii; /* bytes below 0x80 at the front */
    bool complete;
} Sample;

static Sample sample_of(const void *bytes, size_t length, bool complete)
{
    return (Sample){bytes, length, mb_text_ascii_prefix(bytes, length), complete};
}

/* Whether the sample is valid in `name`; `result` says how many bytes are not, and where. */
static bool is_valid_in(const char *name, const Sample *sample, MbCharsetUse *result)
{
    g_autoptr(MbConverter) converter = NULL;
    MbCharsetUse use = {0};

    if (sample->ascii < sample->length || !mb_charset_has_ascii(name)) {
        converter = mb_converter_new(name);
        mb_converter_push(converter, sample->bytes, sample->length, NULL);
        if (!sample->complete)
            converter->held = 0;
        mb_converter_finish(converter, NULL, &use);
    }
    *result = use;
    return !use.lossy;
}

static size_t count_high(const Sample *sample)
{
    return mb_text_count_high(sample->bytes + sample->ascii, sample->length - sample->ascii);
}

/* Whether all is valid in it, too. */
static bool detect(const Sample *sample, char name[MB_CHARSET_MAX])
{
    MbCharsetUse trial;
    size_t high = count_high(sample);

    g_strlcpy(name, high == 0 ? "us-ascii" : "utf-8", MB_CHARSET_MAX);
    if (high == 0 || is_valid_in(name, sample, &trial))
        return true;
    if (high >= DETECT_MIN_HIGH && mb_charset_detect(sample->bytes, sample->length, name) &&
        strcmp(name, "utf-8") != 0 && strcmp(name, "us-ascii") != 0 &&
        is_valid_in(name, sample, &trial))
        return true;
    g_strlcpy(name, "windows-1252", MB_CHARSET_MAX);
    return false;
}

/* ISO 8859-1's C1 controls do not occur in mail: the sender meant windows-1252. */
static bool has_c1(const Sample *sample, uint64_t *where)
{
    for (size_t i = sample->ascii; i < sample->length; i++) {
        if (sample->bytes[i] >= 0x80 && sample->bytes[i] < 0xA0) {
            *where = i;
            return true;
        }
    }
    return false;
}

/* Whether what was detected is to be used. windows-1252 stands there when nobody knew: that is no
 * better than a declaration that is nearly right. UTF-8 is not nearly right when every other byte
 * above 0x7F is wrong. */
static bool is_guess_better(const MbCharsetUse *use, const MbCharsetUse *trial,
                            const Sample *sample)
{
    if (use->used[0] == '\0' || strcmp(use->used, "us-ascii") == 0 ||
        strcmp(use->detected, "windows-1252") != 0)
        return true;
    return strcmp(use->used, "utf-8") == 0 && trial->errors * 2 > count_high(sample);
}

/* Whether all is surely valid in what is used. */
static bool choose(const char *declared, const Sample *sample, MbCharsetUse *use, MbFlaws *flaws)
{
    bool is_valid;
    char name[MB_CHARSET_MAX] = "";
    MbCharsetUse trial = {0};
    uint64_t where = 0;

    memset(use, 0, sizeof(*use));
    use->known = true;
    if (declared != NULL && *declared != '\0') {
        use->known = mb_charset_canonical(declared, strlen(declared), name);
        if (!use->known)
            mb_flaws_add(flaws, MB_FLAW_CHARSET_UNKNOWN, 0, sample->length);
        if (strcmp(name, "utf-7") == 0)
            mb_flaws_add(flaws, MB_FLAW_CHARSET_UTF7, 0, sample->length);
    }
    if (use->known && name[0] != '\0') {
        g_strlcpy(use->used, name, MB_CHARSET_MAX);
        if (strcmp(name, "iso-8859-1") == 0 && has_c1(sample, &where)) {
            mb_flaws_add(flaws, MB_FLAW_CHARSET_SUPERSET, where, 1);
            g_strlcpy(use->used, "windows-1252", MB_CHARSET_MAX);
            g_strlcpy(use->detected, "windows-1252", MB_CHARSET_MAX);
        }
        if (is_valid_in(use->used, sample, &trial))
            return true;
        mb_flaws_add(flaws, MB_FLAW_CHARSET_LIE, trial.first_error, 1);
    }
    is_valid = detect(sample, use->detected);
    if (!is_guess_better(use, &trial, sample))
        return false;
    g_strlcpy(use->used, use->detected, MB_CHARSET_MAX);
    return is_valid;
}

void mb_charset_choose(const char *declared, const void *bytes, size_t length, bool complete,
                       MbCharsetUse *use, MbFlaws *flaws)
{
    Sample sample = sample_of(bytes, length, complete);

    choose(declared, &sample, use, flaws);
}

static void note_lossy(const MbCharsetUse *use, MbFlaws *flaws)
{
    if (use->lossy)
        mb_flaws_add(flaws, MB_FLAW_CHARSET_LOSSY, use->first_error, 1);
}

void mb_charset_check(const char *declared, const void *bytes, size_t length, MbCharsetUse *use,
                      MbFlaws *flaws)
{
    Sample sample = sample_of(bytes, length, true);
    MbCharsetUse result;

    if (choose(declared, &sample, use, flaws))
        return;
    is_valid_in(use->used, &sample, &result);
    use->lossy = result.lossy;
    use->errors = result.errors;
    use->first_error = result.first_error;
    note_lossy(use, flaws);
}

static bool append_ascii(const char *declared, const void *bytes, size_t length, GString *out,
                         MbCharsetUse *use)
{
    char name[MB_CHARSET_MAX] = "us-ascii";

    if (!mb_text_is_ascii(bytes, length))
        return false;
    if (declared != NULL && *declared != '\0' &&
        (!mb_charset_canonical(declared, strlen(declared), name) || !mb_charset_has_ascii(name)))
        return false;
    memset(use, 0, sizeof(*use));
    use->known = true;
    g_strlcpy(use->used, name, MB_CHARSET_MAX);
    if (declared == NULL || *declared == '\0')
        g_strlcpy(use->detected, name, MB_CHARSET_MAX);
    g_string_append_len(out, bytes, (gssize)length);
    return true;
}

void mb_charset_to_utf8(const char *declared, const void *bytes, size_t length, GString *out,
                        MbCharsetUse *use, MbFlaws *flaws)
{
    MbCharsetUse scratch;
    MbCharsetUse *result = use != NULL ? use : &scratch;
    g_autoptr(MbConverter) converter = NULL;

    if (append_ascii(declared, bytes, length, out, result))
        return;
    mb_charset_choose(declared, bytes, length, true, result, flaws);
    converter = mb_converter_new(result->used);
    mb_converter_push(converter, bytes, length, out);
    mb_converter_finish(converter, out, result);
    note_lossy(result, flaws);
}
