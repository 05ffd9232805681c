#include "encrypted.h"

#include <mailbatch/archive/read.h>
#include <mailbatch/base/file.h>
#include <mailbatch/base/lanes.h>
#include <mailbatch/base/text.h>
#include <string.h>
#include <unistd.h>

#define ENCRYPTED_ENTRIES 10000 /* of an archive that are looked at */
#define NAMES_SHOWN       3

const char *mp_encrypted_name(MpEncrypted encrypted)
{
    static const char *const names[] = {NULL, "pgp", "smime", "office", "archive"};

    return names[encrypted];
}

static bool spool(void *data, const void *bytes, size_t length)
{
    return mb_file_write_all(*(const int *)data, bytes, length);
}

/* "2 of 5 entries: a.doc, b.doc" */
static bool read_entries(MbArchive *reader, bool is_first_only, GString *detail)
{
    g_autoptr(GString) names = g_string_new(NULL);
    MbArchiveEntry entry;
    guint count = 0;
    guint encrypted = 0;

    while (count < ENCRYPTED_ENTRIES && mb_archive_next_entry(reader, &entry, NULL) == MB_NEXT) {
        count++;
        if (entry.encrypted && ++encrypted <= NAMES_SHOWN) {
            g_autofree char *shown = mb_text_printable(entry.path, MIN(entry.path_length, 100));

            g_string_append_printf(names, "%s%s", encrypted > 1 ? ", " : "", shown);
        }
        /* Going on would decompress. */
        if (is_first_only)
            break;
    }
    if (encrypted > 0)
        g_string_printf(detail, "%s: %u of %u entries: %s%s", mb_archive_format(reader), encrypted,
                        count, names->str, encrypted > NAMES_SHOWN ? ", …" : "");
    return encrypted > 0;
}

static bool read_archive(MbTree *tree, uint32_t part, bool is_first_only, GString *detail)
{
    g_autoptr(MbArchive) reader = NULL;
    g_autoptr(GError) error = NULL;
    int descriptor = mb_file_open_unnamed(NULL);
    bool found = false;

    if (descriptor < 0)
        return false;
    if (mb_tree_decode(tree, part, spool, &descriptor, NULL) &&
        lseek(descriptor, 0, SEEK_SET) == 0) {
        reader = mb_archive_open_descriptor(descriptor, "attachment", NULL, &error);
        if (reader != NULL)
            found = read_entries(reader, is_first_only, detail);
        else if (strstr(error->message, "encrypted") != NULL)
            found = g_string_assign(detail, "its list of entries too") != NULL;
    }
    g_clear_pointer(&reader, mb_archive_free);
    close(descriptor);
    return found;
}

static bool is_armoured(const uint8_t *sample, size_t length)
{
    static const char armour[] = "-----BEGIN PGP MESSAGE-----";
    const size_t before = strlen("-----BEGIN ");
    const uint8_t *end = sample + length;

    /* "PG" is rare in mail. */
    for (const uint8_t *at = sample + MIN(length, before);; at++) {
        const uint8_t *start;

        at = mb_lanes_find_pair(at, (size_t)(end - at), 'P', 'G');
        if (at == NULL)
            return false;
        start = at - before;
        if ((size_t)(end - start) >= strlen(armour) && memcmp(start, armour, strlen(armour)) == 0 &&
            (start == sample || start[-1] == '\n' || start[-1] == '\r'))
            return true;
    }
}

/* ContentInfo's type (RFC 5652, 3): envelopedData, encryptedData or authEnvelopedData. */
static bool is_enveloped(const void *sample, size_t length)
{
    static const char pkcs7[] = "\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07";
    static const char smime[] = "\x06\x0B\x2A\x86\x48\x86\xF7\x0D\x01\x09\x10\x01\x17";
    size_t near = MIN(length, 32);
    const uint8_t *found;

    if (memchr(sample, pkcs7[0], near) == NULL)
        return false;
    found = memmem(sample, near, pkcs7, sizeof(pkcs7) - 1);
    if (found != NULL && found + sizeof(pkcs7) - 1 < (const uint8_t *)sample + near)
        return found[sizeof(pkcs7) - 1] == 3 || found[sizeof(pkcs7) - 1] == 6;
    return memmem(sample, near, smime, sizeof(smime) - 1) != NULL;
}

/* `detail` is made where there is one. */
static MpEncrypted kind_of(MbTree *tree, uint32_t part, const char *magic, const void *sample,
                           size_t length, GString **detail)
{
    const char *type = mb_tree_type(tree, part);
    bool is_zip =
        strcmp(magic, "application/zip") == 0 || strcmp(magic, "application/java-archive") == 0;
    bool is_other = strcmp(magic, "application/x-7z-compressed") == 0 ||
                    strcmp(magic, "application/x-rar") == 0 ||
                    strcmp(magic, "application/vnd.rar") == 0;

    if (strcmp(type, "multipart/encrypted") == 0)
        return MP_ENCRYPTED_PGP;
    if (length == 0)
        return MP_ENCRYPTED_NO;
    if (is_zip || is_other) {
        *detail = g_string_new(NULL);
        return read_archive(tree, part, is_other, *detail) ? MP_ENCRYPTED_ARCHIVE : MP_ENCRYPTED_NO;
    }
    if (strcmp(magic, "application/encrypted") == 0)
        return MP_ENCRYPTED_OFFICE;
    if (is_enveloped(sample, length))
        return MP_ENCRYPTED_SMIME;
    return is_armoured(sample, length) ? MP_ENCRYPTED_PGP : MP_ENCRYPTED_NO;
}

MpEncrypted mp_encrypted_read(MbTree *tree, uint32_t part, const char *magic, const void *sample,
                              size_t length)
{
    g_autoptr(GString) detail = NULL;
    MpEncrypted encrypted = kind_of(tree, part, magic, sample, length, &detail);
    MbRange body = mb_tree_part(tree, part)->body;

    if (encrypted != MP_ENCRYPTED_NO)
        mb_tree_add_defect(tree,
                           encrypted == MP_ENCRYPTED_ARCHIVE ? MB_DEFECT_ENCRYPTED_ARCHIVE
                                                             : MB_DEFECT_ENCRYPTED,
                           part, mb_tree_part(tree, part)->space, body.offset, body.length,
                           detail != NULL ? detail->str : mp_encrypted_name(encrypted));
    return encrypted;
}
