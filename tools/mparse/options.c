#include "options.h"

#include "partials.h"

#include <mailbatch/base/log.h>
#include <mailbatch/base/progress.h>
#include <mailbatch/base/text.h>
#include <string.h>
#include <unistd.h>

#define TOOL        "mparse"
#define THREADS_MAX 256
#define BUFFER_MAX  ((size_t)16 << 20) /* a longer message is streamed: memory stays flat */

/* As typed. */
typedef struct {
    char *format;
    char *only;
    char *hash;
    char *headers;
    char *mbox;
    char *views;
    char *threads;
    char *max_depth, *max_parts, *max_headers, *max_items, *max_size, *max_ratio;
    gboolean raw, text, json, quiet, verbose;
} Typed;

static void typed_clear(Typed *typed)
{
    char *all[] = {typed->format,   typed->only,      typed->hash,      typed->headers,
                   typed->mbox,     typed->max_depth, typed->max_parts, typed->max_headers,
                   typed->max_size, typed->max_ratio, typed->threads,   typed->views,
                   typed->max_items};

    for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
        g_free(all[i]);
}

/* A database cannot go through a pipe. */
static bool has_file(const MpOptions *options)
{
    if (options->format != MP_FORMAT_SQLITE || options->output != NULL)
        return true;
    mb_option_usage(TOOL, "--format sqlite needs a file: --output FILE");
    return false;
}

static bool read_format(const Typed *typed, MpOptions *options)
{
    static const char *const names[] = {"tree", "shape", "json", "csv", "sqlite"};
    const char *wanted = typed->format != NULL ? typed->format : "tree";

    if (typed->json && typed->format != NULL && strcmp(wanted, "json") != 0) {
        mb_option_usage(TOOL, "--json and --format %s exclude each other", wanted);
        return false;
    }
    options->format_was_given = typed->json || typed->format != NULL;
    if (typed->json)
        wanted = "json";
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(names[i], wanted) == 0) {
            options->format = (MpFormat)i;
            return has_file(options);
        }
    }
    mb_option_usage(TOOL, "--format %s: no such format: it is tree, shape, json, csv or sqlite",
                    wanted);
    return false;
}

static bool read_hashes(const Typed *typed, MpOptions *options)
{
    g_auto(GStrv) names = NULL;

    options->hash[MB_DIGEST_SHA256] = options->format >= MP_FORMAT_JSON;
    if (typed->hash == NULL)
        return true;
    options->hash[MB_DIGEST_SHA256] = false;
    names = g_strsplit(typed->hash, ",", -1);
    for (char **name = names; *name != NULL; name++) {
        MbDigestKind kind;

        if (!mb_digest_from_name(*name, &kind)) {
            mb_option_usage(TOOL, "--hash %s: no such digest: there are md5, sha1 and sha256",
                            *name);
            return false;
        }
        options->hash[kind] = true;
    }
    return true;
}

/* One of two words, the first being the default unless `when_missing` says otherwise. */
static bool read_choice(const char *option, const char *typed, const char *no, const char *yes,
                        bool when_missing, bool *value)
{
    *value = when_missing;
    if (typed == NULL)
        return true;
    *value = strcmp(typed, yes) == 0;
    if (*value || strcmp(typed, no) == 0)
        return true;
    mb_option_usage(TOOL, "%s %s: it is %s or %s", option, typed, no, yes);
    return false;
}

static bool read_number(const char *option, const char *typed, guint64 max, guint64 *value)
{
    g_autoptr(GError) error = NULL;

    if (typed == NULL || g_ascii_string_to_unsigned(typed, 10, 1, max, value, &error))
        return true;
    mb_option_usage(TOOL, "%s %s: not a number from 1 to %" G_GUINT64_FORMAT, option, typed, max);
    return false;
}

