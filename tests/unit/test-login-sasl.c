#include "suite.h"

#include <check.h>
#include <mailbatch/base/digest.h>
#include <mailbatch/login/account.h>
#include <mailbatch/login/sasl.h>
#include <stdlib.h>
#include <string.h>

static char *decode(const char *base64)
{
    gsize length = 0;
    g_autofree guchar *bytes = g_base64_decode(base64, &length);

    for (gsize i = 0; i < length; i++)
        if (bytes[i] == '\0')
            bytes[i] = '|';
    return g_strndup((const char *)bytes, length);
}

static char *encode(const char *text)
{
    return g_base64_encode((const guchar *)text, strlen(text));
}

static MbSasl *start(const char *mechanism, bool secure, const char *offered, GError **error)
{
    const MbSaslOptions options = {.user = "user",
                                   .password = "pencil",
                                   .mechanism = mechanism,
                                   .service = "smtp",
                                   .host = "mail.example",
                                   .secure = secure};
    g_auto(GStrv) names = g_strsplit(offered, " ", -1);

    return mb_sasl_new(&options, (const char *const *)names, error);
}

/* --- the choice --- */

typedef struct {
    const char *offered;
    const char *named;
    bool secure;
    const char *want; /* NULL: refused */
} ChoiceRow;

static const ChoiceRow choice_rows[] = {
    {"PLAIN LOGIN", NULL, true, "PLAIN"},
    {"LOGIN PLAIN SCRAM-SHA-1 SCRAM-SHA-256", NULL, true, "SCRAM-SHA-256"},
    {"LOGIN PLAIN SCRAM-SHA-1", NULL, true, "SCRAM-SHA-1"},
    {"LOGIN", NULL, true, "LOGIN"},
    {"plain", NULL, true, "PLAIN"},
    {"SCRAM-SHA-256 PLAIN", "plain", true, "PLAIN"},
    {"SCRAM-SHA-256 PLAIN", "LOGIN", true, NULL},
    {"GSSAPI XOAUTH2", NULL, true, NULL},
    {"", NULL, true, NULL},
    {"PLAIN", "GSSAPI", true, NULL},
    {"PLAIN LOGIN", NULL, false, NULL},
    {"PLAIN LOGIN", "PLAIN", false, NULL},
    {"PLAIN SCRAM-SHA-1", NULL, false, "SCRAM-SHA-1"},
    {"CRAM-MD5 PLAIN", NULL, true, "PLAIN"},
    {"CRAM-MD5 PLAIN LOGIN", NULL, false, "CRAM-MD5"},
    {"CRAM-MD5", NULL, true, "CRAM-MD5"},
    {"XOAUTH2 OAUTHBEARER PLAIN", NULL, true, "PLAIN"},
    {"XOAUTH2 OAUTHBEARER", NULL, true, NULL},
    {"XOAUTH2 OAUTHBEARER PLAIN", "xoauth2", true, "XOAUTH2"},
    {"XOAUTH2 OAUTHBEARER PLAIN", "OAUTHBEARER", true, "OAUTHBEARER"},
    {"XOAUTH2 OAUTHBEARER PLAIN", "xoauth2", false, NULL},
};

START_TEST(the_strongest_that_is_allowed_is_chosen)
{
    const ChoiceRow *row = &choice_rows[_i];
    g_autoptr(GError) error = NULL;
    g_autoptr(MbSasl) sasl = start(row->named, row->secure, row->offered, &error);

    ck_assert_msg((sasl != NULL) == (row->want != NULL), "%s", row->offered);
    if (sasl != NULL) {
        ck_assert_str_eq(mb_sasl_mechanism(sasl), row->want);
        return;
    }
    ck_assert_msg(g_error_matches(error, MB_LOGIN_ERROR, MB_ERROR_LOGIN), "%s", row->offered);
    ck_assert_msg(strstr(error->message, row->offered[0] ? row->offered : "nothing") != NULL,
                  "%s: %s", row->offered, error->message);
}
END_TEST

