#include "suite.h"

#include <glib/gstdio.h>
#include <mailbatch/dkim/dkim.h>
#include <string.h>
#include <sys/stat.h>

/* --- the body ----------------------------------------------------------------------------- */

static const struct {
    const char *name, *body, *canonical;
} bodies[] = {
    {"RFC 6376, 3.4.5", " C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n"},
    {"empty", "", ""},
    {"one empty line", "\r\n", ""},
    {"empty lines only", "\r\n\r\n\r\n", ""},
    {"blanks only", " \t \r\n\t\r\n", ""},
    {"blanks, no line end", " \t", ""},
    {"no last line end", "a\r\nb", "a\r\nb\r\n"},
    {"blank at the very end", "a\r\nb ", "a\r\nb\r\n"},
    {"empty lines inside stay", "a\r\n\r\n\r\nb\r\n\r\n", "a\r\n\r\n\r\nb\r\n"},
    {"a line of blanks inside is empty", "a\r\n \t\r\nb\r\n", "a\r\n\r\nb\r\n"},
    {"tabs and runs", "a\tb  c \t d\r\n", "a b c d\r\n"},
    {"blanks in front become one", "\t\t a\r\n", " a\r\n"},
    {"CR alone is text", "a\rb\r\n", "a\rb\r\n"},
    {"CR CR LF", "a\r\r\n", "a\r\r\n"},
    {"blank before CR alone", "a \rb\r\n", "a \rb\r\n"},
    {"LF alone is text", "a\nb \nc\r\n", "a\nb \nc\r\n"},
    {"CR at the very end", "a\r", "a\r\r\n"},
    {"8 bit", "\xC3\xBC  \xC3\xA4 \r\n", "\xC3\xBC \xC3\xA4\r\n"},
    {"base64", "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=\r\n",
     "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=\r\n"},
    {"dots stay", ".\r\n..\r\n", ".\r\n..\r\n"},
    {"words and runs in a long line",
     "The quick, brown f\xC3\xB6x  jumps over \tthe lazy dog \r\n a b \r\n",
     "The quick, brown f\xC3\xB6x jumps over the lazy dog\r\n a b\r\n"},
};

static void hash_of(const char *canonical, uint8_t hash[MB_SHA256_LENGTH])
{
    mb_sha256(canonical, strlen(canonical), hash);
}

/* What stands behind a piece in memory is not what follows it. */
static void update_apart(MbDkimBody *body, const char *bytes, size_t length)
{
    g_autofree char *copy = g_malloc(length + 1);

    memcpy(copy, bytes, length);
    copy[length] = 'X';
    mb_dkim_body_update(body, copy, length);
}

START_TEST(a_body_is_hashed_relaxed_however_it_is_cut)
{
    size_t length = strlen(bodies[_i].body);
    uint8_t want[MB_SHA256_LENGTH], got[MB_SHA256_LENGTH];
    g_autoptr(MbDkimBody) body = mb_dkim_body_new();

    hash_of(bodies[_i].canonical, want);
    for (size_t cut = 0; cut <= length; cut++) {
        update_apart(body, bodies[_i].body, cut);
        update_apart(body, bodies[_i].body + cut, length - cut);
        mb_dkim_body_finish(body, got);
        ck_assert_msg(memcmp(want, got, sizeof(got)) == 0, "%s, cut at %zu", bodies[_i].name, cut);
    }
    for (size_t i = 0; i < length; i++)
        update_apart(body, bodies[_i].body + i, 1);
    mb_dkim_body_finish(body, got);
    ck_assert_msg(memcmp(want, got, sizeof(got)) == 0, "%s, octet by octet", bodies[_i].name);
}
END_TEST

