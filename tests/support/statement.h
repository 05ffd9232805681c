/*
 * Ties a test to the numbered statement it proves. Call it as the last line of a test: it is
 * reached only when every assertion above it held. The names are collected in the file that
 * $MB_STATEMENT_LOG names; tools/dev/check-statements compares them with tests/statements.txt.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>

static inline void statement_for(const char *id, const char *test)
{
    const char *path = getenv("MB_STATEMENT_LOG");
    FILE *log = path != NULL ? fopen(path, "a") : NULL;

    if (log == NULL)
        return;
    fprintf(log, "%s %s\n", id, test);
    fclose(log);
}

#define statement(id) statement_for(id, __func__)
