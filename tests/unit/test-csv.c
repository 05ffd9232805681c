#include "statement.h"
#include "suite.h"

#include <check.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <mailbatch/csv/csv.h>
#include <string.h>
#include <unistd.h>

/* Everything a CSV says, in one text: `[name|name]`, then a row each `N:value|value`, `N!message`
 * for a bad row, `!message` for a failure. */
static char *tell(const char *bytes, size_t length, size_t step, const MbCsvOptions *options)
{
    g_autoptr(MbCsv) csv = mb_csv_new(options, NULL);
    g_autoptr(GError) error = NULL;
    GString *out = g_string_new(NULL);
    bool told_header = false;
    MbCsvRow row;
    MbNext next = MB_END;

    ck_assert_ptr_nonnull(csv);
    for (size_t i = 0; next != MB_FAILED; i += step) {
        bool more = i < length;

        if (more)
            mb_csv_push(csv, bytes + i, MIN(step, length - i));
        else
            mb_csv_finish(csv);
        while ((next = mb_csv_next(csv, &row, &error)) == MB_NEXT) {
            if (!told_header) {
                g_autofree char *names = g_strjoinv("|", (char **)(void *)mb_csv_columns(csv));
                g_string_append_printf(out, "[%s]", names);
                told_header = true;
            }
            g_string_append_printf(out, " %d", (int)row.number);
            if (row.error != NULL) {
                g_string_append_printf(out, "!%s", row.error->message);
                continue;
            }
            for (size_t v = 0; v < row.n_values; v++) {
                g_string_append_c(out, v == 0 ? ':' : '|');
                g_string_append_len(out, row.values[v].text, (gssize)row.values[v].length);
                ck_assert_int_eq(row.values[v].text[row.values[v].length], '\0');
            }
        }
        if (!more)
            break;
    }
    if (!told_header && mb_csv_columns(csv) != NULL) {
        g_autofree char *names = g_strjoinv("|", (char **)(void *)mb_csv_columns(csv));
        g_string_append_printf(out, "[%s]", names);
    }
    if (next == MB_FAILED)
        g_string_append_printf(out, "!%s", error->message);
    return g_string_free(out, FALSE);
}

typedef struct {
    const char *name;
    const char *input;
    size_t length; /* 0: strlen */
    const char *want;
    const char *encoding;
    char delimiter;
} Case;

