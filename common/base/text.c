#include <errno.h>
#include <mailbatch/base/error.h>
#include <mailbatch/base/lanes.h>
#include <mailbatch/base/text.h>
#include <stdint.h>
#include <string.h>

#define PRINTABLE_MAX 500

/* Characters that move the cursor or reorder what is shown. */
static bool is_unsafe(gunichar c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x061C || (c >= 0x200E && c <= 0x200F) ||
           (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

void mb_text_append_printable(GString *out, const void *bytes, size_t length, size_t max_length)
{
    const char *text = bytes;
    const char *end = text + length;
    bool cut = max_length != 0 && length > max_length;

    if (cut)
        end = text + max_length;
    while (text < end) {
        gunichar c = g_utf8_get_char_validated(text, end - text);
        if (c == 0 || c == (gunichar)-1 || c == (gunichar)-2) {
            g_string_append_printf(out, "\\x%02x", (unsigned char)*text++);
            continue;
        }
        if (!is_unsafe(c))
            g_string_append_len(out, text, g_utf8_skip[(unsigned char)*text]);
        else if (c < 0x100)
            g_string_append_printf(out, "\\x%02x", c);
        else
            g_string_append_printf(out, "\\u{%04x}", (guint)c);
        text += g_utf8_skip[(unsigned char)*text];
    }
    if (cut)
        g_string_append(out, "…");
}

char *mb_text_printable(const void *bytes, size_t length)
{
    GString *out = g_string_sized_new(MIN(length, PRINTABLE_MAX) + 8);

    mb_text_append_printable(out, bytes, length, PRINTABLE_MAX);
    return g_string_free(out, FALSE);
}

size_t mb_text_ascii_prefix(const void *bytes, size_t length)
{
    const unsigned char *text = bytes;
    size_t done = 0;

    for (; length - done >= 2 * MB_LANES; done += 2 * MB_LANES) {
        MbLanes both = mb_lanes_load(text + done) | mb_lanes_load(text + done + MB_LANES);

        if (mb_lanes_any(both))
            break;
    }
    for (; length - done >= MB_LANES; done += MB_LANES) {
        MbLanes high = mb_lanes_load(text + done);

        if (mb_lanes_any(high))
            return done + mb_lanes_first(high);
    }
    if (done < length) {
        MbLanes high = mb_lanes_load_short(text + done, length - done);

        return mb_lanes_any(high) ? done + mb_lanes_first(high) : length;
    }
    return length;
}

size_t mb_text_count_high(const void *bytes, size_t length)
{
    const unsigned char *text = bytes;
    size_t high = 0;

    for (size_t i = 0; i < length; i++)
        high += text[i] >> 7;
    return high;
}

/* Octets of the well-formed sequence beyond ASCII at the front (RFC 3629, 4), 0: there is none. */
static size_t sequence_length(const unsigned char *at, size_t left)
{
    unsigned char lowest = 0x80, highest = 0xBF;
    size_t length = at[0] >= 0xF0 ? 4 : at[0] >= 0xE0 ? 3 : 2;

    if (at[0] < 0xC2 || at[0] > 0xF4 || left < length)
        return 0;
    switch (at[0]) {
    case 0xE0: lowest = 0xA0; break;
    case 0xED: highest = 0x9F; break;
    case 0xF0: lowest = 0x90; break;
    case 0xF4: highest = 0x8F; break;
    default: break;
    }
    if (at[1] < lowest || at[1] > highest)
        return 0;
    for (size_t i = 2; i < length; i++)
        if (at[i] < 0x80 || at[i] > 0xBF)
            return 0;
    return length;
}

bool mb_text_is_utf8(const void *bytes, size_t length, size_t *bad_offset)
{
    const unsigned char *text = bytes;
    size_t offset = mb_text_ascii_prefix(text, length);

    while (offset < length) {
        size_t sequence = sequence_length(text + offset, length - offset);

        if (sequence == 0) {
            if (bad_offset != NULL)
                *bad_offset = offset;
            return false;
        }
        offset += sequence;
        offset += mb_text_ascii_prefix(text + offset, length - offset);
    }
    return true;
}

bool mb_text_is_ascii(const void *bytes, size_t length)
{
    return mb_text_ascii_prefix(bytes, length) == length;
}

bool mb_text_breaks_line(const void *bytes, size_t length)
{
    return length != 0 &&
           (memchr(bytes, '\r', length) != NULL || memchr(bytes, '\n', length) != NULL ||
            memchr(bytes, '\0', length) != NULL);
}

/* A number and what follows it. */
static bool parse_number(const char *text, guint64 *number, const char **rest)
{
    char *end;

    if (!g_ascii_isdigit(*text))
        return false;
    errno = 0;
    *number = g_ascii_strtoull(text, &end, 10);
    *rest = end;
    return errno == 0;
}

bool mb_text_parse_size(const char *text, guint64 *bytes, GError **error)
{
    static const char units[] = "KMGT";
    guint64 number;
    const char *rest;
    unsigned shift = 0;

    if (!parse_number(text, &number, &rest))
        goto bad;
    if (*rest != '\0' && strchr(units, g_ascii_toupper(*rest)) != NULL) {
        shift = 10 * (unsigned)(strchr(units, g_ascii_toupper(*rest)) - units + 1);
        rest++;
        if (*rest == 'i')
            rest++;
    }
    if (g_ascii_toupper(*rest) == 'B')
        rest++;
    if (*rest != '\0' || (shift != 0 && number > (G_MAXUINT64 >> shift)))
        goto bad;
    *bytes = number << shift;
    return true;
bad:
    g_set_error(error, MB_BASE_ERROR, MB_ERROR_USAGE,
                "%s: not a size: write it like 512, 64K, 256M or 2G", text);
    return false;
}

bool mb_text_parse_duration(const char *text, guint64 *seconds, GError **error)
{
    static const struct {
        char unit;
        guint64 seconds;
    } units[] = {{'\0', 1}, {'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
    guint64 number;
    const char *rest;

    if (parse_number(text, &number, &rest) && (*rest == '\0' || rest[1] == '\0')) {
        for (gsize i = 0; i < G_N_ELEMENTS(units); i++) {
            if (units[i].unit == g_ascii_tolower(*rest) &&
                !__builtin_mul_overflow(number, units[i].seconds, &number)) {
                *seconds = number;
                return true;
            }
        }
    }
    g_set_error(error, MB_BASE_ERROR, MB_ERROR_USAGE,
                "%s: not a duration: write it like 90, 30m, 12h or 30d", text);
    return false;
}

char *mb_text_format_size(guint64 bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    int unit = -1;

    if (bytes < 1024)
        return g_strdup_printf("%" G_GUINT64_FORMAT " B", bytes);
    while (value >= 1024 && unit + 1 < (int)G_N_ELEMENTS(units)) {
        value /= 1024;
        unit++;
    }
    return g_strdup_printf("%.1f %s", value, units[unit]);
}

char *mb_text_hex(const void *bytes, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *at = bytes;
    char *hex = g_malloc(length * 2 + 1);

    for (size_t i = 0; i < length; i++) {
        hex[2 * i] = digits[at[i] >> 4];
        hex[2 * i + 1] = digits[at[i] & 15];
    }
    hex[2 * length] = '\0';
    return hex;
}

/* --- the nearest name --------------------------------------------------------------------- */

#define NEAREST_MAX 64

/* How many letters have to be added, removed, changed or swapped; case does not count. */
static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[3][NEAREST_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2];

    for (size_t j = 0; j <= b_length; j++)
        last[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t *spare = before;

        now[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            bool same = g_ascii_tolower(a[i - 1]) == g_ascii_tolower(b[j - 1]);
            size_t best = MIN(MIN(last[j] + 1, now[j - 1] + 1), last[j - 1] + (same ? 0 : 1));

            if (i > 1 && j > 1 && g_ascii_tolower(a[i - 1]) == g_ascii_tolower(b[j - 2]) &&
                g_ascii_tolower(a[i - 2]) == g_ascii_tolower(b[j - 1]))
                best = MIN(best, before[j - 2] + 1);
            now[j] = best;
        }
        before = last;
        last = now;
        now = spare;
    }
    return last[b_length];
}

const char *mb_text_nearest(const char *wanted, const char *const *names, size_t n_names)
{
    size_t length = strlen(wanted);
    size_t best = length / 3 + 2; /* one letter of a short name, more of a long one */
    const char *nearest = NULL;

    for (size_t i = 0; i < n_names; i++) {
        size_t n = strlen(names[i]);

        if (length <= NEAREST_MAX && n <= NEAREST_MAX) {
            size_t far = distance(wanted, length, names[i], n);

            if (far < best && far < MAX(length, n)) {
                best = far;
                nearest = names[i];
            }
        }
    }
    return nearest;
}
