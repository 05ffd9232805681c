/*
 * What large receivers ask of mail to many, and a list's messages lack: advice for `check`, which
 * never changes its outcome. Each demand names where it stands. A single row is no mail to many:
 * there is no advice then. What a message does not show (SPF, DMARC's record, complaints) is left
 * to its sender.
 */
#pragma once

#include "preflight.h"

#include <mailbatch/base/json.h>

G_BEGIN_DECLS

typedef enum {
    MM_ADVICE_ONE_FROM,
    MM_ADVICE_SIGNED,
    MM_ADVICE_ALIGNED,
    MM_ADVICE_UNSUBSCRIBE,
    MM_ADVICE_UNSUBSCRIBE_SIGNED,
    MM_ADVICE_TEXT,
    MM_ADVICE_SIZE,
} MmAdviceKind;
#define MM_ADVICE_KINDS 7

/* Zero is the beginning. */
typedef struct {
    uint64_t messages; /* looked at */
    struct {
        uint64_t messages; /* that lack it */
        uint64_t row;      /* the first of them */
    } missing[MM_ADVICE_KINDS];
} MmAdvice;

void mm_advice_add(MmAdvice *advice, const MmVerdict *verdict);

/* On stdout, a line a demand that is not met. */
void mm_advice_print(const MmAdvice *advice);

/* Into the open map: `advice`, an array of what, messages, row, source. */
void mm_advice_put_json(const MmAdvice *advice, MbJson *json);

G_END_DECLS