static const Case parse_cases[] = {
    {"plain", "a,b\n1,2\n3,4\n", 0, "[a|b] 2:1|2 3:3|4", NULL, 0},
    {"CRLF", "a,b\r\n1,2\r\n", 0, "[a|b] 2:1|2", NULL, 0},
    {"CR alone", "a,b\r1,2\r3,4", 0, "[a|b] 2:1|2 3:3|4", NULL, 0},
    {"no final newline", "a,b\n1,2", 0, "[a|b] 2:1|2", NULL, 0},
    {"no final newline after a quote", "a,b\n1,\"2\"", 0, "[a|b] 2:1|2", NULL, 0},
    {"empty last value", "a,b\n1,", 0, "[a|b] 2:1|", NULL, 0},
    {"header only", "a,b\n", 0, "[a|b]", NULL, 0},
    {"header only, no newline", "a,b", 0, "[a|b]", NULL, 0},
    {"UTF-8 BOM",
     "\xEF\xBB\xBF"
     "a,b\n1,2\n",
     0, "[a|b] 2:1|2", NULL, 0},
    {"UTF-8 BOM and quotes", "\xEF\xBB\xBF\"a\",b\n1,2\n", 0, "[a|b] 2:1|2", NULL, 0},
    {"UTF-16LE BOM",
     "\xFF\xFE"
     "a\0,\0b\0\n\0\xFC\0,\0=\xD8\x00\xDE\n\0",
     20, "[a|b] 2:ü|😀", NULL, 0},
    {"UTF-16BE BOM", "\xFE\xFF\0a\0,\0b\0\r\0\n\0\xFC\0,\0x", 18, "[a|b] 2:ü|x", NULL, 0},
    {"quoted newline is one row", "a,b\n\"1\n2\",x\n3,4\n", 0, "[a|b] 2:1\n2|x 3:3|4", NULL, 0},
    {"quoted CRLF stays", "a,b\r\n\"1\r\n2\",x\r\n", 0, "[a|b] 2:1\r\n2|x", NULL, 0},
    {"quoted delimiter", "a,b\n\"1,2\",x\n", 0, "[a|b] 2:1,2|x", NULL, 0},
    {"doubled quote", "a,b\n\"say \"\"hi\"\"\",x\n", 0, "[a|b] 2:say \"hi\"|x", NULL, 0},
    {"doubled quote at a line end", "a,b\n\"x\"\"\n\"\"y\",z\n", 0, "[a|b] 2:x\"\n\"y|z", NULL, 0},
    {"quote inside an unquoted value", "a,b\n5\" pipe,x\n", 0, "[a|b] 2:5\" pipe|x", NULL, 0},
    {"blanks around unquoted values", "a,b\n 1 , \"2 \" \n", 0, "[a|b] 2:1|2 ", NULL, 0},
    {"blank lines count as rows", "a,b\n\n1,2\n  \n3,4\n\n", 0, "[a|b] 3:1|2 5:3|4", NULL, 0},
    {"blank lines before the header", "\n\na,b\n1,2\n", 0, "[a|b] 4:1|2", NULL, 0},
    {"row of empty values is blank", "a,b\n,\n1,2\n", 0, "[a|b] 3:1|2", NULL, 0},
    {"semicolon", "a;b\n1,5;2\n", 0, "[a|b] 2:1,5|2", NULL, 0},
    {"tab", "a\tb\n1\t2\n1\t\n", 0, "[a|b] 2:1|2 3:1|", NULL, 0},
    {"comma wins in the header", "a,b;c\n1,2\n", 0, "[a|b;c] 2:1|2", NULL, 0},
    {"quoted comma does not count", "\"a,x\";b\n1;2\n", 0, "[a,x|b] 2:1|2", NULL, 0},
    {"quoted newline in the header", "\"a\nx\";b\n1;2\n", 0, "[a\nx|b] 2:1|2", NULL, 0},
    {"delimiter said", "a|b\n1|2\n", 0, "[a|b] 2:1|2", NULL, '|'},
    {"one column", "a\n1\n\n2\n", 0, "[a] 2:1 4:2", NULL, 0},
    {"padded header is trimmed", "a , \" b\"\n1,2\n", 0, "[a|b] 2:1|2", NULL, 0},
    {"latin-1 as said", "a,b\n\xFC,2\n", 0, "[a|b] 2:ü|2", "ISO-8859-1", 0},
    {"UTF-16 without BOM as said", "a\0\n\0x\0\n\0", 8, "[a] 2:x", "UTF-16LE", 0},
    {"too few values", "a,b\n1\n2,3\n", 0,
     "[a|b] 2!CSV: row 2: 1 value where the header names 2 columns (line 2, delimiter `,`) 3:2|3",
     NULL, 0},
    {"too many values", "a,b\n\n1,2,3\n", 0,
     "[a|b] 3!CSV: row 3: 3 values where the header names 2 columns (line 3, delimiter `,`)", NULL,
     0},
    {"line and row differ after a quoted newline", "a,b\n\"x\ny\",2\n1\n", 0,
     "[a|b] 2:x\ny|2 3!CSV: row 3: 1 value where the header names 2 columns (line 4, delimiter "
     "`,`)",
     NULL, 0},
    {"invalid UTF-8", "a,b\n1,2\nx,\xFCy\n3,4\n", 0,
     "[a|b] 2:1|2 3!CSV: row 3: octet 0xFC at offset 10 is not UTF-8: save the file as UTF-8, or "
     "name "
     "its encoding with --encoding 4:3|4",
     NULL, 0},
    {"invalid UTF-8 after a BOM",
     "\xEF\xBB\xBF"
     "a\n\xC3(\n",
     0,
     "[a] 2!CSV: row 2: octet 0xC3 at offset 5 is not UTF-8: save the file as UTF-8, or name "
     "its encoding with --encoding",
     NULL, 0},
    {"invalid in the second line of a row", "a\n\"x\n\x80\"\ny\n", 0,
     "[a] 2!CSV: row 2: octet 0x80 at offset 5 is not UTF-8: save the file as UTF-8, or name "
     "its encoding with --encoding 3:y",
     NULL, 0},
    {"lone surrogate",
     "\xFF\xFE"
     "a\0\n\0\x00\xDCx\0\n\0y\0",
     14,
     "[a] 2!CSV: row 2: octet 0x00 at offset 6 is not UTF-16LE: save the file as UTF-8, or name "
     "its encoding with --encoding 3:y",
     NULL, 0},
    {"NUL in a value", "a,b\n1,x\0y\n3,4\n", 14,
     "[a|b] 2!CSV: row 2: column \"b\": holds a NUL octet 3:3|4", NULL, 0},
    {"unclosed quote", "a,b\n1,2\n3,\"4\n5,6\n", 0,
     "[a|b] 2:1|2!CSV: line 3: a quote is opened here and never closed", NULL, 0},
    {"unclosed quote in a later line of the row", "a,b\n\"1\n2\",\"3\n4\n", 0,
     "[a|b]!CSV: line 3: a quote is opened here and never closed", NULL, 0},
    {"unclosed quote, no newline", "a,b\n\"1", 0,
     "[a|b]!CSV: line 2: a quote is opened here and never closed", NULL, 0},
    {"text behind a quote", "a,b\n\"x\"y,2\n", 0,
     "[a|b]!CSV: line 2: text behind a closing quote: write a quote inside quotes as \"\"", NULL,
     0},
    {"unclosed quote in the header", "a,\"b\n1,2\n", 0,
     "!CSV: line 1: a quote of the header is not closed", NULL, 0},
    {"empty", "", 0, "!CSV: is empty: the first line must name the columns", NULL, 0},
    {"blank only", " \n\n", 0, "!CSV: has no header: the first line must name the columns", NULL,
     0},
    {"duplicate name", "a,b, a\n", 0,
     "!CSV: line 1: columns 1 and 3 are both called \"a\": rename one", NULL, 0},
    {"empty name", "a,,b\n", 0, "!CSV: line 1: column 2 has no name: name it, or remove the column",
     NULL, 0},
    {"invalid UTF-8 in the header", "a,\xFC\n", 0,
     "!CSV: line 1: octet 0xFC at offset 2 is not UTF-8: save it as UTF-8, or name its encoding "
     "with "
     "--encoding",
     NULL, 0},
    {"UTF-16 without BOM", "a\0,\0b\0\n\0", 8,
     "!CSV: line 1: holds NUL octets: if it is UTF-16, say --encoding UTF-16LE (or UTF-16BE)", NULL,
     0},
};

