/*
 * A source is a stack of layers: folders, archives, streams of messages. The top one is asked for
 * what comes next; it pushes a layer for what it contains, and is popped when it has no more.
 */
#pragma once

#include "ahead.h"
#include "mbox.h"
#include "window.h"

#include <mailbatch/archive/read.h>
#include <mailbatch/source/source.h>

typedef enum {
    LAYER_FOLDER,
    LAYER_NEW,     /* a stream that nobody has looked into */
    LAYER_ARCHIVE, /* a stream that is an archive */
    LAYER_MBOX,
    LAYER_MESSAGE, /* a stream that is one message */
} MbLayerKind;

typedef struct {
    char *path;
    bool is_maildir; /* of messages, each a file */
} MbFolderEntry;

typedef struct {
    MbSource *source;
    MbLayerKind kind;
    GArray *entries; /* LAYER_FOLDER: of MbFolderEntry, what is left of them from `next` on */
    guint next;

    int descriptor; /* -1: none, or not ours */
    bool owns_descriptor;
    int spool; /* what of the stream had to be kept, to be read back and forth; -1: none */
    MbWindow window;
    MbArchive *archive;
    const uint8_t *chunk; /* of the present entry: what is left of what the archive gave */
    size_t handed_out;
    bool has_container; /* its name is the last of the source's containers */
    bool is_maildir;
    bool is_direct;
    uint64_t size_hint;

    uint64_t index;   /* of the last message */
    size_t item;      /* bytes of the window that the present item takes */
    bool is_done;     /* the single message was handed out */
    bool is_streamed; /* the present item has bytes left for mb_source_read() */
    size_t decided;   /* streamed: bytes of the window that hold no From_ line that counts */
    bool has_body;    /* streamed: the header's end was seen */
    MbAhead ahead;
    uint64_t told_end; /* streamed: where Content-Length ends the item in the stream, or 0 */
    size_t told_tail;  /* octets of line ends before it */
    GError *problem;   /* to be told before the next item */
} MbLayer;

struct MbSource {
    MbSourceOptions options;
    MbBudget own_budget;
    MbBudget *budget;
    GPtrArray *layers;     /* of MbLayer */
    GPtrArray *containers; /* of char *, NULL at its end */
    char *path;            /* of what is read now */
    MbLocator wanted;      /* all zero: everything */
    bool is_found;
    bool is_told; /* that nothing was found */
    MbLocator locator;
    MbItem item;
    MbBlock *spare;
    uint64_t bytes_in;
    uint64_t bytes_total;
};

static inline MbLayer *mb_source_top(const MbSource *source)
{
    return source->layers->len > 0 ? g_ptr_array_index(source->layers, source->layers->len - 1)
                                   : NULL;
}

/* "path!entry: problem: detail", by the address of what is read now. */
void mb_source_set_error(MbSource *source, GError **error, MbErrorCode code, const char *problem);

/* Pushing. The source owns the path from now on; false with `error` when it cannot be opened. */
bool mb_source_push_path(MbSource *source, const char *path, bool is_direct, bool is_maildir,
                         GError **error);
void mb_source_push_descriptor(MbSource *source, int descriptor, bool is_owned, bool is_direct,
                               bool is_maildir);
void mb_source_pop(MbSource *source);

/* The names in a folder in the order they are read, by what kind of folder it is. */
bool mb_source_list_folder(const char *path, GArray *entries, GError **error);

/* One step of the top layer. MB_NEXT: `item` is filled; MB_END: nothing to hand out yet, ask again.
 */
MbNext mb_source_step(MbSource *source, GError **error);
MbNext mb_source_step_messages(MbSource *source, GError **error);
bool mb_source_read_message(MbSource *source, const uint8_t **bytes, size_t *length);

/* Whether these are the first bytes of a message: one of the first lines is a header field. */
bool mb_source_looks_like_mail(const uint8_t *bytes, size_t length);

/* Blank lines and a byte order mark at the start. */
size_t mb_source_leading(const uint8_t *bytes, size_t length);
