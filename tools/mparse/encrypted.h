/*
 * Whether a part's content is encrypted, as far as that can be told without a key.
 */
#pragma once

#include <glib.h>
#include <mailbatch/mime/tree.h>
#include <stdbool.h>
#include <stddef.h>

typedef enum {
    MP_ENCRYPTED_NO,
    MP_ENCRYPTED_PGP,     /* multipart/encrypted, or armour in the content's first 64 KiB */
    MP_ENCRYPTED_SMIME,   /* enveloped data of CMS */
    MP_ENCRYPTED_OFFICE,  /* a document with a password */
    MP_ENCRYPTED_ARCHIVE, /* zip, 7z, rar with encrypted entries */
} MpEncrypted;

const char *mp_encrypted_name(MpEncrypted encrypted); /* "pgp", …; NULL for none */

/* By type and first bytes of the decoded content; of an archive its entries' heads are read, from a
 * temporary file that holds its content, at most ENCRYPTED_ENTRIES of them. Adds the defect. */
MpEncrypted mp_encrypted_read(MbTree *tree, uint32_t part, const char *magic, const void *sample,
                              size_t length);