static void check_case(const Case *c, size_t step)
{
    MbCsvOptions options = {.encoding = c->encoding, .delimiter = c->delimiter};
    size_t length = c->length != 0 ? c->length : strlen(c->input);
    g_autofree char *got = tell(c->input, length, step, &options);

    ck_assert_msg(strcmp(got, c->want) == 0, "%s (step %zu):\n  got  %s\n  want %s", c->name, step,
                  got, c->want);
}

START_TEST(every_case_reads_the_same_whole_and_byte_by_byte)
{
    for (size_t step = 1; step < 24; step++)
        check_case(&parse_cases[_i], step);
    check_case(&parse_cases[_i], 100000);
}
END_TEST

static void check_range(const char *first, const char *last)
{
    bool on = false;

    for (size_t i = 0; i < G_N_ELEMENTS(parse_cases); i++) {
        on |= strcmp(parse_cases[i].name, first) == 0;
        if (on)
            check_case(&parse_cases[i], 1);
        if (strcmp(parse_cases[i].name, last) == 0)
            return;
    }
    ck_abort_msg("no case called %s", last);
}

START_TEST(byte_order_marks_quotes_and_line_ends_parse)
{
    check_range("CRLF", "quote inside an unquoted value");
    check_range("unclosed quote", "unclosed quote in the header");
    statement("M-15");
}
END_TEST

