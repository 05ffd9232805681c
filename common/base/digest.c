#include <mailbatch/base/digest.h>
#include <mailbatch/base/text.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <string.h>

#define SHA256_BLOCK 64

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

static EVP_MD *sha256;

static void fetch_sha256(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    must(sha256 != NULL);
}

/* Fetched once for the process: EVP_sha256() is looked up anew, under locks, by each digest. */
static const EVP_MD *fetched_sha256(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, fetch_sha256);
    return sha256;
}

void mb_sha256(const void *bytes, size_t length, uint8_t out[MB_SHA256_LENGTH])
{
    must(EVP_Digest(bytes, length, out, NULL, fetched_sha256(), NULL));
}

/* H(key ^ pad, bytes) (RFC 2104, 2). */
static void padded_sha256(EVP_MD_CTX *context, const uint8_t block[SHA256_BLOCK], uint8_t pad,
                          const void *bytes, size_t length, uint8_t out[MB_SHA256_LENGTH])
{
    uint8_t padded[SHA256_BLOCK];

    for (size_t i = 0; i < SHA256_BLOCK; i++)
        padded[i] = block[i] ^ pad;
    must(EVP_DigestInit_ex(context, fetched_sha256(), NULL));
    must(EVP_DigestUpdate(context, padded, sizeof padded));
    must(EVP_DigestUpdate(context, bytes, length));
    must(EVP_DigestFinal_ex(context, out, NULL));
    OPENSSL_cleanse(padded, sizeof padded);
}

void mb_hmac_sha256(const void *key, size_t key_length, const void *bytes, size_t length,
                    uint8_t out[MB_SHA256_LENGTH])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t block[SHA256_BLOCK] = {0};
    uint8_t inner[MB_SHA256_LENGTH];

    must(context != NULL);
    if (key_length > sizeof block)
        mb_sha256(key, key_length, block);
    else if (key_length > 0)
        memcpy(block, key, key_length);
    padded_sha256(context, block, 0x36, bytes, length, inner);
    padded_sha256(context, block, 0x5C, inner, sizeof inner, out);
    OPENSSL_cleanse(block, sizeof block);
    EVP_MD_CTX_free(context);
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
