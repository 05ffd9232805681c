/*
 * Families of content: types, extensions and what libmagic says, each put into one. Two families
 * agree when a program that handles the one may well meet the other.
 */
#include "content.h"

#include <string.h>

typedef enum {
    ANY, /* says nothing */
    TEXT,
    RTF,
    PDF,
    OFFICE, /* OLE and OOXML stand for each other in ordinary mail */
    ODF,
    ZIP,
    GZIP,
    BZIP2,
    XZ,
    ZSTD,
    SEVEN_ZIP,
    RAR,
    CAB,
    TAR,
    PNG,
    JPEG,
    GIF,
    BMP,
    TIFF,
    WEBP,
    ICON,
    IMAGE, /* of another kind */
    MEDIA,
    PROGRAM,
    FONT,
} Family;

typedef struct {
    const char *word;
    Family family;
} Row;

/* A type that ends with "/", "-" or "." stands for all that begin so; the first that fits counts.
 */
static const Row types[] = {
    {"text/rtf", RTF},
    {"text/", TEXT},
    {"message/", TEXT},
    {"application/json", TEXT},
    {"application/xml", TEXT},
    {"application/xhtml+xml", TEXT},
    {"application/javascript", TEXT},
    {"application/x-javascript", TEXT},
    {"application/ics", TEXT},
    {"application/csv", TEXT},
    {"application/postscript", TEXT},
    {"application/pgp-signature", TEXT},
    {"application/pgp-keys", TEXT},
    {"image/svg+xml", TEXT},
    {"application/rtf", RTF},
    {"application/x-rtf", RTF},
    {"application/pdf", PDF},
    {"application/x-pdf", PDF},
    {"application/msword", OFFICE},
    {"application/vnd.ms-excel", OFFICE},
    {"application/vnd.ms-excel.", OFFICE},
    {"application/vnd.ms-powerpoint", OFFICE},
    {"application/vnd.ms-powerpoint.", OFFICE},
    {"application/vnd.ms-word", OFFICE},
    {"application/vnd.ms-word.", OFFICE},
    {"application/vnd.ms-office", OFFICE},
    {"application/vnd.ms-outlook", OFFICE},
    {"application/vnd.visio", OFFICE},
    {"application/vnd.openxmlformats-", OFFICE},
    {"application/x-ole-storage", OFFICE},
    {"application/cdfv2", OFFICE},
    {"application/encrypted", OFFICE},
    {"application/vnd.oasis.opendocument.", ODF},
    {"application/zip", ZIP},
    {"application/x-zip", ZIP},
    {"application/x-zip-compressed", ZIP},
    {"application/java-archive", ZIP},
    {"application/epub+zip", ZIP},
    {"application/gzip", GZIP},
    {"application/x-gzip", GZIP},
    {"application/x-bzip2", BZIP2},
    {"application/x-xz", XZ},
    {"application/zstd", ZSTD},
    {"application/x-zstd", ZSTD},
    {"application/x-7z-compressed", SEVEN_ZIP},
    {"application/x-rar", RAR},
    {"application/x-rar-compressed", RAR},
    {"application/vnd.rar", RAR},
    {"application/vnd.ms-cab-compressed", CAB},
    {"application/x-tar", TAR},
    {"image/png", PNG},
    {"image/x-png", PNG},
    {"image/jpeg", JPEG},
    {"image/jpg", JPEG},
    {"image/pjpeg", JPEG},
    {"image/gif", GIF},
    {"image/bmp", BMP},
    {"image/x-bmp", BMP},
    {"image/x-ms-bmp", BMP},
    {"image/tiff", TIFF},
    {"image/webp", WEBP},
    {"image/x-icon", ICON},
    {"image/vnd.microsoft.icon", ICON},
    {"image/", IMAGE},
    {"audio/", MEDIA},
    {"video/", MEDIA},
    {"application/ogg", MEDIA},
    {"font/", FONT},
    {"application/x-dosexec", PROGRAM},
    {"application/x-msdownload", PROGRAM},
    {"application/x-msdos-program", PROGRAM},
    {"application/vnd.microsoft.portable-executable", PROGRAM},
    {"application/x-executable", PROGRAM},
    {"application/x-pie-executable", PROGRAM},
    {"application/x-sharedlib", PROGRAM},
    {"application/x-mach-binary", PROGRAM},
    {"application/x-msi", PROGRAM},
};