START_TEST(a_long_body_is_hashed_as_a_whole)
{
    g_autoptr(GString) text = g_string_new(NULL), canonical = g_string_new(NULL);
    g_autoptr(MbDkimBody) body = mb_dkim_body_new();
    uint8_t want[MB_SHA256_LENGTH], got[MB_SHA256_LENGTH];

    for (int i = 0; i < 20000; i++) {
        g_string_append_printf(text, "line  %d\t \r\n", i);
        g_string_append_printf(canonical, "line %d\r\n", i);
    }
    for (int i = 0; i < 100000; i++) {
        g_string_append_c(text, (char)('!' + i % 90));
        g_string_append_c(canonical, (char)('!' + i % 90));
    }
    g_string_append(canonical, "\r\n");
    hash_of(canonical->str, want);
    mb_dkim_body_update(body, text->str, text->len);
    mb_dkim_body_finish(body, got);
    ck_assert(memcmp(want, got, sizeof(got)) == 0);
}
END_TEST

/* --- keys --------------------------------------------------------------------------------- */

/* RFC 8463, appendix A.2, as PKCS #8. */
static const char ed25519_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
    "-----END PRIVATE KEY-----\n";
static const char ed25519_public[] = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

static char *folder;

static void make_folder(void)
{
    folder = g_dir_make_tmp("mailbatch-dkim-XXXXXX", NULL);
    ck_assert_ptr_nonnull(folder);
}

static void remove_folder(void)
{
    const char *name;
    GDir *dir = g_dir_open(folder, 0, NULL);

    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        g_unlink(path);
    }
    g_dir_close(dir);
    g_rmdir(folder);
    g_free(folder);
}

static char *key_file(const char *text, mode_t mode)
{
    char *path = g_build_filename(folder, "key.pem", NULL);

    ck_assert(g_file_set_contents(path, text, -1, NULL));
    ck_assert_int_eq(g_chmod(path, mode), 0);
    return path;
}

static MbDkimSigner *new_signer(void)
{
    MbDkimSigner *signer = mb_dkim_signer_new();
    g_autofree char *path = key_file(ed25519_key, 0600);
    GError *error = NULL;

    ck_assert_msg(mb_dkim_signer_add_key(signer, "Football.Example.com", "brisbane", path, &error),
                  "%s", error != NULL ? error->message : "");
    return signer;
}

START_TEST(the_record_is_what_the_dns_needs)
{
    g_autoptr(MbDkimSigner) signer = new_signer();
    g_autofree char *record = mb_dkim_signer_record(signer, 0);
    g_autofree char *want = g_strconcat("v=DKIM1; k=ed25519; p=", ed25519_public, NULL);

    ck_assert_str_eq(record, want);
    ck_assert_str_eq(mb_dkim_signer_domain(signer, 0), "football.example.com");
    ck_assert_uint_eq(mb_dkim_signer_rsa_bits(signer, 0), 0);
}
END_TEST

static const struct {
    const char *name, *domain, *selector, *key;
    mode_t mode;
    MbErrorCode code;
    const char *says;
} refused[] = {
    {"readable by the group", "example.com", "s", ed25519_key, 0640, MB_ERROR_CONFIG, "chmod 600"},
    {"readable by others", "example.com", "s", ed25519_key, 0604, MB_ERROR_CONFIG, "chmod 600"},
    {"empty", "example.com", "s", "", 0600, MB_ERROR_CONFIG, "no private key"},
    {"junk", "example.com", "s", "-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----\n",
     0600, MB_ERROR_CONFIG, "no private key"},
    {"public", "example.com", "s",
     "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
     "-----END PUBLIC KEY-----\n",
     0600, MB_ERROR_CONFIG, "a public key"},
    {"certificate", "example.com", "s", "-----BEGIN CERTIFICATE-----\n", 0600, MB_ERROR_CONFIG,
     "a certificate"},
    {"under a passphrase", "example.com", "s",
     "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
     "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgJsLMWPGA1egICCAAw\n"
     "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEOpguHdsccNx1x3Jp3uRRcwEQHKl\n"
     "wvq5TVzsP2iMHFiNr+5M/12TDxslP46ujvlrpPO8/0x1PIun526+LjHmpi7S1rmx\n"
     "XNj7fkknpnOIQ0JZFTQ=\n"
     "-----END ENCRYPTED PRIVATE KEY-----\n",
     0600, MB_ERROR_CONFIG, "passphrase"},
    {"no domain", "", "s", ed25519_key, 0600, MB_ERROR_CONFIG, "no domain name"},
    {"a top level domain", "com", "s", ed25519_key, 0600, MB_ERROR_CONFIG, "no domain name"},
    {"domain with a line end", "example.com\r\nX: y", "s", ed25519_key, 0600, MB_ERROR_CONFIG,
     "no domain name"},
    {"domain with a semicolon", "example.com;x", "s", ed25519_key, 0600, MB_ERROR_CONFIG,
     "no domain name"},
    {"domain that ends in a dot", "example.com.", "s", ed25519_key, 0600, MB_ERROR_CONFIG,
     "no domain name"},
    {"no selector", "example.com", "", ed25519_key, 0600, MB_ERROR_CONFIG, "no selector"},
    {"selector with a blank", "example.com", "a b", ed25519_key, 0600, MB_ERROR_CONFIG,
     "no selector"},
};

