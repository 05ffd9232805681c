/*
 * What a session's listings come to: which messages are known, which are to be fetched, which stay.
 *
 *   pd_plan_add_size, pd_plan_add_uidl   for each item of LIST and UIDL, in any order
 *   pd_plan_decide                       once both are complete
 *
 * Message numbers are good for this session only; the unique-id is what a message is known by. An
 * id that the session lists more than once is no identity: as many copies are fetched as are
 * missing, and none is ever deleted by it. A message without a usable id is fetched every time.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    PD_FATE_KNOWN,     /* archived already */
    PD_FATE_FETCH,     /* to be fetched now */
    PD_FATE_TOO_LARGE, /* LIST's size is above the limit: stays on the server */
    PD_FATE_LEFT,      /* this run has left it on the server before */
    PD_FATE_LATER,     /* beyond --limit: the next run's */
} PdFate;

typedef struct {
    uint64_t number;
    uint64_t size;    /* LIST's; see has_size */
    const char *uidl; /* NULL: none that can be used; borrowed from the plan */
    bool has_size;
    bool repeated; /* the session lists this id more than once */
    PdFate fate;
} PdItem;

typedef struct PdPlan PdPlan;

typedef struct {
    uint64_t max_message; /* octets; 0: no limit */
    uint64_t limit;       /* how many to fetch at most; 0: no limit … */
    uint64_t fetched;     /* … of which so many have come in earlier sessions */
    bool skip_unnamed;    /* leave messages without a usable id for the next run */
    /* How many messages are archived under `uidl`. */
    guint64 (*copies)(const void *user, const char *uidl);
    const void *user;
    GHashTable *left; /* unique-ids that are not asked for again; NULL: none */
} PdPlanRules;

PdPlan *pd_plan_new(void);
void pd_plan_free(PdPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PdPlan, pd_plan_free)

/* `has_size` false: the number is listed, its size makes no sense. */
void pd_plan_add_size(PdPlan *plan, uint64_t number, bool has_size, uint64_t size);

/* `uidl` NULL: the number is listed, its id cannot be used. A number that comes with two ids has
 * none. */
void pd_plan_add_uidl(PdPlan *plan, uint64_t number, const char *uidl);

/* May be called again when more is known. */
void pd_plan_decide(PdPlan *plan, const PdPlanRules *rules);

/* Items by ascending number, once decided. */
size_t pd_plan_length(const PdPlan *plan);
PdItem *pd_plan_item(const PdPlan *plan, size_t index);

uint64_t pd_plan_count(const PdPlan *plan, PdFate fate);
uint64_t pd_plan_listed_bytes(const PdPlan *plan); /* the sum of LIST's sizes, at most 2^64 - 1 */

/* The ids listed, as a set of char *; borrowed. */
GHashTable *pd_plan_uidls(const PdPlan *plan);
