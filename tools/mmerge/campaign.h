/*
 * A campaign: a template and a CSV, and the messages they make.
 *
 *   options   mm_campaign_entries() → mb_option_parse()
 *   once      mm_campaign_open(): everything that no row changes is read, checked, compiled and
 * encoded reader    mm_rows_open(), mm_rows_next() …: rows in the CSV's order, each a thing of its
 * own worker    mm_renderer_new(), mm_render() …: a row becomes a message, ready for the wire
 *
 * A campaign is immutable once it is open and may be shared by threads; rows and renderers belong
 * to one thread each; an MmRow may be handed from thread to thread. Nothing here knows the ledger
 * or the network. Errors are MM_CAMPAIGN_ERROR or the modules' own; what is wrong with one row
 * alone is MB_ERROR_DATA, its message names file and row.
 */
#pragma once

#include "ledger.h"

#include <mailbatch/base/wire.h>
#include <mailbatch/compose/compose.h>
#include <mailbatch/template/template.h>

G_BEGIN_DECLS

#define MM_CAMPAIGN_ERROR (mm_campaign_error_quark())
GQuark mm_campaign_error_quark(void);

/* --- options ------------------------------------------------------------------------------ */

typedef enum {
    MM_STOP, /* the default: nothing is sent while there is one */
    MM_SKIP, /* it is left out, and listed */
    MM_SEND, /* of duplicates only: it is sent all the same */
} MmPolicy;

/* What preview, check and send have in common. Zero is the default; clear it when done. */
typedef struct {
    char *from;         /* --from: in the place of the template's From */
    char **attach;      /* --attach */
    char **set;         /* --set KEY=VALUE */
    char *encoding;     /* --encoding */
    char *delimiter;    /* --delimiter: one character, or "tab" */
    char *key;          /* --key COLUMN */
    char *group_by;     /* --group-by COLUMN */
    char *duplicates;   /* --duplicates stop|skip|send */
    char *bad_rows;     /* --bad-rows stop|skip */
    char **suppress;    /* --suppress FILE */
    char *max_size;     /* --max-size SIZE */
    char **dkim;        /* --dkim DOMAIN:SELECTOR:KEYFILE */
    char **unsubscribe; /* --unsubscribe URL */
    char *token_key;    /* --token-key FILE */
    gboolean verp;      /* --verp */
} MmCampaignOptions;

void mm_campaign_options_clear(MmCampaignOptions *options);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(MmCampaignOptions, mm_campaign_options_clear)

/* The entries of these options followed by `more` (NULL-ended, may be NULL), for mb_option_parse().
 * The caller frees the array. */
GOptionEntry *mm_campaign_entries(MmCampaignOptions *options, const GOptionEntry *more);

/* What --delimiter says: one character, or `tab`; NULL leaves *delimiter as it is. Fails with
 * MB_ERROR_USAGE. */
bool mm_campaign_delimiter(const char *text, char *delimiter, GError **error);

/* --- the campaign ------------------------------------------------------------------------- */

typedef struct MmCampaign MmCampaign;

/* Reads template, header of the CSV, suppressions and whatever the template names without a
 * placeholder. */
MmCampaign *mm_campaign_open(const char *template_path, const char *csv_path,
                             const MmCampaignOptions *options, GError **error);
void mm_campaign_free(MmCampaign *campaign);

/* The same for a command's operands, TEMPLATE and CSV; a mistake tells when they were confused.
 * What was tolerated is said as a warning. */
MmCampaign *mm_campaign_open_operands(char *const *operands, const MmCampaignOptions *options,
                                      GError **error);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MmCampaign, mm_campaign_free)

const char *mm_campaign_template_path(const MmCampaign *campaign);
const char *mm_campaign_csv_path(const MmCampaign *campaign);
const char *mm_campaign_key(const MmCampaign *campaign);   /* the column, or NULL */
bool mm_campaign_is_grouped(const MmCampaign *campaign);   /* --group-by */
const char *mm_campaign_units(const MmCampaign *campaign); /* "rows", or "groups" */
MmPolicy mm_campaign_duplicates(const MmCampaign *campaign);
MmPolicy mm_campaign_bad_rows(const MmCampaign *campaign);

/* What was tolerated (padded names of columns, columns that --set hides), a line each; NULL-ended.
 */
const char *const *mm_campaign_warnings(const MmCampaign *campaign);

/* Says them as warnings of the tool. */
void mm_campaign_warn(const MmCampaign *campaign);

/* The domains that --dkim signs for, between commas; NULL without --dkim. The caller frees it. */
char *mm_campaign_signing_domains(const MmCampaign *campaign);

/* Columns of the CSV: so many of a row's first values are the list's own. */
size_t mm_campaign_n_columns(const MmCampaign *campaign);
const char *mm_campaign_column(const MmCampaign *campaign, size_t index);

/* With --group-by: whether the template takes the column of a group's first row, outside a loop. */
bool mm_campaign_takes_first(const MmCampaign *campaign, size_t column);

/* `news-people`: stem of the template and stem of the CSV, what --campaign defaults to. The caller
 * frees it. */
char *mm_campaign_default_name(const MmCampaign *campaign);

/* Digest of template, files it names, CSV and options: who was checked under it need not be checked
 * again. Reads the whole CSV. */
