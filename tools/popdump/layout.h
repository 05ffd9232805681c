/*
 * Where things stand in an ARCHIVE folder.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

#define PD_JOURNAL_NAME "journal/000001.jsonl"
#define PD_CATALOG_NAME "catalog.db"
#define PD_SUMS_NAME    "SHA256SUMS"
#define PD_LOCK_NAME    "lock"
#define PD_SEGMENT_MAX  9999999 /* a number beyond is no segment's */

typedef enum {
    PD_PLACE_OPEN,   /* open/N.tar: being written */
    PD_PLACE_PLAIN,  /* seg/N.tar */
    PD_PLACE_PACKED, /* seg/N.tar.gz, .zst, .xz */
} PdPlace;

typedef struct {
    guint32 number;
    PdPlace place;
    char *name; /* "seg/000001.tar.gz", relative to the folder */
} PdSegmentFile;

/* Names relative to the folder; the caller frees them. */
char *pd_layout_open(guint32 number);
char *pd_layout_sealed(guint32 number, const char *suffix);
char *pd_layout_manifest(guint32 number);

/* Whether the folder holds an archive; whether it is not there or holds nothing that would hinder
 * one (`fresh`). */
bool pd_layout_is_archive(const char *root);
bool pd_layout_is_fresh(const char *root);

/* Makes the folder and those below it, durably. MB_ERROR_CANNOT_CREATE with the path. */
bool pd_layout_create(const char *root, GError **error);

/* Every segment's file, in order of number; of several for one number the one that counts (open
 * before plain before packed) comes first. PdSegmentFile; free with g_array_unref(). A folder that
 * cannot be read is an error. */
GArray *pd_layout_segments(const char *root, GError **error);

/* The file that counts for one segment, NULL when there is none. `files` as above. */
const PdSegmentFile *pd_layout_find(const GArray *files, guint32 number);

/* Whether a file of this name in seg/ is ours: a segment or a manifest. */
bool pd_layout_is_sealed_part(const char *name);

/* Removes what an interrupted run left under a temporary name. */
void pd_layout_remove_temporaries(const char *root);

#define PD_TEMPORARY_SUFFIX ".part"

G_END_DECLS