START_TEST(an_unfit_key_is_refused)
{
    g_autoptr(MbDkimSigner) signer = mb_dkim_signer_new();
    g_autofree char *path = key_file(refused[_i].key, refused[_i].mode);
    g_autoptr(GError) error = NULL;

    ck_assert_msg(
        !mb_dkim_signer_add_key(signer, refused[_i].domain, refused[_i].selector, path, &error),
        "%s", refused[_i].name);
    ck_assert_msg(error->code == (int)refused[_i].code, "%s: %d", refused[_i].name, error->code);
    ck_assert_msg(strstr(error->message, refused[_i].says) != NULL, "%s: %s", refused[_i].name,
                  error->message);
    ck_assert_uint_eq(mb_dkim_signer_keys(signer), 0);
}
END_TEST

START_TEST(a_missing_key_file_is_no_input)
{
    g_autoptr(MbDkimSigner) signer = mb_dkim_signer_new();
    g_autoptr(GError) error = NULL;

    ck_assert(!mb_dkim_signer_add_key(signer, "example.com", "s", "/nonexistent/key", &error));
    ck_assert_int_eq(error->code, MB_ERROR_NO_INPUT);
}
END_TEST

START_TEST(alignment_is_the_domain_or_below)
{
    static const struct {
        const char *domain, *from;
        bool aligned;
    } cases[] = {
        {"example.com", "example.com", true},      {"example.com", "EXAMPLE.com", true},
        {"example.com", "news.example.com", true}, {"example.com", "notexample.com", false},
        {"news.example.com", "example.com", true}, {"example.com", "com", false},
        {"a.example.com", "b.example.com", false},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        ck_assert_msg(mb_dkim_aligned(cases[i].domain, cases[i].from) == cases[i].aligned, "%s, %s",
                      cases[i].domain, cases[i].from);
}
END_TEST

/* --- the field ---------------------------------------------------------------------------- */

static char *sign(MbDkimSigner *signer, const char *header, GError **error)
{
    GString *out = g_string_new(NULL);
    uint8_t hash[MB_SHA256_LENGTH];

    hash_of("", hash);
    if (mb_dkim_sign(signer, header, strlen(header), hash, 1700000000, out, error))
        return g_string_free(out, FALSE);
    ck_assert_uint_eq(out->len, 0);
    g_string_free(out, TRUE);
    return NULL;
}

/* The field's value with its folds and blanks taken out. */
static char *unfolded(const char *field)
{
    GString *out = g_string_new(NULL);

    for (; *field != '\0'; field++)
        if (!g_ascii_isspace(*field))
            g_string_append_c(out, *field);
    return g_string_free(out, FALSE);
}

START_TEST(the_field_says_what_it_signs)
{
    g_autoptr(MbDkimSigner) signer = new_signer();
    g_autofree char *field = sign(signer,
                                  "Subject: Hi\r\nFrom: a@football.example.com\r\nX-Other: 1\r\n"
                                  "List-Unsubscribe: <https://example.com/u>\r\n"
                                  "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\n",
                                  NULL);
    g_autofree char *flat = unfolded(field);
    g_auto(GStrv) lines = g_strsplit(field, "\r\n", -1);

    ck_assert(g_str_has_prefix(flat, "DKIM-Signature:v=1;a=ed25519-sha256;c=relaxed/relaxed;"
                                     "d=football.example.com;s=brisbane;t=1700000000;"
                                     "h=From:From:Reply-To:Subject:Subject:Date:To:Cc:"
                                     "List-Unsubscribe:List-Unsubscribe:List-Unsubscribe-Post:"
                                     "List-Unsubscribe-Post;"
                                     "bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;b="));
    ck_assert(g_str_has_suffix(field, "\r\n"));
    for (guint i = 0; lines[i] != NULL; i++) {
        ck_assert_msg(strlen(lines[i]) <= 78, "%s", lines[i]);
        ck_assert(i == 0 || lines[i][0] == '\t' || lines[i + 1] == NULL);
    }
}
END_TEST

START_TEST(blanks_and_folds_do_not_change_the_signature)
{
    static const char *const same[] = {
        "From: A <a@b.example>\r\nSubject: one two\r\n",
        "FROM:A  <a@b.example>  \r\nsubject:\tone\r\n two\r\n\r\n",
        "Subject:\r\n one\t two\r\nFrom: A\r\n\t<a@b.example>\r\n",
    };
    static const char *const other[] = {
        "From: A <a@b.example>\r\nSubject: onetwo\r\n",
        "From: A <a@b.example>\r\nSubject: one two\r\nTo: c@d.example\r\n",
        "From: a <a@b.example>\r\nSubject: one two\r\n",
    };
    g_autoptr(MbDkimSigner) signer = new_signer();
    g_autofree char *want = sign(signer, same[0], NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(same); i++) {
        g_autofree char *got = sign(signer, same[i], NULL);
        ck_assert_str_eq(got, want);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(other); i++) {
        g_autofree char *got = sign(signer, other[i], NULL);
        ck_assert_str_ne(got, want);
    }
}
END_TEST

START_TEST(a_header_that_cannot_be_signed_is_refused)
{
    static const char *const cases[] = {
        "",
        "Subject: x\r\n",
        "From: a@b\r\nFrom: c@d\r\n",
        "From: a@b\r\nno field\r\n",
        "From: a@b",
        ": x\r\nFrom: a@b\r\n",
    };
    g_autoptr(MbDkimSigner) signer = new_signer();

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;

        ck_assert_msg(sign(signer, cases[i], &error) == NULL, "%s", cases[i]);
        ck_assert_int_eq(error->code, MB_ERROR_DATA);
    }
}
END_TEST

