#include <mailbatch/base/digest.h>
#include <mailbatch/base/error.h>
#include <mailbatch/base/file.h>
#include <mailbatch/base/signature.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

#define MAX_KEY_FILE (64 * 1024)

struct MbSigningKey {
    EVP_PKEY *key;
    MbSigningKind kind;
    EVP_MD_CTX *ready; /* copied for each signature: to look all of it up again costs OpenSSL 3.0
                          more than Ed25519 itself */
};

/* libcrypto fails here only when it is out of memory or misbuilt: as fatal as GLib's own malloc. */
static void must(bool ok)
{
    if (!ok)
        g_error("libcrypto failed");
}

static void refuse(const char *path, const char *why, GError **error)
{
    g_set_error(error, MB_BASE_ERROR, MB_ERROR_CONFIG, "%s: %s", path, why);
}

/* Asked for a passphrase, we have none; and note that it was asked. */
static int no_passphrase(char *buffer, int size, int writing, void *asked)
{
    (void)buffer;
    (void)size;
    (void)writing;
    *(bool *)asked = true;
    return -1;
}

static EVP_PKEY *parse(const char *path, const char *bytes, size_t length, GError **error)
{
    BIO *memory = BIO_new_mem_buf(bytes, (int)length);
    bool asked = false;
    EVP_PKEY *key;

    must(memory != NULL);
    key = PEM_read_bio_PrivateKey(memory, NULL, no_passphrase, &asked);
    BIO_free(memory);
    ERR_clear_error();
    if (key != NULL)
        return key;
    if (asked)
        refuse(path,
               "the key is under a passphrase: write it without one (openssl pkey -in FILE -out "
               "NEW), readable by you alone",
               error);
    else if (g_strstr_len(bytes, (gssize)length, "-----BEGIN PUBLIC KEY-----") != NULL)
        refuse(path, "a public key: signing needs the private one", error);
    else if (g_strstr_len(bytes, (gssize)length, "-----BEGIN CERTIFICATE-----") != NULL)
        refuse(path, "a certificate: signing needs the private key", error);
    else
        refuse(path, "no private key in PEM form", error);
    return NULL;
}

static bool take_kind(MbSigningKey *key, const char *path, unsigned min_rsa_bits, GError **error)
{
    unsigned bits = mb_signing_key_bits(key);

    if (EVP_PKEY_is_a(key->key, "ED25519")) {
        key->kind = MB_SIGNING_ED25519;
        return true;
    }
    key->kind = MB_SIGNING_RSA_SHA256;
    if (!EVP_PKEY_is_a(key->key, "RSA")) {
        g_set_error(error, MB_BASE_ERROR, MB_ERROR_CONFIG,
                    "%s: a key of the kind %s: RSA or Ed25519 is needed", path,
                    EVP_PKEY_get0_type_name(key->key));
        return false;
    }
    if (bits < min_rsa_bits) {
        g_set_error(error, MB_BASE_ERROR, MB_ERROR_CONFIG,
                    "%s: an RSA key of %u bits: at least %u are needed", path, bits, min_rsa_bits);
        return false;
    }
    return true;
}

static void prepare(MbSigningKey *key)
{
    const char *digest = key->kind == MB_SIGNING_RSA_SHA256 ? "SHA256" : NULL;

    key->ready = EVP_MD_CTX_new();
    must(key->ready != NULL);
    must(EVP_DigestSignInit_ex(key->ready, NULL, digest, NULL, NULL, key->key, NULL) == 1);
}

MbSigningKey *mb_signing_key_load(const char *path, unsigned min_rsa_bits, GError **error)
{
    g_autoptr(MbSigningKey) key = g_new0(MbSigningKey, 1);
    char *bytes = g_malloc(MAX_KEY_FILE);
    size_t length = 0;

    if (mb_file_read_secret(path, "a private key", bytes, MAX_KEY_FILE, &length, error))
        key->key = parse(path, bytes, length, error);
    mb_wipe(bytes, length);
    g_free(bytes);
    if (key->key == NULL || !take_kind(key, path, min_rsa_bits, error))
        return NULL;
    prepare(key);
    return g_steal_pointer(&key);
}

void mb_signing_key_free(MbSigningKey *key)
{
    if (key == NULL)
        return;
    EVP_PKEY_free(key->key);
    EVP_MD_CTX_free(key->ready);
    g_free(key);
}

MbSigningKind mb_signing_key_kind(const MbSigningKey *key)
{
    return key->kind;
}

unsigned mb_signing_key_bits(const MbSigningKey *key)
{
    return (unsigned)EVP_PKEY_get_bits(key->key);
}

GBytes *mb_signing_key_public(const MbSigningKey *key)
{
    unsigned char *der = NULL, raw[32];
    size_t length = sizeof(raw);
    int der_length;
    GBytes *bytes;

    if (key->kind == MB_SIGNING_ED25519) {
        must(EVP_PKEY_get_raw_public_key(key->key, raw, &length) == 1);
        return g_bytes_new(raw, length);
    }
    der_length = i2d_PUBKEY(key->key, &der);
    must(der_length > 0);
    bytes = g_bytes_new(der, (gsize)der_length);
    OPENSSL_free(der);
    return bytes;
}

GBytes *mb_signing_key_sign(const MbSigningKey *key, const void *bytes, size_t length)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t size = (size_t)EVP_PKEY_get_size(key->key);
    unsigned char *signature = g_malloc(size);

    must(context != NULL && EVP_MD_CTX_copy_ex(context, key->ready) == 1);
    must(EVP_DigestSign(context, signature, &size, bytes, length) == 1);
    EVP_MD_CTX_free(context);
    return g_bytes_new_take(signature, size);
}
