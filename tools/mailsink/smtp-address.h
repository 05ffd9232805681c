/*
 * The arguments of MAIL and RCPT (RFC 5321, 4.1.1.2, 4.1.1.3 and 4.1.2; RFC 6531, 3.3; RFC 3461,
 * 4).
 *
 *   mail  = "FROM:" ( "<>" / path ) *( SP parameter )
 *   rcpt  = "TO:" path *( SP parameter )
 *   path  = "<" [ source-route ":" ] mailbox ">"
 *
 * Lenient: blanks after the colon; "<postmaster>" and other local parts without a domain.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct {
    bool is_mail;  /* MAIL; else RCPT */
    bool smtputf8; /* offered: MAIL may ask for it. RCPT: MAIL has asked for it */
    bool eightbit; /* 8BITMIME is offered */
    bool dsn;      /* DSN is offered */
    bool size;     /* SIZE is offered */
    bool auth;     /* AUTH is offered */
    guint64 max_size;
} MsPathRules;

typedef struct {
    char *address; /* "" for "<>" */
    bool smtputf8;
    bool eightbit;
    char *envid;
} MsPath;

/* Reads what follows "MAIL " or "RCPT ". NULL and `path` filled, or the reply, with its line end,
 * that refuses it. */
const char *ms_path_parse(const MsPathRules *rules, const char *text, MsPath *path);
void ms_path_clear(MsPath *path);
