#include "statement.h"
#include "suite.h"
#include "verp.h"

#include <mailbatch/mime/address.h>
#include <string.h>

#define KEY "0123456789abcdef0123456789abcdef"

static const struct {
    const char *name, *sender, *recipient;
    const char *want; /* NULL: refused */
} cases[] = {
    {"plain", "news@example.org", "ann@example.net", "news+0123456789-ann=example.net@example.org"},
    {"plus, equals, percent", "news@example.org", "a+b=c%d@x.example",
     "news+0123456789-a+2Bb=c+25d=x.example@example.org"},
    {"equals at the end", "news@example.org", "a=@x.example",
     "news+0123456789-a==x.example@example.org"},
    {"quoted", "news@example.org", "\"a b@c\"@x.example",
     "news+0123456789-+22a+20b+40c+22=x.example@example.org"},
    {"dots where none may stand", "news@example.org", "\"..\"@x.example",
     "news+0123456789-+22+2E.+22=x.example@example.org"},
    {"beyond ASCII", "news@example.org", "\xC3\xBC@x.example",
     "news+0123456789-+C3+BC=x.example@example.org"},
    {"a bang", "news@example.org", "a!b@x.example", "news+0123456789-a+21b=x.example@example.org"},
    {"a plus in the sender", "news+may@example.org", "a@x.example",
     "news+may+0123456789-a=x.example@example.org"},
    {"too long for a local part", "news@example.org",
     "a-very-long-local-part-indeed@a-very-long-domain-indeed.example", "news+" KEY "@example.org"},
    {"64 octets in all", "n@example.org", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@bb.example",
     "n+0123456789-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=bb.example@example.org"},
    {"65 octets in all", "n@example.org", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@bb.example",
     "n+" KEY "@example.org"},
    {"an address literal", "news@example.org", "a@[127.0.0.1]", "news+" KEY "@example.org"},
    {"a sender of 31 octets", "abcdefghijklmnopqrstuvwxyzabcde@example.org", "ann@example.net",
     "abcdefghijklmnopqrstuvwxyzabcde+0123456789-ann=example.net@example.org"},
    {"a sender of 32 octets", "abcdefghijklmnopqrstuvwxyzabcdef@example.org", "a@b.example", NULL},
    {"no sender", "", "a@b.example", NULL},
    {"a quoted sender", "\"a b\"@example.org", "a@b.example", NULL},
};

START_TEST(a_sender_tells_whom_it_was_for)
{
    g_autoptr(GString) out = g_string_new(NULL);
    bool made = mm_verp_make(cases[_i].sender, KEY, cases[_i].recipient, out);
    MmVerp verp = {0};

    ck_assert_msg(made == (cases[_i].want != NULL), "%s: %s", cases[_i].name, out->str);
    if (!made) {
        ck_assert_uint_eq(out->len, 0);
        return;
    }
    ck_assert_msg(strcmp(out->str, cases[_i].want) == 0, "%s: %s", cases[_i].name, out->str);
    ck_assert_msg(mb_address_check(out->str, out->len, NULL), "%s: %s", cases[_i].name, out->str);
    ck_assert_msg(mm_verp_read(out->str, &verp), "%s", cases[_i].name);
    ck_assert_msg(g_str_has_prefix(KEY, verp.proof), "%s: %s", cases[_i].name, verp.proof);
    if (strstr(out->str, KEY) == NULL)
        ck_assert_msg(g_strcmp0(verp.recipient, cases[_i].recipient) == 0, "%s: %s", cases[_i].name,
                      verp.recipient);
    else
        ck_assert_msg(verp.recipient == NULL && strlen(verp.proof) == 32, "%s", cases[_i].name);
    mm_verp_clear(&verp);
}
END_TEST

START_TEST(every_octet_of_a_local_part_comes_back)
{
    for (int octet = 1; octet < 256; octet++) {
        g_autofree char *recipient = g_strdup_printf("a%cb@x.example", octet);
        g_autoptr(GString) out = g_string_new(NULL);
        MmVerp verp = {0};

        ck_assert(mm_verp_make("news@example.org", KEY, recipient, out));
        ck_assert_msg(mb_address_check(out->str, out->len, NULL), "%d: %s", octet, out->str);
        ck_assert_msg(mm_verp_read(out->str, &verp), "%d", octet);
        ck_assert_msg(g_strcmp0(verp.recipient, recipient) == 0, "%d: %s", octet, verp.recipient);
        mm_verp_clear(&verp);
    }
    statement("M-31");
}
END_TEST

START_TEST(other_addresses_are_none)
{
    static const char *const others[] = {
        "news@example.org",
        "news+tag@example.org",
        "news+0123456789@example.org",
        "news+0123456789-@example.org",
        "news+0123456789-a@example.org",
        "news+0123456789-=x.example@example.org",
        "news+0123456789-a=@example.org",
        "news+012345678g-a=b.example@example.org",
        "news+0123456789-a+zz=b.example@example.org",
        "news+0123456789-a+2=b.example@example.org",
        "news+0123456789abcdef0123456789abcde@example.org",
        "no address",
        "",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
        MmVerp verp = {0};

        ck_assert_msg(!mm_verp_read(others[i], &verp), "%s", others[i]);
        ck_assert_ptr_null(verp.proof);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mmerge verp");
    TCase *tcase = tcase_create("verp");

    tcase_add_loop_test(tcase, a_sender_tells_whom_it_was_for, 0, G_N_ELEMENTS(cases));
    tcase_add_test(tcase, every_octet_of_a_local_part_comes_back);
    tcase_add_test(tcase, other_addresses_are_none);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
