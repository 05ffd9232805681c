/*
 * The DKIM-Signature field (RFC 6376, 3.5) and what it signs (3.7).
 */
#include "signer.h"

#include <string.h>

/* Where the field's lines end: RFC 5322, 2.1.1 asks for 78. */
#define LINE_WIDTH 76

typedef enum {
    AS_IT_STANDS,
    ONCE_MORE,   /* a second one, added on the way, breaks the signature (RFC 6376, 8.15) */
    EVEN_ABSENT, /* so does a first one */
} Depth;

/* Which fields are signed (RFC 6376, 5.4.1; RFC 8058, 4). Those that a receiver shows or answers to
 * are guarded against additions. */
static const struct {
    const char *name;
    Depth depth;
} signed_fields[] = {
    {"From", EVEN_ABSENT},
    {"Reply-To", EVEN_ABSENT},
    {"Subject", EVEN_ABSENT},
    {"Date", EVEN_ABSENT},
    {"To", EVEN_ABSENT},
    {"Cc", EVEN_ABSENT},
    {"Message-ID", ONCE_MORE},
    {"Sender", AS_IT_STANDS},
    {"In-Reply-To", AS_IT_STANDS},
    {"References", AS_IT_STANDS},
    {"MIME-Version", AS_IT_STANDS},
    {"Content-Type", ONCE_MORE},
    {"Content-Transfer-Encoding", AS_IT_STANDS},
    {"Content-Disposition", AS_IT_STANDS},
    {"Content-ID", AS_IT_STANDS},
    {"Content-Description", AS_IT_STANDS},
    {"List-Id", AS_IT_STANDS},
    {"List-Help", AS_IT_STANDS},
    {"List-Unsubscribe", ONCE_MORE},
    {"List-Unsubscribe-Post", ONCE_MORE},
    {"List-Subscribe", AS_IT_STANDS},
    {"List-Post", AS_IT_STANDS},
    {"List-Owner", AS_IT_STANDS},
    {"List-Archive", AS_IT_STANDS},
    {"Feedback-ID", AS_IT_STANDS},
    {"Precedence", AS_IT_STANDS},
    {"Auto-Submitted", AS_IT_STANDS},
};

/* A field of the header: [start, end) with its line ends. */
typedef struct {
    const char *start, *end;
    size_t name_length;
} Field;

/* Fields in order. False: something that is no field. */
static bool split(const char *header, size_t length, GArray *fields)
{
    const char *at = header, *end = header + length;

    while (at < end && *at != '\r') {
        Field field = {.start = at, .end = at};
        const char *colon;

        do {
            const char *line_end = memchr(field.end, '\n', (size_t)(end - field.end));

            if (line_end == NULL)
                return false;
            field.end = line_end + 1;
        } while (field.end < end && (*field.end == ' ' || *field.end == '\t'));
        colon = memchr(at, ':', (size_t)(field.end - at));
        if (colon == NULL || colon == at)
            return false;
        field.name_length = (size_t)(colon - at);
        g_array_append_val(fields, field);
        at = field.end;
    }
    return true;
}

static bool has_name(const Field *field, const char *name)
{
    return strlen(name) == field->name_length &&
           g_ascii_strncasecmp(field->start, name, field->name_length) == 0;
}

/* Relaxed canonicalisation of a field's value (RFC 6376, 3.4.2): unfolded, runs of blanks one
 * space, none at the ends. */
static void put_value(GString *out, const char *value, const char *end)
{
    bool blank = false, any = false;

    for (; value < end; value++) {
        if (*value == ' ' || *value == '\t' || *value == '\r' || *value == '\n') {
            blank = true;
            continue;
        }
        if (blank && any)
            g_string_append_c(out, ' ');
        blank = false;
        any = true;
        g_string_append_c(out, *value);
    }
}

static void put_field(GString *out, const Field *field)
{
    for (size_t i = 0; i < field->name_length; i++)
        g_string_append_c(out, g_ascii_tolower(field->start[i]));
    g_string_append_c(out, ':');
    put_value(out, field->start + field->name_length + 1, field->end);
    g_string_append(out, "\r\n");
}

/* Appends a word of the field, on a line of its own when this one is full. */
static void put_word(GString *out, const char *word, size_t length, size_t *column)
{
    if (*column + length > LINE_WIDTH) {
        g_string_append(out, "\r\n\t");
        *column = 8;
    }
    g_string_append_len(out, word, (gssize)length);
    *column += length;
}

static void put_names(GString *out, const GPtrArray *names, size_t *column)
{
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);

        if (i > 0)
            put_word(out, ":", 1, column);
        put_word(out, name, strlen(name), column);
    }
}

static void put_base64(GString *out, const void *bytes, size_t length, size_t *column)
{
    g_autofree char *encoded = g_base64_encode(bytes, length);

    for (const char *at = encoded; *at != '\0';) {
        size_t room = LINE_WIDTH > *column ? LINE_WIDTH - *column : 0;
        size_t take = strnlen(at, room > 0 ? room : LINE_WIDTH - 8);

        put_word(out, at, take, column);
        at += take;
    }
}

/* The names for h=, and the fields they mean, canonicalised: a name that comes again means the next
 * field from the bottom, and beyond the first one none at all (RFC 6376, 5.4.2). */