static bool read_limits(const Typed *typed, MbLimits *limits)
{
    g_autoptr(GError) error = NULL;
    guint64 depth = limits->max_depth;
    guint64 ratio = limits->max_ratio;

    if (!read_number("--max-depth", typed->max_depth, 1000000, &depth) ||
        !read_number("--max-parts", typed->max_parts, G_MAXUINT32 / 2, &limits->max_parts) ||
        !read_number("--max-headers", typed->max_headers, G_MAXUINT32 / 2, &limits->max_headers) ||
        !read_number("--max-items", typed->max_items, G_MAXUINT64 / 2, &limits->max_items) ||
        !read_number("--max-ratio", typed->max_ratio, G_MAXUINT32, &ratio))
        return false;
    limits->max_depth = (guint32)depth;
    limits->max_ratio = (guint32)ratio;
    if (typed->max_size != NULL &&
        !mb_text_parse_size(typed->max_size, &limits->max_bytes, &error)) {
        mb_option_usage(TOOL, "--max-size %s", error->message);
        return false;
    }
    return true;
}

static bool read_threads(const Typed *typed, MpOptions *options)
{
    guint64 threads = g_get_num_processors();

    if (!read_number("--jobs", typed->threads, THREADS_MAX, &threads))
        return false;
    options->threads = (unsigned)MIN(threads, THREADS_MAX);
    return true;
}

static bool read_mbox(const Typed *typed, MbSourceOptions *source)
{
    if (typed->mbox == NULL)
        return true;
    source->force_mbox = true;
    if (mb_mbox_dialect_from_name(typed->mbox, &source->dialect))
        return true;
    mb_option_usage(TOOL, "--mbox %s: no such dialect: there are mboxrd, mboxo, mboxcl and mboxcl2",
                    typed->mbox);
    return false;
}

/* The scanner's view is always among them: the others are compared with it. */
static bool read_views(const Typed *typed, MpOptions *options)
{
    g_auto(GStrv) names = NULL;

    if (typed->views == NULL)
        return true;
    names = g_strsplit(typed->views, ",", -1);
    for (char **name = names; *name != NULL; name++) {
        if (strcmp(*name, "gmime") == 0) {
            options->views_gmime = true;
        } else if (strcmp(*name, "scan") != 0) {
            mb_option_usage(TOOL, "--views %s: no such view: there are scan and gmime", *name);
            return false;
        }
    }
    return true;
}

/* https://no-color.org: set and not empty says no. */
static bool wants_color(const MpOptions *options)
{
    const char *no_color = g_getenv("NO_COLOR");
    const char *terminal = g_getenv("TERM");

    return options->output == NULL && isatty(STDOUT_FILENO) &&
           (no_color == NULL || no_color[0] == '\0') && g_strcmp0(terminal, "dumb") != 0;
}

static bool read_all(const Typed *typed, MpOptions *options)
{
    bool is_quiet = typed->quiet != FALSE;

    options->raw = typed->raw;
    options->show_text = typed->text;
    options->is_colored = wants_color(options);
    if (!read_format(typed, options) || !read_hashes(typed, options) ||
        !read_choice("--only", typed->only, "all", "attachments", false,
                     &options->only_attachments) ||
        !read_choice("--headers", typed->headers, "main", "all", options->format >= MP_FORMAT_JSON,
                     &options->all_headers) ||
        !read_threads(typed, options) || !read_views(typed, options) ||
        !read_limits(typed, &options->limits) || !read_mbox(typed, &options->source))
        return false;
    if (is_quiet && typed->verbose) {
        mb_option_usage(TOOL, "--quiet and --verbose exclude each other");
        return false;
    }
    mb_log_set_level(is_quiet ? MB_LOG_QUIET : typed->verbose ? MB_LOG_VERBOSE : MB_LOG_NORMAL);
    if (is_quiet)
        mb_progress_hide();
    return true;
}

