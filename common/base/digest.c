#include <mailbatch/base/digest.h>
#include <mailbatch/base/text.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>

static const char *const names[] = {
    [MB_DIGEST_MD5] = "md5",
    [MB_DIGEST_SHA1] = "sha1",
    [MB_DIGEST_SHA256] = "sha256",
};

struct MbDigest {
    EVP_MD_CTX *context;
    const EVP_MD *type;
};

static const EVP_MD *type_of(MbDigestKind kind)
{
    switch (kind) {
    case MB_DIGEST_MD5: return EVP_md5();
    case MB_DIGEST_SHA1: return EVP_sha1();
    case MB_DIGEST_SHA256: return EVP_sha256();
    }
    g_assert_not_reached();
}

/* libcrypto fails here only when it is out of memory or misbuilt: as fatal as GLib's own malloc. */
static void must(int ok)
{
    if (ok != 1)
        g_error("libcrypto failed");
}

MbDigest *mb_digest_new(MbDigestKind kind)
{
    MbDigest *digest = g_new0(MbDigest, 1);

    digest->type = type_of(kind);
    digest->context = EVP_MD_CTX_new();
    must(digest->context != NULL);
    must(EVP_DigestInit_ex(digest->context, digest->type, NULL));
    return digest;
}

void mb_digest_free(MbDigest *digest)
{
    if (digest == NULL)
        return;
    EVP_MD_CTX_free(digest->context);
    g_free(digest);
}

void mb_digest_update(MbDigest *digest, const void *bytes, size_t length)
{
    must(EVP_DigestUpdate(digest->context, bytes, length));
}

size_t mb_digest_finish(MbDigest *digest, uint8_t *out)
{
    unsigned length = 0;

    must(EVP_DigestFinal_ex(digest->context, out, &length));
    must(EVP_DigestInit_ex(digest->context, NULL, NULL));
    return length;
}

char *mb_digest_finish_hex(MbDigest *digest)
{
    uint8_t value[MB_DIGEST_MAX];
    size_t length = mb_digest_finish(digest, value);

    return mb_text_hex(value, length);
}

void mb_sha256(const void *bytes, size_t length, uint8_t out[MB_SHA256_LENGTH])
{
    must(EVP_Digest(bytes, length, out, NULL, EVP_sha256(), NULL));
}

void mb_hmac_sha256(const void *key, size_t key_length, const void *bytes, size_t length,
                    uint8_t out[MB_SHA256_LENGTH])
{
    unsigned out_length = 0;

    must(HMAC(EVP_sha256(), key, (int)key_length, bytes, length, out, &out_length) != NULL);
}

void mb_random(void *out, size_t length)
{
    must(RAND_bytes(out, (int)length));
}

void mb_wipe(void *bytes, size_t length)
{
    OPENSSL_cleanse(bytes, length);
}

void mb_wipe_free(char *secret)
{
    if (secret == NULL)
        return;
    mb_wipe(secret, strlen(secret));
    g_free(secret);
}

const char *mb_digest_name(MbDigestKind kind)
{
    return names[kind];
}

bool mb_digest_from_name(const char *name, MbDigestKind *kind)
{
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        if (g_ascii_strcasecmp(name, names[i]) == 0) {
            *kind = (MbDigestKind)i;
            return true;
        }
    }
    return false;
}
