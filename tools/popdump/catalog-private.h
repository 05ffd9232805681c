/*
 * What the catalog's two files share.
 */
#pragma once

#include "catalog.h"

#include <mailbatch/store/store.h>

struct PdCatalog {
    MbStore *store;
};

/* A line's time, in seconds since 1970; 0 for one that is none. */
int64_t pd_catalog_parse_time(const char *text);