/* --- dialogues --- */

START_TEST(cram_md5_hides_the_password)
{
    /* RFC 2195, 2 with our user and password. */
    g_autoptr(MbSasl) sasl = start("CRAM-MD5", false, "CRAM-MD5", NULL);
    g_autofree char *challenge = encode("<1896.697170952@postoffice.reston.mci.net>");
    g_autofree char *line = mb_sasl_begin(sasl, 512, NULL);
    g_autofree char *response = mb_sasl_step(sasl, challenge, NULL);
    g_autofree char *text = decode(response);

    ck_assert_str_eq(line, "AUTH CRAM-MD5");
    ck_assert_str_eq(text, "user 266f82bb2d1ace6729d2c573e4e004c6");
    ck_assert(mb_sasl_is_done(sasl));
}
END_TEST

static const struct {
    const char *mechanism, *user, *response, *end;
} tokens[] = {
    {"XOAUTH2", "a@b.example", "user=a@b.example\001auth=Bearer tok.en=\001\001", ""},
    {"OAUTHBEARER", "a@b.example",
     "n,a=a@b.example,\001host=mail.example\001auth=Bearer tok.en=\001\001", "AQ=="},
    {"OAUTHBEARER", "a,b=c", "n,a=a=2Cb=3Dc,\001host=mail.example\001auth=Bearer tok.en=\001\001",
     "AQ=="},
};

static MbSasl *start_token(const char *mechanism, const char *user, const char *token)
{
    const char *const offered[] = {mechanism, NULL};

    return mb_sasl_new(&(MbSaslOptions){.user = user,
                                        .password = token,
                                        .mechanism = mechanism,
                                        .service = "smtp",
                                        .host = "mail.example",
                                        .secure = true},
                       offered, NULL);
}

START_TEST(a_token_is_one_response_and_its_refusal_is_answered)
{
    g_autoptr(MbSasl) sasl = start_token(tokens[_i].mechanism, tokens[_i].user, "tok.en=");
    g_autofree char *want = encode(tokens[_i].response);
    g_autofree char *response = mb_sasl_step(sasl, NULL, NULL);
    g_autofree char *refusal = encode("{\"status\":\"401\"}\033");
    g_autofree char *end = NULL;
    g_autoptr(GError) error = NULL;

    ck_assert_str_eq(response, want);
    ck_assert(mb_sasl_is_done(sasl));
    ck_assert_ptr_null(mb_sasl_refusal(sasl));
    end = mb_sasl_step(sasl, refusal, NULL);
    ck_assert_str_eq(end, tokens[_i].end);
    ck_assert(g_str_has_prefix(mb_sasl_refusal(sasl), "{\"status\":\"401\"}"));
    ck_assert_ptr_null(strchr(mb_sasl_refusal(sasl), '\033'));
    ck_assert_ptr_null(mb_sasl_step(sasl, refusal, &error));
    ck_assert(g_error_matches(error, MB_LOGIN_ERROR, MB_ERROR_PROTOCOL));
}
END_TEST

START_TEST(a_long_token_waits_for_the_server)
{
    g_autofree char *token = g_strnfill(16384, 't');
    g_autoptr(MbSasl) sasl = start_token("XOAUTH2", "u", token);
    g_autofree char *line = mb_sasl_begin(sasl, 12288, NULL);
    g_autofree char *response = mb_sasl_step(sasl, "", NULL);
    g_autofree char *text = decode(response);

    ck_assert_str_eq(line, "AUTH XOAUTH2");
    ck_assert_uint_eq(strlen(text), 16384 + strlen("user=u|auth=Bearer ||"));
    ck_assert_ptr_null(mb_sasl_refusal(sasl));
}
END_TEST

START_TEST(a_token_cannot_end_its_field)
{
    ck_assert_ptr_null(start_token("XOAUTH2", "u\001auth=Bearer x", "t"));
    ck_assert_ptr_null(start_token("XOAUTH2", "u", "t\001x"));
}
END_TEST

