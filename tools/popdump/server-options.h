/*
 * Which server, and as whom: the options that fetch and verify share, and the accounts file.
 */
#pragma once

#include <glib.h>
#include <mailbatch/login/account.h>
#include <stdbool.h>
#include <stdint.h>

/* As typed; clear with pd_server_options_clear(). */
typedef struct {
    char *server, *tls, *trust, *fingerprint, *passwordeval, *password_file, *auth, *timeout;
    char *accounts_file;
    char **accounts; /* --account, as often as it was given */
    gboolean all;
} PdServerOptions;

void pd_server_options_clear(PdServerOptions *options);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PdServerOptions, pd_server_options_clear)

/* For an array of GOptionEntry; `o` is a PdServerOptions. */
#define PD_SERVER_ENTRIES(o)                                                                         \
    {"server",    0,                                                                                 \
     0,           G_OPTION_ARG_STRING,                                                               \
     &(o).server, "pop3s://USER@HOST[:995], or pop3://USER@HOST[:110] with STLS",                    \
     "URL"},                                                                                         \
        {"account",                                                                                  \
         0,                                                                                          \
         0,                                                                                          \
         G_OPTION_ARG_STRING_ARRAY,                                                                  \
         &(o).accounts,                                                                              \
         "An account of the accounts file; may be repeated",                                         \
         "NAME"},                                                                                    \
        {"accounts",                                                                                 \
         0,                                                                                          \
         0,                                                                                          \
         G_OPTION_ARG_FILENAME,                                                                      \
         &(o).accounts_file,                                                                         \
         "The accounts file, as mpop has it (~/.config/mailbatch/accounts, ~/.mpoprc)",              \
         "FILE"},                                                                                    \
        {"tls",    0,                                                                                \
         0,        G_OPTION_ARG_STRING,                                                              \
         &(o).tls, "on, starttls or off (by the URL; required unless off)",                          \
         "MODE"},                                                                                    \
        {"tls-trust", 0,                                                                             \
         0,           G_OPTION_ARG_FILENAME,                                                         \
         &(o).trust,  "Trust the certificates of FILE (the system's)",                               \
         "FILE"},                                                                                    \
        {"tls-fingerprint",                                                                          \
         0,                                                                                          \
         0,                                                                                          \
         G_OPTION_ARG_STRING,                                                                        \
         &(o).fingerprint,                                                                           \
         "Trust exactly the certificate with this SHA-256",                                          \
         "HEX"},                                                                                     \
        {"passwordeval",                                                                             \
         0,                                                                                          \
         0,                                                                                          \
         G_OPTION_ARG_STRING,                                                                        \
         &(o).passwordeval,                                                                          \
         "The password is the first line that CMD prints",                                           \
         "CMD"},                                                                                     \
        {"password-file",                                                                            \
         0,                                                                                          \
         0,                                                                                          \
         G_OPTION_ARG_FILENAME,                                                                      \
         &(o).password_file,                                                                         \
         "The password is FILE's first line",                                                        \
         "FILE"},                                                                                    \
        {"auth", 0, 0, G_OPTION_ARG_STRING, &(o).auth, "SASL mechanism, or USER (the best offered)", \
         "MECH"},                                                                                    \
    {                                                                                                \
        "timeout", 0, 0, G_OPTION_ARG_STRING, &(o).timeout,                                          \
            "Longest silence of the server (300s)", "TIME"                                           \
    }

/* An account that is meant. */
typedef struct {
    char *name;         /* in the accounts file; NULL: --server */
    MbAccount *account; /* NULL: it cannot be used, `fault` says why */
    GError *fault;
    /* Of the file: */
    bool removes;        /* `keep off`, or with a time … */
    uint64_t older;      /* … this one, seconds */
    uint64_t skip_size;  /* larger messages are left; 0: none */
    bool not_pipelining; /* `pipelining off` */
} PdChosen;

/* What the options come to: PdChosen, at least one, freed with the array. The accounts file's notes
 * are told. NULL with MB_ERROR_USAGE when the options make no sense, MB_ERROR_CONFIG when the file
 * cannot be used at all; an account that cannot be used is in the array with its fault. */
GPtrArray *pd_server_choose(const PdServerOptions *options, GError **error);
