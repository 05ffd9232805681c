/*
 * Header values: encoded-words, parameters, addresses, dates, charsets. The first byte chooses;
 * results are valid UTF-8 and stay within their input; what is encoded comes back.
 */
#include "fuzz.h"

#include <mailbatch/base/text.h>
#include <mailbatch/mime/address.h>
#include <mailbatch/mime/charset.h>
#include <mailbatch/mime/date.h>
#include <mailbatch/mime/params.h>
#include <mailbatch/mime/words.h>
#include <string.h>

static void try_words(const char *text, size_t length, MbFlaws *flaws)
{
    g_autoptr(GString) out = g_string_new(NULL);

    mb_words_decode(text, length, out, flaws);
    g_assert_true(mb_text_is_utf8(out->str, out->len, NULL));
}

static void try_encoding(const char *text, size_t length)
{
    g_autoptr(GString) field = g_string_new("Subject: ");
    g_autoptr(GString) back = g_string_new(NULL);
    g_autofree char *valid = g_utf8_make_valid(text, (gssize)length);

    g_strdelimit(valid, "\r\n", ' ');
    mb_words_encode(valid, strlen(valid), field->len, field);
    mb_words_decode(field->str + 9, field->len - 9, back, NULL);
    g_assert_cmpstr(back->str, ==, valid);
}

static void try_params(const char *text, size_t length, MbFlaws *flaws)
{
    g_auto(MbParams) params;

    mb_params_init(&params);
    for (int kind = MB_PARAMS_TYPE; kind <= MB_PARAMS_DISPOSITION; kind++) {
        mb_params_parse(&params, (MbParamsKind)kind, text, length, flaws);
        for (size_t i = 0; i < params.count; i++) {
            const MbParam *param = &params.params[i];

            g_assert_cmpuint(param->offset, <=, length);
            g_assert_cmpuint(param->length, <=, length - param->offset);
            g_assert_nonnull(mb_params_get(&params, param->name));
        }
    }
}

static void try_addresses(const char *text, size_t length, MbFlaws *flaws)
{
    g_autoptr(MbAddressList) list = mb_address_list_parse(text, length, 1000, flaws);

    for (size_t i = 0; i < mb_address_list_count(list); i++) {
        const MbAddress *address = mb_address_list_at(list, i);

        g_assert_cmpuint(address->offset, <=, length);
        g_assert_cmpuint(address->length, <=, length - address->offset);
        g_assert_true(address->name == NULL ||
                      mb_text_is_utf8(address->name, address->name_length, NULL));
        g_assert_cmpuint(address->domain, <=, address->address_length);
    }
    mb_address_check(text, length, NULL);
}

static void try_charset(const char *text, size_t length, MbFlaws *flaws)
{
    static const char *const labels[] = {NULL,    "utf-8",       "us-ascii", "iso-8859-1", "gb2312",
                                         "utf-7", "iso-2022-jp", "utf-16",   "big5",       "x-y"};
    g_autoptr(GString) out = g_string_new(NULL);
    MbCharsetUse use;

    if (length == 0)
        return;
    mb_charset_to_utf8(labels[(uint8_t)text[0] % G_N_ELEMENTS(labels)], text + 1, length - 1, out,
                       &use, flaws);
    g_assert_true(mb_text_is_utf8(out->str, out->len, NULL));
    g_assert_true(use.lossy == (use.errors > 0));
    g_assert_true(!use.lossy || use.first_error < length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data + 1;
    g_auto(MbFlaws) flaws = {0};
    MbDate date;

    if (size == 0)
        return 0;
    size--;
    switch (data[0] % 6) {
    case 0: try_words(text, size, &flaws); break;
    case 1: try_params(text, size, &flaws); break;
    case 2: try_addresses(text, size, &flaws); break;
    case 3: mb_date_parse(text, size, &date, &flaws); break;
    case 4: try_charset(text, size, &flaws); break;
    default: try_encoding(text, size); break;
    }
    return 0;
}