START_TEST(plain_is_one_response)
{
    g_autoptr(MbSasl) sasl = start("PLAIN", true, "PLAIN", NULL);
    g_autofree char *response = mb_sasl_step(sasl, NULL, NULL);
    g_autofree char *text = decode(response);

    ck_assert(mb_sasl_is_client_first(sasl));
    ck_assert_str_eq(text, "|user|pencil");
    ck_assert(mb_sasl_is_done(sasl));
}
END_TEST

/* base64("\0user\0pencil") has 16 octets, the command with it 27. */
START_TEST(a_first_response_goes_with_the_command_where_it_fits)
{
    static const struct {
        const char *mechanism;
        size_t max;
        const char *line;
        const char *next; /* NULL: not asked */
    } rows[] = {
        {"PLAIN", 27, "AUTH PLAIN AHVzZXIAcGVuY2ls", NULL},
        {"PLAIN", 26, "AUTH PLAIN", "AHVzZXIAcGVuY2ls"},
        {"LOGIN", 27, "AUTH LOGIN", "dXNlcg=="},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(MbSasl) sasl = start(rows[i].mechanism, true, "PLAIN LOGIN", NULL);
        g_autofree char *line = mb_sasl_begin(sasl, rows[i].max, NULL);
        g_autofree char *next = NULL;

        ck_assert_str_eq(line, rows[i].line);
        if (rows[i].next == NULL)
            continue;
        next = mb_sasl_step(sasl, "", NULL);
        ck_assert_str_eq(next, rows[i].next);
    }
}
END_TEST

START_TEST(plain_answers_an_empty_challenge_too)
{
    g_autoptr(MbSasl) sasl = start("PLAIN", true, "PLAIN", NULL);
    g_autofree char *response = mb_sasl_step(sasl, "", NULL);
    g_autofree char *text = decode(response);

    ck_assert_str_eq(text, "|user|pencil");
}
END_TEST

START_TEST(login_answers_two_prompts)
{
    g_autoptr(MbSasl) sasl = start("LOGIN", true, "LOGIN", NULL);
    g_autofree char *user = mb_sasl_step(sasl, "VXNlcm5hbWU6", NULL);
    g_autofree char *password = NULL;

    ck_assert(!mb_sasl_is_client_first(sasl));
    ck_assert_str_eq(user, "dXNlcg==");
    ck_assert(!mb_sasl_is_done(sasl));
    password = mb_sasl_step(sasl, "UGFzc3dvcmQ6", NULL);
    ck_assert_str_eq(password, "cGVuY2ls");
    ck_assert(mb_sasl_is_done(sasl));
}
END_TEST

START_TEST(a_server_that_asks_on_is_refused)
{
    g_autoptr(MbSasl) sasl = start("PLAIN", true, "PLAIN", NULL);
    g_autofree char *response = mb_sasl_step(sasl, NULL, NULL);
    g_autoptr(GError) error = NULL;

    for (int i = 0; i < 20; i++) {
        g_clear_error(&error);
        ck_assert_ptr_null(mb_sasl_step(sasl, "eA==", &error));
        ck_assert(g_error_matches(error, MB_LOGIN_ERROR, MB_ERROR_PROTOCOL));
    }
}
END_TEST

/* --- SCRAM-SHA-256, with the server's side (RFC 5802, 3; RFC 7677) --- */

#define ITERATIONS 4096
#define SALT       "W22ZaJ0SNY7soEsUEjb6gQ=="

typedef struct {
    uint8_t salted[MB_SHA256_LENGTH];
    GString *auth_message;
} Scram;

