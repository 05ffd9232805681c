/*
 * What the server lists, compared with what is archived: UIDL and LIST, no message is fetched.
 */
#pragma once

#include "fetch.h"

typedef enum {
    PD_AGAINST_NOT_ARCHIVED, /* on the server, and not here */
    PD_AGAINST_SIZE_DIFFERS, /* here at another size than the server lists, now and then */
    PD_AGAINST_GONE,         /* here, and no longer on the server: not deleted by us */
    PD_AGAINST_KINDS,
} PdAgainst;

/* "not-archived", "size-differs", "gone". */
const char *pd_against_name(PdAgainst kind);

typedef struct {
    uint64_t listed;
    uint64_t unnamed; /* listed without a usable unique-id: cannot be compared */
    uint64_t count[PD_AGAINST_KINDS];
} PdAgainstSummary;

typedef void (*PdAgainstReport)(void *user, PdAgainst kind, const char *object, const char *detail);

/* Opens the archive for reading, and lists. MB_ERROR_CONFIG: it is another account's archive;
 * otherwise what fetching may fail with. `object` and `detail` are printable as they are. */
bool pd_against_server(const char *archive, const MbAccount *account, PdAgainstReport report,
                       void *user, PdAgainstSummary *summary, GError **error);