static void choose(const GArray *fields, GPtrArray *names, GString *canonical)
{
    for (size_t i = 0; i < G_N_ELEMENTS(signed_fields); i++) {
        bool found = false;

        for (guint j = fields->len; j-- > 0;) {
            const Field *field = &g_array_index(fields, Field, j);

            if (!has_name(field, signed_fields[i].name))
                continue;
            found = true;
            g_ptr_array_add(names, (gpointer)signed_fields[i].name);
            put_field(canonical, field);
        }
        if (signed_fields[i].depth == EVEN_ABSENT || (found && signed_fields[i].depth == ONCE_MORE))
            g_ptr_array_add(names, (gpointer)signed_fields[i].name);
    }
}

/* The field without b='s value and without its last line end. */
static void put_unsigned(GString *out, const DkimKey *key, const GPtrArray *names,
                         const char *body_hash, int64_t unix_seconds, size_t *column)
{
    g_string_append_printf(out,
                           "DKIM-Signature: v=1; a=%s; c=relaxed/relaxed;\r\n\td=%s;\r\n"
                           "\ts=%s; t=%" G_GINT64_FORMAT ";\r\n\th=",
                           mb_signing_key_kind(key->key) == MB_SIGNING_ED25519 ? "ed25519-sha256"
                                                                               : "rsa-sha256",
                           key->domain, key->selector, unix_seconds);
    *column = 10;
    put_names(out, names, column);
    g_string_append_printf(out, ";\r\n\tbh=%s;\r\n\tb=", body_hash);
    *column = 10;
}

/* Octets of the length that a signature has. */
static GBytes *blank_signature(const MbSigningKey *key)
{
    size_t length =
        mb_signing_key_kind(key) == MB_SIGNING_ED25519 ? 64 : (mb_signing_key_bits(key) + 7) / 8;

    return g_bytes_new_take(g_malloc0(length), length);
}

/* a=ed25519-sha256 signs the hash (RFC 8463, 3), RSA hashes by itself. */
static GBytes *sign(const DkimKey *key, const GString *canonical)
{
    uint8_t hash[MB_SHA256_LENGTH];

    if (mb_signing_key_kind(key->key) == MB_SIGNING_RSA_SHA256)
        return mb_signing_key_sign(key->key, canonical->str, canonical->len);
    mb_sha256(canonical->str, canonical->len, hash);
    return mb_signing_key_sign(key->key, hash, sizeof(hash));
}

/* What is signed: the fields chosen, and this one without its signature. */
static GBytes *sign_field(const DkimKey *key, GString *canonical, const char *value,
                          const char *end)
{
    size_t headers = canonical->len;
    GBytes *signature;

    g_string_append(canonical, "dkim-signature:");
    put_value(canonical, value, end);
    signature = sign(key, canonical);
    g_string_truncate(canonical, headers);
    return signature;
}

static void put_signature(GString *out, const DkimKey *key, const GPtrArray *names,
                          GString *canonical, const char *body_hash, int64_t unix_seconds,
                          bool blank)
{
    size_t value = out->len + strlen("DKIM-Signature:"), column;
    g_autoptr(GBytes) signature = NULL;

    put_unsigned(out, key, names, body_hash, unix_seconds, &column);
    signature = blank ? blank_signature(key->key)
                      : sign_field(key, canonical, out->str + value, out->str + out->len);
    put_base64(out, g_bytes_get_data(signature, NULL), g_bytes_get_size(signature), &column);
    g_string_append(out, "\r\n");
}

static bool put_signatures(const MbDkimSigner *signer, const char *header, size_t header_length,
                           const uint8_t body_hash[MB_SHA256_LENGTH], int64_t unix_seconds,
                           bool blank, GString *out, GError **error)
{
    g_autoptr(GArray) fields = g_array_new(FALSE, FALSE, sizeof(Field));
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autoptr(GString) canonical = g_string_sized_new(1024);
    g_autofree char *encoded = g_base64_encode(body_hash, MB_SHA256_LENGTH);
    unsigned froms = 0;

    if (!split(header, header_length, fields)) {
        g_set_error(error, MB_DKIM_ERROR, MB_ERROR_DATA, "a header that is malformed");
        return false;
    }
    for (guint i = 0; i < fields->len; i++)
        froms += has_name(&g_array_index(fields, Field, i), "From");
    if (froms != 1) {
        g_set_error(error, MB_DKIM_ERROR, MB_ERROR_DATA, "a header with %u From fields", froms);
        return false;
    }
    choose(fields, names, canonical);
    for (size_t i = 0; i < mb_dkim_signer_keys(signer); i++)
        put_signature(out, dkim_key(signer, i), names, canonical, encoded, unix_seconds, blank);
    return true;
}

bool mb_dkim_sign(const MbDkimSigner *signer, const char *header, size_t header_length,
                  const uint8_t body_hash[MB_SHA256_LENGTH], int64_t unix_seconds, GString *out,
                  GError **error)
{
    return put_signatures(signer, header, header_length, body_hash, unix_seconds, false, out,
                          error);
}

bool mb_dkim_measure(const MbDkimSigner *signer, const char *header, size_t header_length,
                     int64_t unix_seconds, size_t *length, GError **error)
{
    static const uint8_t no_hash[MB_SHA256_LENGTH];
    g_autoptr(GString) fields = g_string_sized_new(1024);

    if (!put_signatures(signer, header, header_length, no_hash, unix_seconds, true, fields, error))
        return false;
    *length = fields->len;
    return true;
}
