#include "internal.h"

#include <mailbatch/base/digest.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define DAYS (10L * 365)

static bool add_extension(X509 *certificate, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;
    bool added;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

static bool set_serial(X509 *certificate)
{
    uint8_t bytes[16];
    BIGNUM *number;
    bool set;

    mb_random(bytes, sizeof(bytes));
    bytes[0] = (bytes[0] & 0x7F) | 0x40; /* positive, of full length (RFC 5280, 4.1.2.2) */
    number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    set = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return set;
}

static bool fill(X509 *certificate, EVP_PKEY *key)
{
    X509_NAME *name = X509_get_subject_name(certificate);

    return X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate) &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), -24L * 3600) != NULL &&
           X509_gmtime_adj(X509_getm_notAfter(certificate), DAYS * 24 * 3600) != NULL &&
           X509_set_pubkey(certificate, key) == 1 &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"localhost", -1,
                                      -1, 0) == 1 &&
           X509_set_issuer_name(certificate, name) == 1 &&
           add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE") &&
           add_extension(certificate, NID_key_usage, "critical,digitalSignature,keyCertSign") &&
           add_extension(certificate, NID_ext_key_usage, "serverAuth") &&
           add_extension(certificate, NID_subject_key_identifier, "hash") &&
           add_extension(certificate, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1") &&
           X509_sign(certificate, key, EVP_sha256()) > 0;
}

static char *to_pem(X509 *certificate)
{
    BIO *memory = BIO_new(BIO_s_mem());
    char *bytes = NULL;
    char *text = NULL;
    long length;

    if (PEM_write_bio_X509(memory, certificate) == 1) {
        length = BIO_get_mem_data(memory, &bytes);
        text = g_strndup(bytes, (gsize)length);
    }
    BIO_free(memory);
    return text;
}

MbTls *mb_tls_server_new_self_signed(char **certificate, GError **error)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *made = X509_new();
    MbTls *tls = NULL;

    if (key != NULL && made != NULL && fill(made, key))
        tls = mb_tls_server_new_with(made, key);
    if (tls == NULL)
        g_set_error(error, MB_NET_ERROR, MB_ERROR_INTERNAL,
                    "self-signed certificate: cannot be made: %s", mb_tls_last_reason());
    else if (certificate != NULL)
        *certificate = to_pem(made);
    X509_free(made);
    EVP_PKEY_free(key);
    return tls;
}