START_TEST(columns_never_shift_in_silence)
{
    check_range("blank lines count as rows", "padded header is trimmed");
    check_range("too few values", "line and row differ after a quoted newline");
    check_range("duplicate name", "empty name");
    statement("M-16");
}
END_TEST

START_TEST(invalid_octets_are_their_rows_error)
{
    check_range("latin-1 as said", "UTF-16 without BOM as said");
    check_range("invalid UTF-8", "lone surrogate");
    statement("M-17");
}
END_TEST

START_TEST(padded_names_are_warned_about)
{
    g_autoptr(MbCsv) csv = mb_csv_new(NULL, NULL);
    MbCsvRow row;

    mb_csv_push(csv, "a, b\n", 5);
    ck_assert_int_eq(mb_csv_next(csv, &row, NULL), MB_END);
    ck_assert_str_eq(mb_csv_warnings(csv)[0],
                     "CSV: line 1: blanks around column names were left out");
    ck_assert_ptr_null(mb_csv_warnings(csv)[1]);
    ck_assert_int_eq(mb_csv_column(csv, "b"), 1);
    ck_assert_int_eq(mb_csv_column(csv, " b"), -1);
    statement("M-16");
}
END_TEST

START_TEST(clean_names_are_not_warned_about)
{
    static const char *const headers[] = {"a,b\n", "\"a b\",c d\n", "a\t\"b c\"\n",
                                          "\"x,y\",z\r\n"};

    for (size_t i = 0; i < G_N_ELEMENTS(headers); i++) {
        g_autoptr(MbCsv) csv = mb_csv_new(NULL, NULL);
        MbCsvRow row;

        mb_csv_push(csv, headers[i], strlen(headers[i]));
        ck_assert_int_eq(mb_csv_next(csv, &row, NULL), MB_END);
        ck_assert_msg(mb_csv_warnings(csv)[0] == NULL, "%s", headers[i]);
    }
}
END_TEST

START_TEST(digest_tells_rows_apart)
{
    g_autoptr(MbCsv) csv = mb_csv_new(NULL, NULL);
    static const char text[] = "a,b\nab,c\na,bc\n\"ab\", c\n";
    uint8_t digests[3][MB_SHA256_LENGTH];
    MbCsvRow row;

    mb_csv_push(csv, text, sizeof text - 1);
    mb_csv_finish(csv);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(mb_csv_next(csv, &row, NULL), MB_NEXT);
        memcpy(digests[i], row.digest, sizeof digests[i]);
    }
    ck_assert_mem_ne(digests[0], digests[1], MB_SHA256_LENGTH);
    ck_assert_mem_eq(digests[0], digests[2], MB_SHA256_LENGTH);
}
END_TEST

START_TEST(a_record_over_the_limit_fails)
{
    static const Case cases[] = {
        {"one long line",
         "a\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 0,
         "[a]!CSV: line 2: the row that begins here is over 64 B: is a quote not closed?", NULL, 0},
        {"many lines in quotes",
         "a\ny\n\"x\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\n"
         "x\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\n",
         0, "[a] 2:y!CSV: line 3: the row that begins here is over 64 B: is a quote not closed?",
         NULL, 0},
    };
    MbCsvOptions options = {.max_record = 64};

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        for (size_t step = 1; step < 20; step++) {
            g_autofree char *got = tell(cases[i].input, strlen(cases[i].input), step, &options);

            ck_assert_msg(strcmp(got, cases[i].want) == 0, "%s: %s", cases[i].name, got);
        }
}
END_TEST

