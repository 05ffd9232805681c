/*
 * What the files of module archive share.
 */
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <glib.h>
#include <locale.h>
#include <mailbatch/archive/read.h>

/* Where the bytes come from: a descriptor, a buffer, or the owner's stream. */
typedef struct {
    int descriptor; /* -1: none */
    bool close_descriptor;
    char *block;
    GBytes *bytes;
    MbArchiveStream stream;
    bool can_seek;
    uint64_t start;  /* the descriptor's offset at opening */
    uint64_t length; /* from start */
    uint64_t position;
    uint64_t taken; /* bytes handed to libarchive */
    GError *error;
} Source;

struct MbArchive {
    char *name;
    struct archive *archive;
    struct archive_entry *entry;
    Source source;
    const void *ahead; /* the first block, read to choose the locale by */
    gssize ahead_length;
    locale_t locale;
    MbBudget *budget;
    bool unpacked;   /* content as it is, not looked into */
    bool begun;      /* an entry is being read */
    bool entry_over; /* nothing more of it */
    bool over;
    bool limited;
    char *path; /* of an entry whose name had to be made */
    bool path_is_made;
    uint64_t offset; /* content handed out */
    const char *chunk;
    size_t chunk_length;
    uint64_t hole; /* zeros to hand out before the chunk */
    GError *late;  /* to be told when the chunk is out */
};

/* libarchive's last error as ours: `name: truncated: …` or `name: damaged: …`; the owner's own
 * where its stream failed. */
void mb_archive_set_error(MbArchive *reader, GError **error);