bool mm_campaign_verdict(const MmCampaign *campaign, uint8_t verdict[MB_SHA256_LENGTH],
                         GError **error);

/* --- rows --------------------------------------------------------------------------------- */

/* What becomes one message: a row of the list or, with --group-by, all rows with one value in its
 * column. `number`, `values` and, where nothing else is said, all else of a group are its first
 * row's. */
typedef struct {
    uint64_t number;                  /* as a spreadsheet numbers it */
    const char *key;                  /* --key's or --group-by's value; NULL without */
    uint8_t digest[MB_SHA256_LENGTH]; /* of the record; of the records of a group, in their order:
                                         of one alone it is that record's */
    const char *invalid; /* what is wrong with a record itself (too few values, octets that are no
                            UTF-8, an empty key), or NULL; such a row cannot be rendered */
    const MbTemplateValue *values; /* one a name: the columns, then --set's */
    size_t octets;                 /* of memory, about */
    size_t n_records;              /* of the list; 1 without --group-by */
    size_t n_rows;                 /* the same, but of a group that is too large and `invalid` */
    const MbTemplateValue *const *rows; /* of a group: the values of each row, and their numbers; */
    const uint64_t *numbers;            /* NULL without --group-by */
} MmRow;

void mm_row_free(MmRow *row);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MmRow, mm_row_free)

/* Reads the campaign's CSV from the top; with --group-by it goes through all of it first. */
typedef struct MmRows MmRows;

MmRows *mm_rows_open(const MmCampaign *campaign, GError **error);
void mm_rows_free(MmRows *rows);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MmRows, mm_rows_free)

/* The next row, the caller's to free. MB_FAILED: the CSV cannot be read on. */
MbNext mm_rows_next(MmRows *rows, MmRow **row, GError **error);

/* The row of that number, or the group that it belongs to, for what a ledger has claimed: ahead is
 * cheap, behind starts at the top again. MB_END: there is no such row. */
MbNext mm_rows_find(MmRows *rows, uint64_t number, MmRow **row, GError **error);

/* Blank rows passed over so far. */
uint64_t mm_rows_blank(const MmRows *rows);

/* For progress: how much was read, and is there in all. Bytes; groups with --group-by. */
void mm_rows_progress(const MmRows *rows, uint64_t *done, uint64_t *total);

/* --- messages ----------------------------------------------------------------------------- */

/* What receivers of mail to many look for. */
typedef enum {
    MM_ONE_FROM = 1 << 0,    /* From names one mailbox */
    MM_SIGNED = 1 << 1,      /* by --dkim */
    MM_ALIGNED = 1 << 2,     /* by a domain that From's belongs to */
    MM_UNSUBSCRIBE = 1 << 3, /* List-Unsubscribe */
    MM_ONE_CLICK = 1 << 4,   /* List-Unsubscribe-Post */
    MM_PLAIN_TEXT = 1 << 5,  /* some text, where there is HTML */
} MmTraits;

/* Borrowed from the renderer until its next rendering, but `wire`, which the caller may ref. */
typedef struct {
    const char *sender; /* for MAIL FROM: Return-Path of the template, else From's address */
    const MmLedgerRecipient
        *recipients; /* To, then Cc, then Bcc; each address once; their index is the ledger's. Those
                        suppressed are flagged: all of them when no To is left */
    size_t n_recipients;
    const char *message_id;  /* with angle brackets */
    MbWire *wire;            /* NULL when it was only judged */
    size_t length;           /* its octets with the signature fields; 0 when it was only judged */
    unsigned traits;         /* MmTraits */
    const char *from_domain; /* From's, in ASCII */
    bool smtputf8;           /* an address is beyond ASCII: the server must offer SMTPUTF8 */

    MbComposePart *const *attachments;
    size_t n_attachments;
    const char *text; /* the plain body before it was encoded; NULL: the same for all rows */
    size_t text_length;
} MmMessage;

typedef struct {
    const char *message_key; /* mm_ledger_message_key(): the left side of Message-ID; NULL: from the
                                row, the same always */
    int64_t date;            /* Date, in seconds since 1970; 0: now */
    int zone_minutes;        /* Date's zone, east of Greenwich; only when `date` is given */
    const char
        *only_to; /* --redirect-to: the one recipient of the envelope; the header stays. Or NULL */
    const char *sender; /* the envelope's, where the template has no Return-Path; NULL: From's */
    bool eightbit;      /* the relay offers 8BITMIME */
    bool judge;    /* only whether it can be made: no wire, unless --max-size asks for its length */
    bool unsealed; /* the signature fields are counted, not made */
} MmRenderOptions;

/* A thread's scratch. */
typedef struct MmRenderer MmRenderer;

MmRenderer *mm_renderer_new(const MmCampaign *campaign);
void mm_renderer_free(MmRenderer *renderer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MmRenderer, mm_renderer_free)

/* Makes the row's message. `options` may be NULL. An error is this row's: unreadable attachment, no
 * or bad address, line breaks in a header, a date that is none, over --max-size, rows of a group
 * that are for different recipients. */
bool mm_render(MmRenderer *renderer, const MmRow *row, const MmRenderOptions *options,
               MmMessage *message, GError **error);

G_END_DECLS