START_TEST(columns_over_the_limit_fail_or_spoil_their_row)
{
    MbCsvOptions options = {.max_columns = 2};
    g_autofree char *header = tell("a,b,c\n", 6, 6, &options);
    g_autofree char *row = tell("a,b\n1,2,3,4\n5,6\n", 16, 16, &options);

    ck_assert_str_eq(header, "!CSV: line 1: over 2 columns");
    ck_assert_str_eq(row, "[a|b] 2!CSV: row 2: over 3 values where the header names 2 columns "
                          "(line 2, delimiter `,`) 3:5|6");
}
END_TEST

START_TEST(many_invalid_octets_take_linear_time)
{
    size_t length = 512 * 1024;
    g_autofree char *bytes = g_malloc(length);
    MbCsvOptions options = {.encoding = "UTF-16LE"};
    g_autofree char *got = NULL;

    memcpy(bytes, "a\0\n\0", 4);
    for (size_t i = 4; i < length; i += 2)
        memcpy(bytes + i, "\x00\xDC", 2);
    got = tell(bytes, length, 65536, &options);
    ck_assert_ptr_nonnull(strstr(got, "offset 4 is not UTF-16LE"));
}
END_TEST

START_TEST(unknown_encoding_is_a_usage_error)
{
    MbCsvOptions options = {.encoding = "klingon"};
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(mb_csv_new(&options, &error));
    ck_assert(g_error_matches(error, MB_CSV_ERROR, MB_ERROR_USAGE));
    ck_assert_ptr_nonnull(strstr(error->message, "klingon"));
}
END_TEST

/* A file with `rows` rows of about 100 octets. */
static char *make_file(const char *folder, guint rows)
{
    char *path = g_build_filename(folder, "list.csv", NULL);
    FILE *file = g_fopen(path, "w");

    fprintf(file, "email,name,city\n");
    for (guint i = 0; i < rows; i++)
        fprintf(file, "user%u@example.org,\"Müller, %u\",%060u\n", i, i, i);
    ck_assert_int_eq(fclose(file), 0);
    return path;
}

START_TEST(a_file_reads_and_rewinds)
{
    g_autofree char *folder = g_dir_make_tmp("mb-csv-XXXXXX", NULL);
    g_autofree char *path = make_file(folder, 20000);
    g_autoptr(MbCsv) csv = mb_csv_open(path, NULL, NULL);
    MbCsvRow row;

    ck_assert_ptr_nonnull(csv);
    ck_assert_uint_eq(mb_csv_n_columns(csv), 3);
    for (int pass = 0; pass < 2; pass++) {
        guint n = 0;

        while (mb_csv_next(csv, &row, NULL) == MB_NEXT) {
            g_autofree char *want = g_strdup_printf("Müller, %u", n);

            ck_assert_uint_eq(row.number, n + 2);
            ck_assert_str_eq(row.values[1].text, want);
            n++;
        }
        ck_assert_uint_eq(n, 20000);
        ck_assert_uint_eq(mb_csv_offset(csv), mb_csv_size(csv));
        ck_assert(mb_csv_rewind(csv, NULL));
    }
    g_unlink(path);
    g_rmdir(folder);
}
END_TEST

/* All that a row says, and its place. */
static char *tell_row(const MbCsvRow *row)
{
    GString *out = g_string_new(NULL);

    g_string_append_printf(out, "%" G_GUINT64_FORMAT " line %" G_GUINT64_FORMAT, row->number,
                           row->line);
    for (size_t i = 0; i < row->n_values; i++)
        g_string_append_printf(out, "|%s", row->values[i].text);
    if (row->error != NULL)
        g_string_append_printf(out, "!%s", row->error->message);
    return g_string_free(out, FALSE);
}