/* --- whole messages ----------------------------------------------------------------------- */

static MbWire *wire_of(const char *const *segments)
{
    MbWire *wire = mb_wire_new();

    for (; *segments != NULL; segments++)
        mb_wire_append_take(wire, g_bytes_new(*segments, strlen(*segments)));
    return wire;
}

START_TEST(a_message_is_signed_however_it_is_cut)
{
    static const char text[] = "From: a@b.example\r\nSubject: x\r\n\r\nHello\r\n \r\nyou\r\n\r\n";
    g_autoptr(MbDkimSigner) signer = new_signer();
    const char *const whole[] = {text, NULL};
    g_autoptr(MbWire) message = wire_of(whole);
    g_autoptr(MbDkimSealer) first = mb_dkim_sealer_new(signer);
    g_autoptr(MbWire) signed_once = mb_dkim_seal(first, message, 1700000000, NULL);
    g_autoptr(GBytes) want = mb_wire_flatten(signed_once);
    g_autofree char *whole_text = NULL;

    whole_text = g_strndup(g_bytes_get_data(want, NULL), g_bytes_get_size(want));
    ck_assert(g_str_has_prefix(whole_text, "DKIM-Signature: v=1;"));
    ck_assert_ptr_nonnull(strstr(whole_text, "\r\nFrom: a@b.example\r\n"));
    for (size_t i = 0; i + 1 < sizeof(text); i++) {
        for (size_t j = i; j + 1 < sizeof(text); j++) {
            g_autofree char *a = g_strndup(text, i), *b = g_strndup(text + i, j - i);
            const char *const parts[] = {a, b, text + j, NULL};
            g_autoptr(MbDkimSealer) sealer = mb_dkim_sealer_new(signer);
            g_autoptr(MbWire) cut = wire_of(parts);
            g_autoptr(MbWire) sealed = mb_dkim_seal(sealer, cut, 1700000000, NULL);
            g_autoptr(GBytes) got = mb_wire_flatten(sealed);

            ck_assert_msg(g_bytes_equal(want, got), "cut at %zu and %zu", i, j);
        }
    }
}
END_TEST

