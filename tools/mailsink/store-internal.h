/*
 * What the store's files share.
 */
#pragma once

#include "fault.h"
#include "store.h"

typedef enum {
    MS_KEEP_MEMORY,
    MS_KEEP_FOLDER,
    MS_KEEP_NOTHING,
} MsKeep;

struct MsStore {
    MsKeep keep;
    GPtrArray *mails; /* of MsMail, by number */
    guint64 next_number;
    guint64 accepted;
    guint64 accepted_octets;
    GString *unique_id;
    char *id;
    char *folder;
    int log;             /* envelopes.jsonl, which is also the lock */
    guint64 next_part;   /* names in tmp/ */
    GString *line;       /* scratch */
    gint64 stamp_second; /* when `stamp` was made */
    char stamp[32];
};

MsMail *ms_mail_new(guint64 number, guint64 size, char **recipients_take, GBytes *content_take);

/* Reads envelopes.jsonl and new/. */
bool ms_store_load(MsStore *store, GError **error);

/* The path of a message; the caller frees it. */
char *ms_store_path(const MsStore *store, guint64 number);

/* One line of envelopes.jsonl, into `line`. */
void ms_envelope_format(GString *line, const MsEnvelope *envelope, guint64 number, guint64 size,
                        const char *stamp);

/* What a line says; false when it is none of ours. The caller frees *recipients. */
bool ms_envelope_parse(const char *line, guint64 *number, char ***recipients);
