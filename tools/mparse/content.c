#include "content.h"

#include "content-rules.h"

#include <magic.h>
#include <mailbatch/base/lanes.h>
#include <stdint.h>
#include <string.h>

#define LOOK     ((size_t)4096) /* bytes that tell text from the rest */
#define PDF_NEAR ((size_t)1024)

/* Text has a control among so many bytes at most. */
#define TEXT_PER_CONTROL ((size_t)32)

#define UNKNOWN "application/octet-stream"

/* What content of these kinds is, is libmagic's to say, though it begins like text. */
static const char *const marks[] = {
    "%PDF",
    "%!",
    "{\\rtf",
    "<?xml",
    "<svg",
    "#!",
    "PK",
    "Rar!",
    "GIF8",
    "BM",
    "ID3",
    "II*",
    "MM",
    "BZh",
    "7z",
    "!<arch",
    "OTTO",
    "RIFF",
    "FWS",
    "CWS",
    "MSCF",
    "ITSF",
    "Xar!",
    "xar!",
    "\x7F"
    "ELF",
};

static const char *const html[] = {
    "<html", "<!doctype html", "<head", "<body", "<table",  "<div",   "<p>",
    "<a ",   "<span",          "<br",   "<font", "<center", "<script"};

struct MpContent {
    magic_t magic; /* NULL: not asked for yet */
    bool is_broken;
};

MpContent *mp_content_new(void)
{
    return g_new0(MpContent, 1);
}

void mp_content_free(MpContent *content)
{
    if (content == NULL)
        return;
    if (content->magic != NULL)
        magic_close(content->magic);
    g_free(content);
}

/* Controls that are not for text. One NUL is too many. */
static size_t count_controls(const uint8_t *bytes)
{
    MbLanes block = mb_lanes_load(bytes);
    MbLanes is_text =
        (MbLanes)((block >= ' ') | ((block >= '\b') & (block <= '\r') & (block != '\v')) |
                  (block == 0x1B));

    if (!mb_lanes_any(~is_text))
        return 0;
    return mb_lanes_any((MbLanes)(block == 0)) ? LOOK : mb_lanes_count(~is_text);
}

/* Text that was converted once too often has a control here and there; what is compressed,
 * encrypted or compiled has many. */
static bool is_text(const uint8_t *bytes, size_t length)
{
    size_t most = length / TEXT_PER_CONTROL;
    size_t controls = 0;
    size_t i = 0;
    uint8_t rest[MB_LANES];

    for (; length - i >= MB_LANES && controls <= most; i += MB_LANES)
        controls += count_controls(bytes + i);
    if (i < length && length - i < MB_LANES) {
        memset(rest, ' ', sizeof(rest));
        memcpy(rest, bytes + i, length - i);
        controls += count_controls(rest);
    }
    return controls <= most;
}

static bool begins_with(const uint8_t *bytes, size_t length, const char *const *words, size_t count)
{
    const char *text = (const char *)bytes;
    char first = length > 0 ? g_ascii_tolower(*text) : '\0';

    for (size_t i = 0; i < count; i++) {
        if (first == g_ascii_tolower(words[i][0]) && length >= strlen(words[i]) &&
            g_ascii_strncasecmp(text, words[i], strlen(words[i])) == 0)
            return true;
    }
    return false;
}

/* Readers of PDF take its mark within the first KiB, behind anything. */
static bool has_pdf_line(const uint8_t *bytes, size_t length)
{
    static const char mark[] = "%PDF-";
    const uint8_t *found = memchr(bytes, '%', length);

    if (found != NULL)
        found = memmem(found, length - (size_t)(found - bytes), mark, strlen(mark));
    return found != NULL && (found == bytes || found[-1] == '\n' || found[-1] == '\r');
}

/* What mail often has, by what libmagic knows it by; it takes 0.2 ms for one. */
static const char *look_for_mark(const uint8_t *bytes, size_t length)
{
    static const struct {
        const char *mark;
        size_t length;
        const char *type;
    } kinds[] = {
        {"GIF87a", 6, "image/gif"},
        {"GIF89a", 6, "image/gif"},
        {"\xFF\xD8\xFF", 3, "image/jpeg"},
        {"\x89PNG\r\n\x1A\n\0\0\0\rIHDR", 16, "image/png"},
        {"\x78\x9F\x3E\x22", 4, "application/vnd.ms-tnef"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (length >= kinds[i].length && memcmp(bytes, kinds[i].mark, kinds[i].length) == 0)
            return kinds[i].type;
    }
    return NULL;
}

/* libmagic takes a millisecond for a page of text, and most of mail is that. NULL: ask it. */
static const char *look(const uint8_t *bytes, size_t length)
{
    size_t at = length >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    const char *known = look_for_mark(bytes, length);

    if (has_pdf_line(bytes, MIN(length, PDF_NEAR)))
        return "application/pdf";
    if (known != NULL)
        return known;
    if (!is_text(bytes, MIN(length, LOOK)))
        return NULL;
    while (at < length && g_ascii_isspace(bytes[at]))
        at++;
    if (begins_with(bytes + at, length - at, marks, G_N_ELEMENTS(marks)))
        return NULL;
    return begins_with(bytes + at, length - at, html, G_N_ELEMENTS(html)) ? "text/html"
                                                                          : "text/plain";
}

static bool load(MpContent *content)
{
    if (content->magic != NULL || content->is_broken)
        return content->magic != NULL;
    content->magic =
        magic_open(MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS | MAGIC_NO_CHECK_ELF |
                   MAGIC_NO_CHECK_TOKENS | MAGIC_NO_CHECK_ENCODING | MAGIC_NO_CHECK_APPTYPE);
    if (content->magic != NULL && mp_content_load_rules(content->magic))
        return true;
    if (content->magic != NULL)
        magic_close(content->magic);
    content->magic = NULL;
    content->is_broken = true;
    return false;
}

const char *mp_content_magic(MpContent *content, const void *bytes, size_t length)
{
    const char *found;

    if (length == 0)
        return "";
    found = look(bytes, length);
    if (found != NULL)
        return found;
    if (!load(content))
        return "";
    found = magic_buffer(content->magic, bytes, length);
    return found != NULL ? found : UNKNOWN;
}
