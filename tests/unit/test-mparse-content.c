#include "suite.h"

#include <check.h>
#include <content.h>
#include <string.h>

#define BYTES(text) text, sizeof(text) - 1

START_TEST(content_is_known_by_its_first_bytes)
{
    static const struct {
        const char *name, *bytes;
        size_t length;
        const char *type;
    } rows[] = {
        {"nothing", BYTES(""), ""},
        {"text", BYTES("Dear all,\n"), "text/plain"},
        {"text of umlauts", BYTES("gr\xC3\xBC\xC3\x9F\x65\n"), "text/plain"},
        {"HTML behind a mark and blanks", BYTES("\xEF\xBB\xBF \n<!DOCTYPE HTML>"), "text/html"},
        {"text with a control here and there",
         BYTES("This was converted once too often \x13 or so it seems.\n"), "text/plain"},
        {"HTML with one", BYTES("<html><body>converted once too often \x14 or so"), "text/html"},
        {"text with a NUL", BYTES("This was converted once too often \0 or so it seems.\n"),
         "application/octet-stream"},
        {"too many controls for text", BYTES("\x02 is a control among few bytes"),
         "application/octet-stream"},
        {"controls behind the first sixteen bytes", BYTES("sixteen letters, \1\2\3"),
         "application/octet-stream"},
        {"GIF of 1987", BYTES("GIF87a\1\0\1\0\0\0\0;"), "image/gif"},
        {"GIF of 1989", BYTES("GIF89a\1\0\1\0\0\0\0;"), "image/gif"},
        {"JFIF", BYTES("\xFF\xD8\xFF\xE0\0\x10JFIF\0"), "image/jpeg"},
        {"Exif",
         BYTES("\xFF\xD8\xFF\xE1\0\x10"
               "Exif\0"),
         "image/jpeg"},
        {"bare JPEG", BYTES("\xFF\xD8\xFF\xDB\0\x43\0"), "image/jpeg"},
        {"JPEG-LS", BYTES("\xFF\xD8\xFF\xF7\0\x0B\x08"), "image/jpeg"},
        {"PNG", BYTES("\x89PNG\r\n\x1A\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x8\0\0\0\0"), "image/png"},
        {"TNEF", BYTES("\x78\x9F\x3E\x22\1\0\1"), "application/vnd.ms-tnef"},
        {"PDF", BYTES("%PDF-1.4\n"), "application/pdf"},
        {"PDF behind a picture's mark", BYTES("GIF89a\1\n%PDF-1.4\n"), "application/pdf"},
    };
    MpContent *content = mp_content_new();

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        const char *type = mp_content_magic(content, rows[i].bytes, rows[i].length);

        ck_assert_msg(strcmp(type, rows[i].type) == 0, "%s: %s", rows[i].name, type);
    }
    mp_content_free(content);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mparse-content");
    TCase *tcase = tcase_create("content");

    tcase_add_test(tcase, content_is_known_by_its_first_bytes);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
