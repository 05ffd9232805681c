/*
 * What reading an accounts file (account-file.c) and using an account of it (account-file-use.c)
 * share.
 */
#pragma once

#include <mailbatch/login/account-file.h>

typedef struct {
    char *value;
    unsigned line;
} MbSetting;

typedef struct {
    char *name; /* NULL: the defaults */
    unsigned line;
    GHashTable *settings; /* option → MbSetting: its own, and of the accounts it names */
    GHashTable *defaults; /* the same: as they were when it began; not handed on */
} MbAccountEntry;

struct MbAccountFile {
    char *path;
    char *home;
    GPtrArray *entries; /* MbAccountEntry, in order; the defaults stand apart */
    GPtrArray *names;   /* borrowed from them, NULL-ended */
    GPtrArray *notes;
    MbAccountEntry *defaults;
    MbAccountEntry *current; /* while reading: what an option belongs to */
    bool has_password;
};

/* The account `name`; NULL: "default", or the only one. NULL when there is none. */
MbAccountEntry *mb_account_file_entry(const MbAccountFile *file, const char *name);

/* What it says of an option; NULL: nothing. */
const MbSetting *mb_account_file_get(const MbAccountEntry *entry, const char *option);

/* Sets `path: line N: …`, MB_ERROR_CONFIG, and returns false. */
bool mb_account_file_fault(const MbAccountFile *file, unsigned line, GError **error,
                           const char *format, ...) G_GNUC_PRINTF(4, 5);

/* Safe to show; the caller frees it. */
char *mb_account_file_shown(const char *text);
