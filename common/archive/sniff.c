#include <mailbatch/archive/read.h>
#include <mailbatch/archive/write.h>
#include <string.h>

#define SEVEN_ZIP "7z\xbc\xaf\x27\x1c"

typedef struct {
    size_t offset;
    const char *bytes;
    size_t length;
} Magic;

#define MAGIC(offset, text)                                                                        \
    {                                                                                              \
        offset, text, sizeof(text) - 1                                                             \
    }

static const Magic magics[] = {
    MAGIC(0, "\x1f\x8b\x08"),             /* gzip */
    MAGIC(0, "\x1f\x9d"),                 /* compress */
    MAGIC(0, "\xfd\x37zXZ\x00"),          /* xz */
    MAGIC(0, "\x28\xb5\x2f\xfd"),         /* zstd */
    MAGIC(0, "\x04\x22\x4d\x18"),         /* lz4 */
    MAGIC(0, "LZIP\x01"),                 /* lzip */
    MAGIC(0, "PK\x03\x04"),               /* zip */
    MAGIC(0, "PK\x05\x06"),               /* zip without entries */
    MAGIC(0, "PK\x07\x08PK"),             /* zip, once split */
    MAGIC(0, SEVEN_ZIP),                  /* 7z */
    MAGIC(0, "Rar!\x1a\x07"),             /* rar */
    MAGIC(0, "MSCF\x00\x00\x00\x00"),     /* cab */
    MAGIC(0, "!<arch>\n"),                /* ar */
    MAGIC(0, "xar!\x00\x1c"),             /* xar */
    MAGIC(4, "\x31\x41\x59\x26\x53\x59"), /* bzip2, behind BZh1 to BZh9 */
    MAGIC(4, "\x17\x72\x45\x38\x50\x90"), /* bzip2 of nothing */
    MAGIC(32769, "CD001\x01"),            /* iso */
};

static bool has_magic(const unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < G_N_ELEMENTS(magics); i++) {
        const Magic *magic = &magics[i];

        if (length >= magic->offset + magic->length &&
            memcmp(bytes + magic->offset, magic->bytes, magic->length) == 0 &&
            (magic->offset != 4 || memcmp(bytes, "BZh", 3) == 0))
            return true;
    }
    return false;
}

/* A header block by its checksum alone: tar before ustar has no magic. */
static bool is_tar(const unsigned char *bytes, size_t length)
{
    unsigned long stated;
    unsigned long sum = 8 * ' ';
    char field[9] = {0};
    char *end;

    if (length < MB_TAR_BLOCK || bytes[0] == '\0')
        return false;
    memcpy(field, bytes + 148, 8);
    if (strspn(field, " 01234567") < 6)
        return false;
    stated = strtoul(field, &end, 8);
    for (size_t i = 0; i < MB_TAR_BLOCK; i++)
        sum += i < 148 || i >= 156 ? bytes[i] : 0;
    return end != field && sum == stated;
}

/* newc: "070701" or "070702" and 104 hexadecimal digits; odc: "070707" and 70 octal ones. */
static bool is_cpio(const char *text, size_t length)
{
    bool newc = length >= 110 && (memcmp(text, "070701", 6) == 0 || memcmp(text, "070702", 6) == 0);
    bool odc = length >= 76 && memcmp(text, "070707", 6) == 0;

    for (size_t i = 6; i < (newc ? 110U : 76U) && (newc || odc); i++) {
        if (!(newc ? g_ascii_isxdigit(text[i]) : text[i] >= '0' && text[i] <= '7'))
            return false;
    }
    return newc || odc;
}

static bool is_lha(const unsigned char *bytes, size_t length)
{
    return length >= 24 && bytes[2] == '-' && bytes[3] == 'l' &&
           (bytes[4] == 'h' || bytes[4] == 'z') && bytes[6] == '-' && bytes[20] <= 3;
}

/* The old .lzma has no magic: the usual properties, a dictionary of a power of two, a size that is
 * unknown or sane. */
static bool is_lzma(const unsigned char *bytes, size_t length)
{
    static const unsigned char unknown[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    uint32_t dictionary;

    if (length < 13 || bytes[0] != 0x5d)
        return false;
    dictionary = (uint32_t)bytes[1] | (uint32_t)bytes[2] << 8 | (uint32_t)bytes[3] << 16 |
                 (uint32_t)bytes[4] << 24;
    return dictionary >= 4096 && (dictionary & (dictionary - 1)) == 0 &&
           (memcmp(bytes + 5, unknown, 8) == 0 || (bytes[10] | bytes[11] | bytes[12]) == 0);
}

bool mb_archive_looks_like(const void *bytes, size_t length)
{
    return has_magic(bytes, length) || is_tar(bytes, length) || is_cpio(bytes, length) ||
           is_lha(bytes, length) || is_lzma(bytes, length);
}

bool mb_archive_needs_seeking(const void *bytes, size_t length)
{
    return length >= strlen(SEVEN_ZIP) && memcmp(bytes, SEVEN_ZIP, strlen(SEVEN_ZIP)) == 0;
}
