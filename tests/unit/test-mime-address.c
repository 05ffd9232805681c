#include "suite.h"

#include <check.h>
#include <mailbatch/mime/address.h>
#include <string.h>

typedef struct {
    const char *name;
    const char *address;
    const char *problem; /* NULL: it is one */
} CheckCase;

static const CheckCase check_cases[] = {
    {"plain", "a@b.c", NULL},
    {"plus and dots", "a.b+c@d-e.example", NULL},
    {"umlauts",
     "m\xC3\xBCller@b\xC3\xBC"
     "cher.example",
     NULL},
    {"quoted", "\"a b\"@c.d", NULL},
    {"quoted at", "\"a@b\"@c.d", NULL},
    {"literal", "a@[127.0.0.1]", NULL},
    {"one label", "root@localhost", NULL},
    {"empty", "", "it is empty"},
    {"no at", "abc", "no @"},
    {"nothing before", "@b.c", "nothing before"},
    {"nothing behind", "a@", "nothing behind"},
    {"two at", "a@b@c", "local part may not have"},
    {"blank", "a b@c.d", "a blank"},
    {"line end", "a@b.c\r\nRCPT TO:<x@y>", "a control character"},
    {"angle", "<a@b.c>", "local part may not have"},
    {"comma", "a,b@c.d", "local part may not have"},
    {"dots", "a..b@c.d", "a dot at the start or end"},
    {"leading dot", ".a@c.d", "a dot at the start or end"},
    {"empty label", "a@b..c", "an empty label"},
    {"trailing dot", "a@b.c.", "an empty label"},
    {"hyphen", "a@-b.c", "begins or ends with a hyphen"},
    {"domain with a blank", "\"a\"@b c.d", "a domain may not have"},
    {"unclosed quotes", "\"a@b.c", "quotes are not closed"},
    {"latin1", "a\xE4@b.c", "no UTF-8"},
    {"long local part", "aaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaa@b.c",
     "64 octets"},
};

START_TEST(addresses_are_checked)
{
    const CheckCase *row = &check_cases[_i];
    g_autoptr(GError) error = NULL;
    bool fine = mb_address_check(row->address, strlen(row->address), &error);

    ck_assert_msg(fine == (row->problem == NULL), "%s", row->name);
    if (row->problem != NULL)
        ck_assert_msg(strstr(error->message, row->problem) != NULL, "%s: %s", row->name,
                      error->message);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mime-address");
    TCase *check = tcase_create("check");

    tcase_add_loop_test(check, addresses_are_checked, 0, G_N_ELEMENTS(check_cases));
    tcase_set_timeout(check, 60);
    suite_add_tcase(suite, check);
    return run_suite(suite);
}
