/*
 * What is read of an archived message's header: its time for the member's name, sender and subject
 * for the list, and the digest by which it is known again under another unique-id.
 */
#pragma once

#include <glib.h>
#include <mailbatch/base/digest.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

#define PD_HEAD_MAX  65536 /* octets of a message in which sender and subject are looked for */
#define PD_FIELD_MAX 1000  /* octets kept of either */

#define PD_SUBJECT_SHOWN 200 /* octets of a subject, decoded, for people */

/* The time of a message by its topmost Received, else its Date, else 0. `head` is its beginning,
 * header at least. */
int64_t pd_head_time(const char *head, size_t length);

/* The values of the first From and Subject as they stand, folds and encoded-words and all, without
 * NULs and blanks around; NULL where there is none. The caller frees them. */
void pd_head_read(const char *head, size_t length, char **sender, char **subject);

/* A value of pd_head_read(), unfolded and decoded, in UTF-8 and otherwise as it is; "" for NULL.
 * The caller frees it. */
char *pd_head_decode(const char *value);

/* A value of pd_head_read() for people: decoded, on one line, safe on a terminal; of a sender the
 * name, or else the address. "" for NULL. The caller frees it. */
char *pd_head_show_subject(const char *value);
char *pd_head_show_sender(const char *value);

/* The digest of a header, fed as it comes: of everything before the empty line. */
typedef struct {
    MbDigest *digest;
    uint64_t length; /* octets of the header so far */
    bool ended;      /* the empty line was there */
    char line[2];    /* the beginning of the present line, up to 2 octets */
    unsigned held;   /* octets of `line` */
    bool in_line;    /* behind those */
} PdHeadDigest;

void pd_head_digest_init(PdHeadDigest *head);
void pd_head_digest_push(PdHeadDigest *head, const void *bytes, size_t length);
void pd_head_digest_finish(PdHeadDigest *head, uint8_t sha256[MB_SHA256_LENGTH]);

G_END_DECLS