static void salt_password(Scram *scram, const char *password)
{
    gsize length = 0;
    g_autofree guchar *salt = g_base64_decode(SALT, &length);
    g_autoptr(GByteArray) first = g_byte_array_new();
    uint8_t round[MB_SHA256_LENGTH];

    g_byte_array_append(first, salt, (guint)length);
    g_byte_array_append(first, (const guint8 *)"\0\0\0\1", 4);
    mb_hmac_sha256(password, strlen(password), first->data, first->len, round);
    memcpy(scram->salted, round, sizeof(round));
    for (int i = 1; i < ITERATIONS; i++) {
        mb_hmac_sha256(password, strlen(password), round, sizeof(round), round);
        for (size_t j = 0; j < sizeof(round); j++)
            scram->salted[j] ^= round[j];
    }
}

/* The server's first message, for the client's. */
static char *server_first(Scram *scram, const char *client_first)
{
    const char *bare = client_first + 3;
    const char *nonce = strstr(bare, "r=") + 2;
    g_autofree char *text = g_strdup_printf("r=%sserver,s=%s,i=%d", nonce, SALT, ITERATIONS);

    ck_assert(g_str_has_prefix(client_first, "n,,n=user,r="));
    g_string_append_printf(scram->auth_message, "%s,%s,", bare, text);
    return encode(text);
}

/* Whether the client's proof holds; then the server's own. */
static char *server_final(Scram *scram, const char *client_final)
{
    const char *proof_text = strstr(client_final, ",p=");
    gsize length = 0;
    g_autofree guchar *proof = g_base64_decode(proof_text + 3, &length);
    uint8_t key[MB_SHA256_LENGTH];
    uint8_t stored[MB_SHA256_LENGTH];
    uint8_t signature[MB_SHA256_LENGTH];
    g_autofree char *base64 = NULL;
    g_autofree char *text = NULL;

    g_string_append_len(scram->auth_message, client_final, proof_text - client_final);
    mb_hmac_sha256(scram->salted, sizeof(scram->salted), "Client Key", 10, key);
    mb_sha256(key, sizeof(key), stored);
    mb_hmac_sha256(stored, sizeof(stored), scram->auth_message->str, scram->auth_message->len,
                   signature);
    ck_assert_uint_eq(length, sizeof(key));
    for (size_t i = 0; i < sizeof(key); i++)
        ck_assert_uint_eq(proof[i], key[i] ^ signature[i]);
    mb_hmac_sha256(scram->salted, sizeof(scram->salted), "Server Key", 10, key);
    mb_hmac_sha256(key, sizeof(key), scram->auth_message->str, scram->auth_message->len, signature);
    base64 = g_base64_encode(signature, sizeof(signature));
    text = g_strdup_printf("v=%s", base64);
    return encode(text);
}

/* Up to the server's proof, which is returned. */
static char *exchange(MbSasl *sasl)
{
    Scram scram = {.auth_message = g_string_new(NULL)};
    g_autofree char *first = mb_sasl_step(sasl, NULL, NULL);
    g_autofree char *first_text = decode(first);
    g_autofree char *challenge = NULL;
    g_autofree char *final = NULL;
    g_autofree char *final_text = NULL;
    char *proof;

    salt_password(&scram, "pencil");
    challenge = server_first(&scram, first_text);
    final = mb_sasl_step(sasl, challenge, NULL);
    ck_assert_ptr_nonnull(final);
    final_text = decode(final);
    ck_assert(!mb_sasl_is_done(sasl));
    proof = server_final(&scram, final_text);
    g_string_free(scram.auth_message, TRUE);
    return proof;
}

START_TEST(scram_proves_both_sides)
{
    g_autoptr(MbSasl) sasl = start(NULL, false, "PLAIN SCRAM-SHA-256", NULL);
    g_autofree char *proof = exchange(sasl);
    g_autofree char *last = mb_sasl_step(sasl, proof, NULL);

    ck_assert_str_eq(last, "");
    ck_assert(mb_sasl_is_done(sasl));
}
END_TEST