MbParsed mp_options_parse(int *argc, char ***argv, MpOptions *options)
{
    Typed typed = {0};
    const GOptionEntry entries[] = {
        {"format", 'f', 0, G_OPTION_ARG_STRING, &typed.format,
         "tree for people, shape one line a message, json lines, csv a row a part, sqlite (tree)",
         "FORMAT"},
        {"output", 'o', 0, G_OPTION_ARG_FILENAME, &options->output, "write there, not to stdout",
         "FILE"},
        {"extract", 'x', 0, G_OPTION_ARG_FILENAME, &options->extract_to,
         "write decoded leaf parts and manifest.jsonl into DIR", "DIR"},
        {"only", 0, 0, G_OPTION_ARG_STRING, &typed.only, "what -x takes: all or attachments (all)",
         "WHAT"},
        {"raw", 0, 0, G_OPTION_ARG_NONE, &typed.raw, "the bytes of what PATH names, as they stand",
         NULL},
        {"hash", 0, 0, G_OPTION_ARG_STRING, &typed.hash,
         "md5, sha1, sha256 of messages and parts (sha256 in json, csv, sqlite)", "LIST"},
        {"headers", 0, 0, G_OPTION_ARG_STRING, &typed.headers,
         "main or all (main; json, sqlite: all)", "WHICH"},
        {"text", 0, 0, G_OPTION_ARG_NONE, &typed.text, "show text under its part in the tree",
         NULL},
        {"json", 0, 0, G_OPTION_ARG_NONE, &typed.json, "the same as --format json", NULL},
        {"mbox", 0, 0, G_OPTION_ARG_STRING, &typed.mbox,
         "PATH is an mbox of that dialect (by its content)", "DIALECT"},
        {"jobs", 'j', 0, G_OPTION_ARG_STRING, &typed.threads, "threads (all cores)", "N"},
        {"views", 0, 0, G_OPTION_ARG_STRING, &typed.views,
         "parse with gmime too, and flag what differs (scan)", "scan,gmime"},
        {"max-depth", 0, 0, G_OPTION_ARG_STRING, &typed.max_depth, "levels of nesting (200)", "N"},
        {"max-parts", 0, 0, G_OPTION_ARG_STRING, &typed.max_parts, "parts of a message (100000)",
         "N"},
        {"max-headers", 0, 0, G_OPTION_ARG_STRING, &typed.max_headers,
         "header fields of a message (100000)", "N"},
        {"max-items", 0, 0, G_OPTION_ARG_STRING, &typed.max_items, "entries of archives (10000000)",
         "N"},
        {"max-size", 0, 0, G_OPTION_ARG_STRING, &typed.max_size,
         "bytes that an item may decode or unpack to (64G)", "SIZE"},
        {"max-ratio", 0, 0, G_OPTION_ARG_STRING, &typed.max_ratio,
         "bytes out of a byte in, beyond 1 MiB (1000)", "N"},
        {"quiet", 'q', 0, G_OPTION_ARG_NONE, &typed.quiet, "errors only", NULL},
        {"verbose", 'v', 0, G_OPTION_ARG_NONE, &typed.verbose, "info defects and notes too", NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL},
    };
    MbParsed parsed;

    *options = (MpOptions){.limits = mb_limits_default, .source = {.buffer_max = BUFFER_MAX}};
    parsed = mb_option_parse(
        argc, argv, TOOL, MAILBATCH_VERSION, "PATH|ADDRESS|-...",
        "shows the structure of mail: every part, every byte, every defect",
        "PATH is a message, an mbox, a Maildir, an archive or a folder of these; its kind is told "
        "by its content. Exit: 0 clean, 1 defects, 2 partial, 64 usage, 66 no such input, 73 and "
        "74 "
        "output. mparse(1) says more.",
        entries, 1, -1);
    if (parsed == MB_PARSED_RUN && !read_all(&typed, options))
        parsed = MB_PARSED_USAGE;
    if (parsed == MB_PARSED_RUN)
        options->paths = g_strdupv(*argv + 1);
    options->partials = mp_partials_new();
    typed_clear(&typed);
    return parsed;
}

void mp_options_clear(MpOptions *options)
{
    g_free(options->output);
    g_free(options->extract_to);
    g_strfreev(options->paths);
    mp_partials_free(options->partials);
    *options = (MpOptions){0};
}
