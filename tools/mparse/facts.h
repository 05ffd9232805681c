/*
 * What there is to know about one part beyond its place: parameters, names, charset, size and
 * digests of its decoded content. Read when a printer asks, into storage that is used again for the
 * next part; what is found wrong on the way is added to the tree's defects.
 */
#pragma once

#include "content.h"
#include "encrypted.h"
#include "options.h"

#include <glib.h>
#include <mailbatch/mime/charset.h>
#include <mailbatch/mime/params.h>
#include <mailbatch/mime/tree.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    bool is_silent; /* flaws are not added to the tree: somebody else reads the same */

    MbParams type;        /* Content-Type's; its value "" when there is none */
    MbParams disposition; /* Content-Disposition's */

    bool has_content;      /* a leaf or pseudo-part whose content could be read: then */
    uint64_t size;         /* of the decoded content */
    char *hash[MP_HASHES]; /* hex, or NULL when not wanted */
    uint64_t encoding_errors;
    bool is_text; /* then */
    MbCharsetUse charset;
    const char *magic;     /* the content's type by its bytes, or "" */
    MpEncrypted encrypted; /* of containers too */

    /* private */
    bool wanted[MP_HASHES];
    MbDigest *digests[MP_HASHES];
    MbConverter *converter;
    /* The content's beginning, by which its charset and kind are told: in place, or a copy. */
    const uint8_t *begin;
    size_t begin_length;
    GByteArray *sample;
    MpContent *content;
    uint64_t type_offset, disposition_offset; /* of the two fields' values */
    GByteArray *scratch;
    MbFlaws flaws;
    MbFlaws charset_flaws;
} MpFacts;

MpFacts *mp_facts_new(const bool hashes[MP_HASHES]);
void mp_facts_free(MpFacts *facts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MpFacts, mp_facts_free)

/* Content-Type and Content-Disposition only. */
void mp_facts_read_fields(MpFacts *facts, MbTree *tree, uint32_t part);

/* Fields and content. */
void mp_facts_read(MpFacts *facts, MbTree *tree, uint32_t part);

/* The name a part goes by: Content-Disposition's filename, else Content-Type's name, or NULL. */
const MbParam *mp_facts_name(const MpFacts *facts);

/* Whether people would call it an attachment: it says so, has a name, or is no text. */
bool mp_facts_is_attachment(const MpFacts *facts, const MbTree *tree, uint32_t part);

/* The declared charset, or NULL. */
const char *mp_facts_declared_charset(const MpFacts *facts);

/* A field's body, unfolded and with encoded-words decoded, appended. */
void mp_facts_field_text(MpFacts *facts, MbTree *tree, uint32_t field, GString *out);
