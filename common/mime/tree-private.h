/*
 * The tree's arrays, for the files of this module that fill and read them.
 */
#pragma once

#include <mailbatch/mime/tree.h>

/* Adds one zeroed item to an array of the tree and gives its address. */
#define TREE_PUSH(array)                                                                           \
    ((array).count == (array).room                                                                 \
         ? tree_grow(&(array).items, &(array).room, sizeof(*(array).items))                        \
         : (void)0,                                                                                \
     &(array).items[(array).count++])

#define TREE_ARRAY(type)                                                                           \
    struct {                                                                                       \
        type *items;                                                                               \
        uint32_t count;                                                                            \
        uint32_t room;                                                                             \
    }

typedef struct {
    uint64_t length; /* of its segments */
    uint32_t owner;
    uint32_t first_segment;
    uint32_t segments;
    const uint8_t *bytes; /* NULL: read, or unknown */
    uint64_t known;       /* how many of them there are */
    GBytes *held;
    MbTreeRead read; /* NULL: they are in memory, or cannot be had */
    void *read_data;
    uint64_t read_from; /* of what `read` reads */
} TreeSpace;

struct MbTree {
    TREE_ARRAY(MbPart) parts;
    TREE_ARRAY(MbField) fields;
    TREE_ARRAY(MbSegment) segments;
    TREE_ARRAY(MbDefect) defects;
    TREE_ARRAY(TreeSpace) spaces;
    GString *strings;    /* types and details, NUL-terminated; 0 is "" */
    MbTreeFilter filter; /* `push` NULL: none */
    guint limits;
    MbSeverity worst;
};

void tree_grow(void *items, uint32_t *room, size_t size);
