/*
 * What the user asked for.
 */
#pragma once

#include <glib.h>
#include <mailbatch/base/digest.h>
#include <mailbatch/base/limits.h>
#include <mailbatch/base/option.h>
#include <mailbatch/source/source.h>
#include <stdbool.h>

typedef enum {
    MP_FORMAT_TREE,
    MP_FORMAT_SHAPE,
    MP_FORMAT_JSON,
    MP_FORMAT_CSV,
    MP_FORMAT_SQLITE,
} MpFormat;

#define MP_HASHES 3 /* one a MbDigestKind */

typedef struct MpPartials MpPartials; /* partials.h */

typedef struct {
    MpFormat format;
    bool format_was_given;
    char *output;     /* -o, or NULL: stdout */
    char *extract_to; /* -x, or NULL */
    bool only_attachments;
    bool raw;
    bool hash[MP_HASHES]; /* by MbDigestKind */
    bool all_headers;
    bool show_text;
    bool views_gmime; /* --views: parse with GMime too */
    unsigned threads;
    bool is_colored; /* the tree, on a terminal */
    MbLimits limits;
    MbSourceOptions source; /* `budget` is left NULL */
    char **paths;           /* NULL-terminated */
    MpPartials *partials;   /* where all threads keep fragments of messages in mind */
} MpOptions;

/* Fills `options` from the command line and sets the log's level. What is not MB_PARSED_RUN was
 * answered. */
MbParsed mp_options_parse(int *argc, char ***argv, MpOptions *options);
void mp_options_clear(MpOptions *options);
