/*
 * The structure scanner: bytes in, tree out (tree.h).
 *
 *     mb_scan_begin(scan, tree, &budget);
 *     mb_scan_push(scan, bytes, length);      -- as often as there are bytes
 *     mb_scan_finish(scan, 0);
 *
 * One pass, iterative, linear; the tree is the same wherever the input is cut, and a message in one
 * buffer is one push that copies nothing. Between pushes it holds back at most a boundary's length
 * and the value of a Content-Type or Content-Transfer-Encoding; the bytes themselves are not kept:
 * give them to the tree (mb_tree_set_bytes(), mb_tree_set_reader()) when they will be asked for.
 *
 * It never fails. What deviates is a defect; what is over a limit is left unsplit, noted in the
 * tree and in the budget. Where input can be read in two ways, the one that yields more content is
 * taken.
 *
 * What it reads:  line ends LF, CRLF, CR CR LF, and a lone CR where a field, a fold, an empty line
 * or a delimiter follows;  BOM, From_ and >From_ lines and blank lines before a header;  `Name :`;
 * lines of any length that are no field (skipped when a field follows, otherwise they begin the
 * body);  Content-Type twice (the composite one is taken);  boundaries in each way their parameter
 * can be read; without a usable one, the body's first line that begins with "--";  parts behind
 * the end delimiter. message/rfc822, message/global and their like are opened when they are not
 * encoded; those that are, are leaves of kind MB_PART_MESSAGE without children: the caller decodes
 * them into a new space (mb_scan_begin_child()).
 */
#pragma once

#include <glib.h>
#include <mailbatch/base/limits.h>
#include <mailbatch/mime/tree.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

#define MB_SCAN_BOUNDARY_MAX 65536   /* longer boundaries are cut, and compared up to here */
#define MB_SCAN_NAME_MAX     1024    /* a colon further on makes no field */
#define MB_SCAN_VALUE_MAX    4194304 /* bytes of a structural field that are read */

typedef struct MbScan MbScan;

/* A scanner serves message after message and keeps its memory. One thread at a time. */
MbScan *mb_scan_new(void);
void mb_scan_free(MbScan *scan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MbScan, mb_scan_free)

/* Starts a message in space 0 of an empty tree. Both are borrowed until mb_scan_finish(). `budget`
 * may be NULL: mb_limits_default then. Its depth is where the message stands already. */
void mb_scan_begin(MbScan *scan, MbTree *tree, MbBudget *budget);

/* Starts the message that `space` holds: its root becomes the child of the part that owns it. */
void mb_scan_begin_child(MbScan *scan, MbTree *tree, uint32_t space, MbBudget *budget);

void mb_scan_push(MbScan *scan, const void *bytes, size_t length);

/* Bytes that the source put around the message (the From_ line of mbox, the empty line behind it):
 * they are accounted as framing and not looked at. Before the first push. */
void mb_scan_framing(MbScan *scan, uint64_t length);

/* The end. `framing` more bytes of the space belong to the source and were not pushed. */
void mb_scan_finish(MbScan *scan, uint64_t framing);

/* All of it in one call, for a message in a buffer. */
void mb_scan_buffer(MbScan *scan, MbTree *tree, const void *bytes, size_t length, MbBudget *budget);

/* Bytes that are held back until the header they stand in ends, which then take many times their
 * length. */
size_t mb_scan_held(const MbScan *scan);

/* How many basic steps (bytes looked at, candidates compared) the last message took: for tests of
 * linear time. */
uint64_t mb_scan_steps(const MbScan *scan);

G_END_DECLS
