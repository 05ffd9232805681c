/*
 * What the catalog's two files share.
 */
#pragma once

#include "catalog.h"

#include <mailbatch/store/store.h>

struct PdCatalog {
    MbStore *store;
};