static const struct {
    const char *name, *charset, *bom, *encoding;
    gsize bom_length;
    bool has_places;
} placed[] = {
    {"UTF-8", "UTF-8", "", NULL, 0, true},
    {"UTF-8 with BOM", "UTF-8", "\xEF\xBB\xBF", NULL, 3, true},
    {"UTF-16LE with BOM", "UTF-16LE", "\xFF\xFE", NULL, 2, true},
    {"UTF-16BE with BOM", "UTF-16BE", "\xFE\xFF", NULL, 2, true},
    {"windows-1252 as said", "WINDOWS-1252", "", "windows-1252", 0, true},
    {"stateful", "ISO-2022-JP", "", "ISO-2022-JP", 0, false},
    {"letters wait for accents", "CP1258", "", "windows-1258", 0, false},
};

/* Long rows, rows over two lines, blank lines, rows that are wrong. */
static char *write_placed(const char *folder, int i)
{
    bool latin = placed[i].has_places;
    g_autoptr(GString) text = g_string_new("a,b\n");
    g_autofree char *converted = NULL;
    char *path = g_build_filename(folder, "list.csv", NULL);
    gsize length;

    for (int n = 0; n < 9000; n++) {
        g_string_append_printf(text, "%d,\"%s\n%0*d\"\n", n, latin ? "Müller" : "Muller", n % 300,
                               n);
        g_string_append(text, n % 7 == 0 ? "\n" : n % 11 == 0 ? "1,2,3\n" : "");
    }
    converted =
        g_convert(text->str, (gssize)text->len, placed[i].charset, "UTF-8", NULL, &length, NULL);
    ck_assert_ptr_nonnull(converted);
    g_string_truncate(text, 0);
    g_string_append_len(text, placed[i].bom, (gssize)placed[i].bom_length);
    g_string_append_len(text, converted, (gssize)length);
    if (strcmp(placed[i].charset, "UTF-8") == 0)
        g_string_append(text, "x,\xFCy\n");
    ck_assert(g_file_set_contents(path, text->str, (gssize)text->len, NULL));
    return path;
}

START_TEST(every_place_of_a_file_can_be_gone_to)
{
    g_autofree char *folder = g_dir_make_tmp("mb-csv-XXXXXX", NULL);
    g_autofree char *path = write_placed(folder, _i);
    MbCsvOptions options = {.encoding = placed[_i].encoding};
    g_autoptr(MbCsv) csv = mb_csv_open(path, &options, NULL);
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GArray) places = g_array_new(FALSE, TRUE, sizeof(MbCsvPlace));
    guint n = 0;
    MbCsvRow row;

    while (mb_csv_next(csv, &row, NULL) == MB_NEXT) {
        MbCsvPlace place = {0};

        n += mb_csv_mark(csv, &place);
        g_array_append_val(places, place);
        g_ptr_array_add(rows, tell_row(&row));
    }
    ck_assert_uint_gt(rows->len, 9000);
    if (!placed[_i].has_places)
        ck_assert_uint_eq(n, 0);
    else
        ck_assert_uint_gt(n, rows->len / 2);
    for (guint i = 0; i + 1 < rows->len; i++) {
        guint at = i * 37 % (rows->len - 1);
        const MbCsvPlace *place = &g_array_index(places, MbCsvPlace, at);
        g_autofree char *got = NULL;

        if (place->number == 0)
            continue;
        ck_assert(mb_csv_go_to(csv, place, NULL));
        ck_assert_int_eq(mb_csv_next(csv, &row, NULL), MB_NEXT);
        got = tell_row(&row);
        ck_assert_msg(strcmp(got, rows->pdata[at + 1]) == 0, "%s, behind row %u:\n%s\n%s",
                      placed[_i].name, at, got, (char *)rows->pdata[at + 1]);
    }
    g_unlink(path);
    g_rmdir(folder);
}
END_TEST

