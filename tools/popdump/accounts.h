/*
 * A fetch of one account, or of several side by side, up to its exit status.
 */
#pragma once

#include "fetch.h"
#include "server-options.h"

#define PD_ACCOUNTS_AT_ONCE 8

typedef struct {
    PdFetchOptions fetch; /* what holds for all; `archive` is the folder of their folders */
    bool delete_said;     /* on the command line: what the accounts file says does not count */
    bool max_said;        /* the same for --max-message */
    unsigned at_once;
} PdAccountsOptions;

/* Fetches all of `chosen` (PdChosen), each into the folder of its name below the archive; a single
 * one without a name into the archive itself. Says what went wrong. Returns the worst status. */
int pd_accounts_fetch(const PdAccountsOptions *options, GPtrArray *chosen);

/* The worse of two exit statuses. */
int pd_accounts_worse(int one, int other);
