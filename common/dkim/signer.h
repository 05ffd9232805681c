/*
 * A signer's keys; for this module only.
 */
#pragma once

#include <mailbatch/base/signature.h>
#include <mailbatch/dkim/dkim.h>

typedef struct {
    MbSigningKey *key;
    char *domain, *selector;
} DkimKey;

struct MbDkimSigner {
    GArray *keys; /* DkimKey */
};

static inline const DkimKey *dkim_key(const MbDkimSigner *signer, size_t index)
{
    return &g_array_index(signer->keys, DkimKey, index);
}