START_TEST(the_last_letter_waits_for_no_accent)
{
    MbCsvOptions options = {.encoding = "windows-1258"};
    g_autoptr(MbCsv) csv = mb_csv_new(&options, NULL);
    MbCsvRow row;

    mb_csv_push(csv, "email,name\nb@example.org,B", 26);
    mb_csv_push(csv, "a", 1);
    mb_csv_finish(csv);
    ck_assert_int_eq(mb_csv_next(csv, &row, NULL), MB_NEXT);
    ck_assert_str_eq(row.values[1].text, "Ba");
    ck_assert_int_eq(mb_csv_next(csv, &row, NULL), MB_END);
}
END_TEST

START_TEST(a_header_that_changes_is_noticed)
{
    g_autofree char *folder = g_dir_make_tmp("mb-csv-XXXXXX", NULL);
    g_autofree char *path = make_file(folder, 1);
    g_autoptr(MbCsv) csv = mb_csv_open(path, NULL, NULL);
    g_autoptr(GError) error = NULL;
    int fd = g_open(path, O_WRONLY);
    MbCsvRow row;

    ck_assert_int_eq(write(fd, "mails", 5), 5);
    close(fd);
    ck_assert(!mb_csv_rewind(csv, &error));
    ck_assert_ptr_nonnull(strstr(error->message, "its header changed"));
    ck_assert_int_eq(mb_csv_next(csv, &row, NULL), MB_FAILED);
    g_unlink(path);
    g_rmdir(folder);
}
END_TEST

START_TEST(files_that_cannot_be_read_are_named)
{
    g_autoptr(GError) missing = NULL;
    g_autoptr(GError) folder = NULL;

    ck_assert_ptr_null(mb_csv_open("/nonexistent/list.csv", NULL, &missing));
    ck_assert_int_eq(mb_exit_of(missing), MB_EXIT_NO_INPUT);
    ck_assert_ptr_nonnull(strstr(missing->message, "/nonexistent/list.csv"));
    ck_assert_ptr_null(mb_csv_open("/", NULL, &folder));
    ck_assert_int_eq(mb_exit_of(folder), MB_EXIT_NO_INPUT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("csv");
    TCase *parsing = tcase_create("parsing");
    TCase *files = tcase_create("files");

    tcase_add_loop_test(parsing, every_case_reads_the_same_whole_and_byte_by_byte, 0,
                        G_N_ELEMENTS(parse_cases));
    tcase_add_test(parsing, byte_order_marks_quotes_and_line_ends_parse);
    tcase_add_test(parsing, columns_never_shift_in_silence);
    tcase_add_test(parsing, invalid_octets_are_their_rows_error);
    tcase_add_test(parsing, padded_names_are_warned_about);
    tcase_add_test(parsing, clean_names_are_not_warned_about);
    tcase_add_test(parsing, digest_tells_rows_apart);
    tcase_add_test(parsing, a_record_over_the_limit_fails);
    tcase_add_test(parsing, columns_over_the_limit_fail_or_spoil_their_row);
    tcase_add_test(parsing, many_invalid_octets_take_linear_time);
    tcase_add_test(parsing, unknown_encoding_is_a_usage_error);
    tcase_set_timeout(parsing, 30);
    suite_add_tcase(suite, parsing);
    tcase_set_timeout(files, 30);
    tcase_add_test(files, a_file_reads_and_rewinds);
    tcase_add_loop_test(files, every_place_of_a_file_can_be_gone_to, 0, G_N_ELEMENTS(placed));
    tcase_add_test(files, the_last_letter_waits_for_no_accent);
    tcase_add_test(files, a_header_that_changes_is_noticed);
    tcase_add_test(files, files_that_cannot_be_read_are_named);
    suite_add_tcase(suite, files);
    return run_suite(suite);
}
