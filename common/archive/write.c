#include <mailbatch/archive/write.h>
#include <string.h>

/* POSIX.1-2017, pax, ustar Header Block */
enum {
    NAME = 0,
    MODE = 100,
    UID = 108,
    GID = 116,
    SIZE = 124,
    MTIME = 136,
    CHECKSUM = 148,
    TYPE = 156,
    MAGIC = 257,
    NAME_LENGTH = 100,
};

#define OCTAL_11_MAX G_GUINT64_CONSTANT(077777777777)

static void put_octal(char *field, size_t digits, uint64_t value)
{
    field[digits] = '\0';
    while (digits-- > 0) {
        field[digits] = (char)('0' + (value & 7));
        value >>= 3;
    }
}

static void append_block(GString *out, const char *path, size_t path_length, char type,
                         uint64_t size, uint64_t mtime)
{
    char block[MB_TAR_BLOCK] = {0};
    unsigned sum = 0;

    memcpy(block + NAME, path, MIN(path_length, NAME_LENGTH));
    put_octal(block + MODE, 7, 0600);
    put_octal(block + UID, 7, 0);
    put_octal(block + GID, 7, 0);
    put_octal(block + SIZE, 11, size <= OCTAL_11_MAX ? size : 0);
    put_octal(block + MTIME, 11, mtime <= OCTAL_11_MAX ? mtime : 0);
    block[TYPE] = type;
    memcpy(block + MAGIC, "ustar\00000", 8);
    memset(block + CHECKSUM, ' ', 8);
    for (size_t i = 0; i < sizeof(block); i++)
        sum += (unsigned char)block[i];
    put_octal(block + CHECKSUM, 6, sum);
    g_string_append_len(out, block, sizeof(block));
}

static size_t decimal_digits(uint64_t value)
{
    size_t digits = 1;

    for (; value >= 10; value /= 10)
        digits++;
    return digits;
}

static void append_decimal(GString *out, uint64_t value)
{
    char text[20];
    size_t at = sizeof(text);

    do {
        text[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    g_string_append_len(out, text + at, (gssize)(sizeof(text) - at));
}

/* "%d %s=%s\n": the length counts its own digits. */
static void append_record(GString *pax, const char *prefix, const char *key, const char *value,
                          size_t value_length)
{
    size_t bare = strlen(prefix) + strlen(key) + value_length + strlen(" =\n");
    size_t total = bare;
    size_t previous;

    do {
        previous = total;
        total = bare + decimal_digits(previous);
    } while (total != previous);
    append_decimal(pax, total);
    g_string_append_c(pax, ' ');
    g_string_append(pax, prefix);
    g_string_append(pax, key);
    g_string_append_c(pax, '=');
    g_string_append_len(pax, value, (gssize)value_length);
    g_string_append_c(pax, '\n');
}

static void append_number(GString *pax, const char *key, bool negative, uint64_t magnitude)
{
    g_autoptr(GString) text = g_string_sized_new(24);

    if (negative)
        g_string_append_c(text, '-');
    append_decimal(text, magnitude);
    append_record(pax, "", key, text->str, text->len);
}

static void append_attributes(GString *pax, const MbTarMember *member)
{
    static const char hex[] = "0123456789ABCDEF";
    g_autoptr(GString) value = g_string_sized_new(128);

    for (size_t i = 0; i < member->attribute_count; i++) {
        const MbTarAttribute *attribute = &member->attributes[i];
        const unsigned char *bytes = attribute->value;

        g_string_truncate(value, 0);
        for (size_t j = 0; j < attribute->length; j++) {
            if (bytes[j] > ' ' && bytes[j] < 0x7f && bytes[j] != '%') {
                g_string_append_c(value, (char)bytes[j]);
            } else {
                g_string_append_c(value, '%');
                g_string_append_c(value, hex[bytes[j] >> 4]);
                g_string_append_c(value, hex[bytes[j] & 15]);
            }
        }
        append_record(pax, "SCHILY.xattr.", attribute->name, value->str, value->len);
    }
}

bool mb_tar_append_header(GString *out, const MbTarMember *member, GError **error)
{
    g_autoptr(GString) pax = g_string_sized_new(MB_TAR_BLOCK);
    size_t path_length = strlen(member->path);
    bool late = member->mtime < 0 || (uint64_t)member->mtime > OCTAL_11_MAX;
    uint64_t mtime = late ? 0 : (uint64_t)member->mtime;

    if (path_length == 0) {
        g_set_error(error, MB_ARCHIVE_ERROR, MB_ERROR_DATA, "tar: a member without a name");
        return false;
    }
    if (path_length > NAME_LENGTH)
        append_record(pax, "", "path", member->path, path_length);
    if (member->size > OCTAL_11_MAX)
        append_number(pax, "size", false, member->size);
    if (late)
        append_number(pax, "mtime", member->mtime < 0,
                      member->mtime < 0 ? -(uint64_t)member->mtime : (uint64_t)member->mtime);
    append_attributes(pax, member);
    if (pax->len > 0) {
        const char *slash = strrchr(member->path, '/');
        g_autofree char *name =
            g_strconcat("PaxHeaders/", slash != NULL ? slash + 1 : member->path, NULL);

        append_block(out, name, strlen(name), 'x', pax->len, mtime);
        g_string_append_len(out, pax->str, (gssize)pax->len);
        mb_tar_append_padding(out, pax->len);
    }
    append_block(out, member->path, path_length, '0', member->size, mtime);
    return true;
}

size_t mb_tar_padding(uint64_t size)
{
    return (size_t)((MB_TAR_BLOCK - size % MB_TAR_BLOCK) % MB_TAR_BLOCK);
}

static void append_zeros(GString *out, size_t count)
{
    static const char zeros[2 * MB_TAR_BLOCK];

    g_string_append_len(out, zeros, (gssize)count);
}

void mb_tar_append_padding(GString *out, uint64_t size)
{
    append_zeros(out, mb_tar_padding(size));
}

void mb_tar_append_end(GString *out)
{
    append_zeros(out, 2 * MB_TAR_BLOCK);
}
