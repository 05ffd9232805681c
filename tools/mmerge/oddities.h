/*
 * What stands out in a list: the rows that a person should look at before it is sent. Memory does
 * not grow with the list.
 */
#pragma once

#include "preflight.h"

#include <mailbatch/base/json.h>

G_BEGIN_DECLS

typedef struct MmOddities MmOddities;

/* `campaign` is borrowed. */
MmOddities *mm_oddities_new(const MmCampaign *campaign);
void mm_oddities_free(MmOddities *oddities);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MmOddities, mm_oddities_free)

void mm_oddities_add(MmOddities *oddities, const MmVerdict *verdict);

/* On stdout, a line a finding. */
void mm_oddities_print(const MmOddities *oddities);

/* Into the open map: `strangest`, an array of what, row, value (and column), and `attachments`, an
 * array of name, bytes, messages. */
void mm_oddities_put_json(const MmOddities *oddities, MbJson *json);

G_END_DECLS
