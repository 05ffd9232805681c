/*
 * What `mmerge send` is told on its command line.
 */
#pragma once

#include "campaign.h"

#include <mailbatch/base/option.h>
#include <mailbatch/login/account.h>

G_BEGIN_DECLS

/* Zero is the default; clear it when done. */
typedef struct {
    MmCampaignOptions campaign;

    char *server, *account_name, *accounts_file;
    char *tls, *tls_trust, *tls_fingerprint, *passwordeval, *password_file, *auth;
    char *ledger, *campaign_name;
    gboolean accept_changes;
    int connections, window, per_connection;
    char *timeout;
    char *rate;
    gint64 limit;
    char *redirect_to;
    char *dsn;
    int retry;
    char *wait, *in_doubt, *max_failures;
    char *transcript;
    gboolean quiet, verbose, json;

    /* Made of those by mm_send_options_parse(). */
    MbAccount *account;
    char *sender;  /* the envelope's, where the template has no Return-Path; NULL: From's */
    char *domain;  /* EHLO's argument, or NULL */
    int exit_code; /* of MB_PARSED_USAGE */
    guint rate_count, rate_seconds; /* 0: no rate */
    guint wait_s;
    bool resend;              /* --in-doubt resend */
    guint64 max_failed;       /* 0: no such bound */
    guint max_failed_percent; /* 0: no such bound */
    char *notify;             /* DSN's NOTIFY, or NULL */
} MmSendOptions;

/* Parses argv, checks every value, reads the accounts file where one is to be used, and says what
 * is wrong. MB_PARSED_RUN leaves the operands in argv. */
MbParsed mm_send_options_parse(MmSendOptions *options, int *argc, char ***argv);

void mm_send_options_clear(MmSendOptions *options);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(MmSendOptions, mm_send_options_clear)

G_END_DECLS