START_TEST(a_body_that_stays_is_hashed_once)
{
    static const struct {
        const char *header, *body;
        uint64_t hashed;
    } messages[] = {
        {"From: a@b.example\r\n\r\n", "same\r\n", 1},
        {"From: c@d.example\r\nTo: x@y\r\n\r\n", "same\r\n", 1},
        {"From: a@b.example\r\n\r\n", "SAME\r\n", 2},
        {"From: a@b.example\r\n\r\n", "same\r\n", 3},
        {"From: a@b.example\r\n\r\n", "same\r\n.", 4},
        {"From: a@b.example\r\n\r\n", "", 5},
        {"From: a@b.example\r\n\r\n", "", 5},
    };
    g_autoptr(MbDkimSigner) signer = new_signer();
    g_autoptr(MbDkimSealer) sealer = mb_dkim_sealer_new(signer);

    for (size_t i = 0; i < G_N_ELEMENTS(messages); i++) {
        const char *const parts[] = {messages[i].header, messages[i].body, NULL};
        g_autoptr(MbDkimSealer) other = mb_dkim_sealer_new(signer);
        g_autoptr(MbWire) message = wire_of(parts);
        g_autoptr(MbWire) one = mb_dkim_seal(sealer, message, 1, NULL);
        g_autoptr(MbWire) two = mb_dkim_seal(other, message, 1, NULL);
        g_autoptr(GBytes) got = mb_wire_flatten(one), want = mb_wire_flatten(two);

        ck_assert_msg(g_bytes_equal(got, want), "message %zu", i);
        ck_assert_msg(mb_dkim_sealer_hashed(sealer) == messages[i].hashed, "message %zu", i);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dkim");
    TCase *body = tcase_create("body"), *keys = tcase_create("keys"),
          *field = tcase_create("field");

    tcase_add_loop_test(body, a_body_is_hashed_relaxed_however_it_is_cut, 0, G_N_ELEMENTS(bodies));
    tcase_add_test(body, a_long_body_is_hashed_as_a_whole);
    suite_add_tcase(suite, body);
    tcase_add_checked_fixture(keys, make_folder, remove_folder);
    tcase_add_test(keys, the_record_is_what_the_dns_needs);
    tcase_add_loop_test(keys, an_unfit_key_is_refused, 0, G_N_ELEMENTS(refused));
    tcase_add_test(keys, a_missing_key_file_is_no_input);
    tcase_add_test(keys, alignment_is_the_domain_or_below);
    suite_add_tcase(suite, keys);
    tcase_add_checked_fixture(field, make_folder, remove_folder);
    tcase_add_test(field, the_field_says_what_it_signs);
    tcase_add_test(field, blanks_and_folds_do_not_change_the_signature);
    tcase_add_test(field, a_header_that_cannot_be_signed_is_refused);
    tcase_add_test(field, a_message_is_signed_however_it_is_cut);
    tcase_add_test(field, a_body_that_stays_is_hashed_once);
    suite_add_tcase(suite, field);
    return run_suite(suite);
}
