#include <mailbatch/mime/filename.h>
#include <string.h>

#define NAME_BYTES_MAX 255 /* of most file systems */

/* What starts something when it is opened. */
static const char *const active[] = {
    "ade", "app", "bat", "chm", "cmd", "com", "cpl", "dll", "exe", "hta", "htm", "html",
    "img", "iso", "jar", "js",  "jse", "lnk", "mht", "msc", "msi", "msp", "pif", "ps1",
    "reg", "scr", "sct", "sh",  "svg", "vbe", "vbs", "vhd", "wsc", "wsf", "wsh", "xll",
};

/* What people take for a document. */
static const char *const harmless[] = {
    "avi", "bmp", "csv",  "doc", "docm", "docx", "eml", "gif",  "jpeg", "jpg", "mov",
    "mp3", "mp4", "msg",  "odp", "ods",  "odt",  "pdf", "png",  "pps",  "ppt", "pptx",
    "rtf", "tif", "tiff", "txt", "wav",  "webp", "xls", "xlsm", "xlsx", "xml", "zip",
};

static const char *const reserved[] = {"con", "prn", "aux", "nul", "com", "lpt"};

static bool is_among(const char *word, size_t length, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(words[i]) == length && g_ascii_strncasecmp(word, words[i], length) == 0)
            return true;
    }
    return false;
}

static size_t solid_length(const char *name, size_t length)
{
    while (length > 0 && (name[length - 1] == '.' || name[length - 1] == ' '))
        length--;
    return length;
}

/* Where the extension before `end` begins, behind its dot; `end` when there is none. */
static size_t extension_start(const char *name, size_t end)
{
    for (size_t at = end; at > 0; at--) {
        if (name[at - 1] == '.')
            return at;
        if (name[at - 1] == '/' || name[at - 1] == '\\')
            break;
    }
    return end;
}

void mb_filename_extension(const char *name, size_t length,
                           char extension[MB_FILENAME_EXTENSION_MAX])
{
    size_t end = solid_length(name, length);
    size_t start = extension_start(name, end);

    extension[0] = '\0';
    if (end - start >= MB_FILENAME_EXTENSION_MAX)
        return;
    for (size_t i = start; i < end; i++) {
        if (!g_ascii_isalnum(name[i]))
            return;
    }
    for (size_t i = start; i < end; i++)
        extension[i - start] = g_ascii_tolower(name[i]);
    extension[end - start] = '\0';
}

/* U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069. */
static bool is_bidi(gunichar c)
{
    return c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) ||
           (c >= 0x2066 && c <= 0x2069);
}

static void check_characters(const char *name, size_t length, MbFlaws *flaws)
{
    for (size_t at = 0; at < length;) {
        uint8_t byte = (uint8_t)name[at];
        gunichar c =
            byte < 0x80 ? byte : g_utf8_get_char_validated(name + at, (gssize)(length - at));
        size_t width = (gint32)c < 0 || byte < 0x80 ? 1 : (size_t)g_utf8_skip[byte];

        if (byte < ' ' || byte == 0x7F || (c >= 0x80 && c < 0xA0))
            mb_flaws_add(flaws, MB_FLAW_NAME_CONTROL, at, width);
        else if ((gint32)c > 0 && is_bidi(c))
            mb_flaws_add(flaws, MB_FLAW_NAME_BIDI, at, width);
        at += width;
    }
}

static void check_path(const char *name, size_t length, MbFlaws *flaws)
{
    if (length >= 2 && name[1] == ':' && g_ascii_isalpha(name[0]))
        mb_flaws_add(flaws, MB_FLAW_NAME_PATH, 0, 2);
    else if ((length == 2 && memcmp(name, "..", 2) == 0) || (length == 1 && name[0] == '.'))
        mb_flaws_add(flaws, MB_FLAW_NAME_PATH, 0, length);
    for (size_t at = 0; at < length; at++) {
        if (name[at] == '/' || name[at] == '\\') {
            mb_flaws_add(flaws, MB_FLAW_NAME_PATH, at, 1);
            break;
        }
    }
}

/* "invoice.pdf.exe", "photo.jpg          .scr" */
static void check_extensions(const char *name, size_t length, MbFlaws *flaws)
{
    size_t end = solid_length(name, length);
    size_t last = extension_start(name, end);
    size_t before_end, before;

    if (last == end || last < 2)
        return;
    before_end = solid_length(name, last - 1);
    before = extension_start(name, before_end);
    if (is_among(name + last, end - last, active, G_N_ELEMENTS(active)) &&
        is_among(name + before, before_end - before, harmless, G_N_ELEMENTS(harmless)))
        mb_flaws_add(flaws, MB_FLAW_NAME_DOUBLE, before - 1, end - before + 1);
}

/* "nul", "con.txt", "COM1" */
static void check_reserved(const char *name, size_t length, MbFlaws *flaws)
{
    const char *dot = memchr(name, '.', length);
    size_t stem = dot != NULL ? (size_t)(dot - name) : length;
    bool is_port = stem == 4 && name[3] >= '1' && name[3] <= '9';

    if ((stem == 3 && is_among(name, stem, reserved, 4)) ||
        (is_port && is_among(name, 3, reserved + 4, 2)))
        mb_flaws_add(flaws, MB_FLAW_NAME_RESERVED, 0, stem);
}

void mb_filename_check(const char *name, size_t length, MbFlaws *flaws)
{
    size_t solid = solid_length(name, length);

    if (length == 0)
        return;
    check_characters(name, length, flaws);
    check_path(name, length, flaws);
    if (solid < length)
        mb_flaws_add(flaws, MB_FLAW_NAME_TRAILING, solid, length - solid);
    if (length > NAME_BYTES_MAX)
        mb_flaws_add(flaws, MB_FLAW_NAME_LONG, NAME_BYTES_MAX, length - NAME_BYTES_MAX);
    check_extensions(name, length, flaws);
    check_reserved(name, length, flaws);
}