START_TEST(scram_does_not_take_a_false_server)
{
    g_autoptr(MbSasl) sasl = start(NULL, false, "SCRAM-SHA-256", NULL);
    g_autofree char *proof = exchange(sasl);
    g_autofree char *forged = encode("v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(mb_sasl_step(sasl, forged, &error));
    ck_assert(g_error_matches(error, MB_LOGIN_ERROR, MB_ERROR_PROTOCOL));
    ck_assert(!mb_sasl_is_done(sasl));
}
END_TEST

static const char *const bad_challenges[] = {
    "!!!not base64!!!", "", "eA==", "====", "cj0=", "cj1hLHM9YixpPS0x"};

START_TEST(a_challenge_without_sense_is_refused)
{
    g_autoptr(MbSasl) sasl = start(NULL, true, "SCRAM-SHA-256", NULL);
    g_autofree char *first = mb_sasl_step(sasl, NULL, NULL);
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(mb_sasl_step(sasl, bad_challenges[_i], &error));
    ck_assert_msg(g_error_matches(error, MB_LOGIN_ERROR, MB_ERROR_PROTOCOL), "%s",
                  bad_challenges[_i]);
    ck_assert_msg(strstr(error->message, "pencil") == NULL, "%s", error->message);
}
END_TEST

START_TEST(a_challenge_without_end_is_refused)
{
    g_autoptr(MbSasl) sasl = start(NULL, true, "SCRAM-SHA-256", NULL);
    g_autofree char *first = mb_sasl_step(sasl, NULL, NULL);
    g_autofree char *huge = g_strnfill(1000000, 'A');
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(mb_sasl_step(sasl, huge, &error));
    ck_assert(g_error_matches(error, MB_LOGIN_ERROR, MB_ERROR_PROTOCOL));
}
END_TEST

START_TEST(a_challenge_that_costs_hours_is_refused)
{
    static const char *const counts[] = {"2000001", "4000000000", "99999999999999999999999"};

    for (size_t i = 0; i < G_N_ELEMENTS(counts); i++) {
        g_autoptr(MbSasl) sasl = start(NULL, true, "SCRAM-SHA-256", NULL);
        g_autofree char *first = mb_sasl_step(sasl, NULL, NULL);
        g_autofree char *first_text = decode(first);
        g_autofree char *text =
            g_strdup_printf("%sserver,s=%s,i=%s", strstr(first_text, "r="), SALT, counts[i]);
        g_autofree char *challenge = encode(text);
        g_autoptr(GError) error = NULL;

        ck_assert_ptr_null(mb_sasl_step(sasl, challenge, &error));
        ck_assert(g_error_matches(error, MB_LOGIN_ERROR, MB_ERROR_PROTOCOL));
        ck_assert_msg(strstr(error->message, "iterations") != NULL, "%s", error->message);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("login-sasl");
    TCase *tcase = tcase_create("sasl");

    tcase_add_loop_test(tcase, the_strongest_that_is_allowed_is_chosen, 0,
                        G_N_ELEMENTS(choice_rows));
    tcase_add_test(tcase, plain_is_one_response);
    tcase_add_test(tcase, cram_md5_hides_the_password);
    tcase_add_loop_test(tcase, a_token_is_one_response_and_its_refusal_is_answered, 0,
                        G_N_ELEMENTS(tokens));
    tcase_add_test(tcase, a_long_token_waits_for_the_server);
    tcase_add_test(tcase, a_token_cannot_end_its_field);
    tcase_add_test(tcase, a_first_response_goes_with_the_command_where_it_fits);
    tcase_add_test(tcase, plain_answers_an_empty_challenge_too);
    tcase_add_test(tcase, login_answers_two_prompts);
    tcase_add_test(tcase, a_server_that_asks_on_is_refused);
    tcase_add_test(tcase, scram_proves_both_sides);
    tcase_add_test(tcase, scram_does_not_take_a_false_server);
    tcase_add_loop_test(tcase, a_challenge_without_sense_is_refused, 0,
                        G_N_ELEMENTS(bad_challenges));
    tcase_add_test(tcase, a_challenge_without_end_is_refused);
    tcase_add_test(tcase, a_challenge_that_costs_hours_is_refused);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