static const Row extensions[] = {
    {"txt", TEXT},    {"text", TEXT},   {"log", TEXT},    {"csv", TEXT},     {"html", TEXT},
    {"htm", TEXT},    {"xml", TEXT},    {"json", TEXT},   {"svg", TEXT},     {"md", TEXT},
    {"ics", TEXT},    {"vcf", TEXT},    {"asc", TEXT},    {"patch", TEXT},   {"diff", TEXT},
    {"eml", TEXT},    {"js", TEXT},     {"vbs", TEXT},    {"bat", TEXT},     {"cmd", TEXT},
    {"ps1", TEXT},    {"hta", TEXT},    {"wsf", TEXT},    {"sh", TEXT},      {"rtf", RTF},
    {"pdf", PDF},     {"doc", OFFICE},  {"docx", OFFICE}, {"docm", OFFICE},  {"dot", OFFICE},
    {"xls", OFFICE},  {"xlsx", OFFICE}, {"xlsm", OFFICE}, {"ppt", OFFICE},   {"pptx", OFFICE},
    {"pps", OFFICE},  {"msg", OFFICE},  {"odt", ODF},     {"ods", ODF},      {"odp", ODF},
    {"zip", ZIP},     {"jar", ZIP},     {"epub", ZIP},    {"gz", GZIP},      {"tgz", GZIP},
    {"bz2", BZIP2},   {"xz", XZ},       {"zst", ZSTD},    {"7z", SEVEN_ZIP}, {"rar", RAR},
    {"cab", CAB},     {"tar", TAR},     {"png", PNG},     {"jpg", JPEG},     {"jpeg", JPEG},
    {"gif", GIF},     {"bmp", BMP},     {"tif", TIFF},    {"tiff", TIFF},    {"webp", WEBP},
    {"ico", ICON},    {"mp3", MEDIA},   {"mp4", MEDIA},   {"wav", MEDIA},    {"avi", MEDIA},
    {"mov", MEDIA},   {"ogg", MEDIA},   {"exe", PROGRAM}, {"scr", PROGRAM},  {"pif", PROGRAM},
    {"dll", PROGRAM}, {"msi", PROGRAM}, {"ttf", FONT},    {"otf", FONT},     {"woff", FONT},
};

static Family family_of_type(const char *type)
{
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        const char *word = types[i].word;
        size_t length;

        if (g_ascii_tolower(*type) != *word)
            continue;
        length = strlen(word);
        if (g_ascii_strncasecmp(type, word, length) == 0 &&
            (type[length] == '\0' || strchr("/-.", word[length - 1]) != NULL))
            return types[i].family;
    }
    return ANY;
}

static Family family_of_extension(const char *extension)
{
    for (size_t i = 0; *extension != '\0' && i < G_N_ELEMENTS(extensions); i++) {
        if (strcmp(extension, extensions[i].word) == 0)
            return extensions[i].family;
    }
    return ANY;
}

/* Content of these kinds always begins in its own way: what nobody knows is not one of them. */
static bool is_certain(Family family)
{
    switch (family) {
    case PDF:
    case ZIP:
    case GZIP:
    case BZIP2:
    case XZ:
    case ZSTD:
    case SEVEN_ZIP:
    case RAR:
    case PNG:
    case JPEG:
    case GIF:
    case TIFF:
    case WEBP: return true;
    default: return false;
    }
}

static bool is_zip_inside(Family family)
{
    return family == OFFICE || family == ODF || family == ZIP;
}

static bool agree(Family left, Family right)
{
    if (left == right || left == ANY || right == ANY)
        return true;
    return (left == ZIP && is_zip_inside(right)) || (right == ZIP && is_zip_inside(left));
}

static bool contradicts(const char *magic, Family content, Family said)
{
    if (content == ANY)
        return is_certain(said) && strcmp(magic, "application/octet-stream") == 0;
    if (content == IMAGE || said == IMAGE)
        return said == TEXT || said == PROGRAM || content == TEXT || content == PROGRAM;
    return !agree(content, said);
}

MpContradiction mp_content_compare(const char *magic, const char *declared, const char *extension)
{
    Family content = family_of_type(magic);
    Family type = declared != NULL ? family_of_type(declared) : ANY;
    Family name = family_of_extension(extension);

    if (magic[0] == '\0')
        return (MpContradiction){false};
    /* What one mail program calls every .csv file. */
    if (type == OFFICE && strcmp(extension, "csv") == 0)
        type = TEXT;
    return (MpContradiction){
        .magic_declared = contradicts(magic, content, type),
        .magic_extension = contradicts(magic, content, name),
        .declared_extension = type != IMAGE && name != IMAGE && !agree(type, name),
    };
}
