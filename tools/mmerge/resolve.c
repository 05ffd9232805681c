#include "commands.h"
#include "ledger.h"

#include <errno.h>
#include <mailbatch/base/file.h>
#include <mailbatch/base/log.h>
#include <mailbatch/base/option.h>
#include <mailbatch/base/text.h>
#include <stdio.h>
#include <string.h>

#define TOOL            "mmerge resolve"
#define LINE_MAX_LENGTH 4096
#define NAMES_SHOWN     10

typedef struct {
    uint64_t names, entries, unknown;
} Resolved;

/* What begins with # is a comment, unless it is in doubt by that name. */
static bool resolve_name(MmLedger *ledger, const char *name, bool sent, Resolved *resolved,
                         GError **error)
{
    int64_t now = g_get_real_time() / G_USEC_PER_SEC;
    uint64_t n = 0;

    if (strlen(name) <= LINE_MAX_LENGTH && !mm_ledger_resolve(ledger, name, sent, now, &n, error))
        return false;
    if (name[0] == '#' && n == 0)
        return true;
    resolved->names++;
    resolved->entries += n;
    if (n == 0 && resolved->unknown++ < NAMES_SHOWN) {
        g_autofree char *shown = mb_text_printable(name, strlen(name));
        mb_log_warning("%s: not in doubt, left as it is", shown);
    }
    return true;
}

/* Names in UTF-16 would be taken for the first characters of each. */
static bool is_text(const char *line, size_t length, const char *path, GError **error)
{
    if (memchr(line, '\0', length) == NULL)
        return true;
    g_set_error(error, MM_LEDGER_ERROR, MB_ERROR_DATA, "%s: is no text: it holds a NUL", path);
    return false;
}

static bool resolve_lines(MmLedger *ledger, FILE *file, const char *path, bool sent,
                          Resolved *resolved, GError **error)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    bool first = true, good = true;

    while (good && (length = getline(&line, &size, file)) >= 0) {
        bool marked = first && g_str_has_prefix(line, "\xEF\xBB\xBF");
        const char *name;

        good = is_text(line, (size_t)length, path, error);
        name = g_strstrip(line + (marked ? 3 : 0));
        first = false;
        if (good && name[0] != '\0')
            good = resolve_name(ledger, name, sent, resolved, error);
    }
    if (good && ferror(file)) {
        mb_file_set_error(error, path, "cannot be read", errno);
        good = false;
    }
    free(line);
    return good;
}

static bool resolve(MmLedger *ledger, const char *path, bool sent, Resolved *resolved,
                    GError **error)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    bool good;

    if (file == NULL) {
        mb_file_set_error(error, path, "cannot be opened", errno);
        return false;
    }
    good = resolve_lines(ledger, file, path, sent, resolved, error);
    if (file != stdin)
        fclose(file);
    return good;
}

static int run(const char *ledger_path, const char *sent, const char *unsent)
{
    g_autoptr(GError) error = NULL;
    MmLedger *ledger = mm_ledger_open_existing(ledger_path, &error);
    Resolved resolved = {0};
    MmLedgerCounts counts = {0};

    if (ledger == NULL) {
        mm_suggest_ledger(ledger_path, error);
        return mb_log_fail(error);
    }
    if ((sent != NULL && !resolve(ledger, sent, true, &resolved, &error)) ||
        (unsent != NULL && !resolve(ledger, unsent, false, &resolved, &error)) ||
        !mm_ledger_flush(ledger, &error) || !mm_ledger_count(ledger, &counts, &error)) {
        mm_ledger_free(ledger);
        return mb_log_fail(error);
    }
    if (!mm_ledger_close(ledger, g_get_real_time() / G_USEC_PER_SEC, &error))
        return mb_log_fail(error);
    printf("%" G_GUINT64_FORMAT " recipients settled, %" G_GUINT64_FORMAT " still in doubt",
           resolved.entries, counts.entries[MM_IN_DOUBT]);
    if (resolved.unknown > 0)
        printf("; %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " names were not in doubt",
               resolved.unknown, resolved.names);
    putchar('\n');
    return MB_EXIT_OK;
}

int mm_resolve_main(int argc, char **argv)
{
    g_autofree char *sent = NULL;
    g_autofree char *unsent = NULL;
    const GOptionEntry entries[] = {
        {"sent", 0, 0, G_OPTION_ARG_FILENAME, &sent,
         "Those named in FILE, a line each, arrived: they become sent", "FILE"},
        {"unsent", 0, 0, G_OPTION_ARG_FILENAME, &unsent,
         "Those named in FILE did not arrive: the next run sends them", "FILE"},
        G_OPTION_ENTRY_NULL,
    };
    MbParsed parsed = mb_option_parse(
        &argc, &argv, TOOL, MAILBATCH_VERSION, "LEDGER", "settle what is in doubt",
        "A name is a row's key, an address or a Message-ID. FILE may be - for standard input.",
        entries, 1, 1);

    if (parsed != MB_PARSED_RUN)
        return parsed == MB_PARSED_DONE ? MB_EXIT_OK : MB_EXIT_USAGE;
    if (sent == NULL && unsent == NULL)
        return mb_option_usage(TOOL, "say --sent FILE, --unsent FILE or both");
    return run(argv[1], sent, unsent);
}
