/*
 * Between the two steps of params.h: what stands in the text, and what it means.
 */
#pragma once

#include <mailbatch/mime/params.h>

#define MB_NO_SECTION UINT32_MAX

/* A parameter as it stands. Texts are offsets into the arena's `text`, each ended by a NUL. */
typedef struct {
    size_t name, name_length; /* lower case, without asterisks */
    size_t value, value_length;
    size_t offset, length; /* in the field's body */
    size_t order;
    uint32_t section; /* MB_NO_SECTION: not split */
    guint flags;      /* MbParamFlags */
} MbRawParam;

/* A parameter whose texts are offsets still. */
typedef struct {
    size_t name, value, raw, charset;
    MbParam param;
} MbReadyParam;

struct MbParamsArena {
    GString *text;
    GArray *raws;   /* of MbRawParam */
    GArray *ready;  /* of MbReadyParam */
    GArray *params; /* of MbParam */
    GString *scratch;
    size_t value; /* the field's value */
};

/* Splits a field's body into value and raw parameters. */
void mb_params_scan(struct MbParamsArena *arena, MbParamsKind kind, const char *body, size_t length,
                    MbFlaws *flaws);

/* Joins what is split, decodes, and fills `ready` in the order of appearance. Sorts `raws`. */
void mb_params_join(struct MbParamsArena *arena, MbFlaws *flaws);
