/*
 * What the command line says.
 */
#pragma once

#include "session.h"

typedef struct {
    char *
        *doors[MS_PROTOCOLS][2]; /* addresses; the second index is 1 for TLS from the first octet */
    char *certificate;
    char *key;
    char **users;
    char *store;
    gboolean discard;
    int delay_ms;
    char **faults;
    char *ready_file;
    char *hide;
    char *max_size;
    gboolean quiet;
} MsSettings;

/* Names as `door` = "smtp", "smtps", "pop3", "pop3s". */
const char *ms_door_name(MsProtocol protocol, bool tls_first);

/* Checks them, and fills `house` but for its store: users, faults, what is hidden, the size. */
bool ms_settings_apply(const MsSettings *settings, MsHouse *house, GError **error);

/* Lets go of what ms_settings_apply() made. */
void ms_house_clear(MsHouse *house);
void ms_settings_clear(MsSettings *settings);
