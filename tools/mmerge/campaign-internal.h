/*
 * What a campaign is made of; for campaign*.c only.
 */
#pragma once

#include "campaign.h"
#include "groups.h"
#include "letter.h"
#include "mailbox.h"

#include <mailbatch/compose/compose.h>
#include <mailbatch/csv/csv.h>
#include <mailbatch/dkim/dkim.h>

#define MAX_TEMPLATE_FILE (16 * 1024 * 1024)
#define MAX_ATTACHMENT    (256 * 1024 * 1024)

typedef enum {
    FIELD_FROM,
    FIELD_SENDER,
    FIELD_REPLY_TO,
    FIELD_TO,
    FIELD_CC,
    FIELD_BCC,
    FIELD_MAILBOXES, /* another field of addresses */
    FIELD_SUBJECT,
    FIELD_TEXT, /* any other; encoded-words where it is not ASCII */
    FIELD_RAW,  /* any other that has a syntax of its own */
    FIELD_UNSUBSCRIBE,
    FIELD_ONE_CLICK, /* List-Unsubscribe-Post */
    FIELD_RETURN_PATH,
    FIELD_ATTACHMENT,  /* one path */
    FIELD_ATTACHMENTS, /* paths between commas */
    FIELD_BODY_TYPE,   /* of the campaign, not of the message: these four */
    FIELD_BODY_HTML,
    FIELD_BODY_TEXT,
    FIELD_BODY_CALENDAR,
} FieldKind;

/* A header field of the template, compiled. */
typedef struct {
    FieldKind kind;
    char *name;
    MbTemplate *value;
    char *place; /* `news.txt:3` for messages */
    /* What no row changes is read once. */
    bool constant;
    GString *rendered;   /* FIELD_TEXT, FIELD_RAW, FIELD_SUBJECT */
    GArray *mailboxes;   /* those with addresses */
    GStringChunk *texts; /* theirs */
    bool smtputf8;       /* of the mailboxes */
    GPtrArray *parts;    /* MbComposePart, those with paths */
} Field;

/* One of the two bodies. */
typedef struct {
    bool exists;
    MbTemplate *source;
    MbComposePart *part; /* built once, when no row changes it */
    bool blank;          /* that one holds no text */
    char *folder;        /* what its images are relative to */
    char *path;
    bool row_images;   /* an image's path holds a placeholder */
    GPtrArray *images; /* MbComposePart of those that hold none */
} Body;

struct MmCampaign {
    char *template_path, *csv_path, *folder;
    MbCsvOptions csv_options; /* its strings are the campaign's */
    MmPolicy duplicates, bad_rows;
    guint64 max_size;
    MbDkimSigner *signer; /* NULL: nothing is signed */
    GBytes *token_key;    /* a secret, or NULL */
    bool adds_one_click;  /* List-Unsubscribe-Post beside an https address of --unsubscribe */
    bool verp;
    char *encoding;

    GPtrArray *names; /* columns, then keys of --set that are none; NULL-ended */
    size_t n_columns;
    int key_column;       /* --key's or --group-by's; -1: none */
    bool grouped;         /* --group-by */
    GArray *told_by;      /* size_t: the names that say of a row itself whom it goes to */
    bool *taken;          /* per name, of a group's first row; NULL without --group-by */
    bool *constant;       /* per name */
    MbTemplateValue *set; /* per name: --set's value, or a NULL text */
    GPtrArray *set_texts;

    GPtrArray *fields; /* Field */
    bool has_to;
    Body plain, html, calendar;
    GPtrArray *attached;    /* MbComposePart, --attach */
    GHashTable *suppressed; /* folded addresses */
    GPtrArray *warnings;    /* NULL-ended */
    MbDigest *inputs;       /* of everything that was read and said, until `verdict` is made */
    uint8_t verdict[MB_SHA256_LENGTH]; /* without the CSV's octets */
    char seed[17]; /* of boundaries: the template file's digest, so that preview and send
        agree whatever their options */
};

struct MmRenderer {
    const MmCampaign *campaign;
    MbComposeHead *head;
    GString *value; /* of the field under way */
    GString *plain, *html, *rewritten;
    GString *calendar, *method;
    GStringChunk *texts;
    GArray *mailboxes;                /* MbComposeMailbox, of the field under way */
    GArray *recipients;               /* MmLedgerRecipient */
    GPtrArray *attachments, *inlines; /* MbComposePart, borrowed from campaign or `files` */
    GHashTable *files;                /* path → MbComposePart, of rows' attachments and images */
    size_t files_octets;
    GString *sender, *message_id;
    const char *from; /* its first address */
    GString *from_domain;
    MbDkimSealer *sealer; /* NULL until something is signed */
    MbWire *wire;
    size_t length; /* of the message, signed */
};

/* --- campaign-files.c --------------------------------------------------------------------- */

/* The file as a part; a Content-ID makes it inline. Errors name the path. */
MbComposePart *campaign_load_part(const char *path, const char *content_id, GBytes **bytes,
                                  GError **error);

/* `path` as seen from `folder`. The caller frees it. */
char *campaign_join(const char *folder, const char *path);

/* The path that a marked value names, below `folder`: no value may climb out of the folder that the
 * template names. NULL without an error: the value is blank. The caller frees it. */
char *campaign_resolve_path(const char *folder, const char *marked, size_t length, GError **error);

/* Calls `take` for each path of a marked value that lists them between commas of the template. */
bool campaign_each_path(const Field *field, const char *marked, size_t length,
                        bool (*take)(const char *marked, size_t length, void *user, GError **error),
                        void *user, GError **error);

/* What an image's path means, below `folder`; NULL, and said, when it leads out. */
char *campaign_image_path(const char *folder, const char *path, GError **error);

/* The Content-ID for an image's path. The caller frees it. */
char *campaign_content_id(const char *path);

/* Reads the suppressions of a file into the set. */
bool campaign_read_suppressed(GHashTable *set, const char *path, const GBytes *bytes,
                              GError **error);

/* --- campaign-rows.c ---------------------------------------------------------------------- */

/* The record as a row of its own; mm_row_free(). */
MmRow *campaign_new_row(const MmCampaign *campaign, const MbCsvRow *record);

/* --- campaign-groups.c -------------------------------------------------------------------- */

/* The next group, the caller's to free. */
MbNext campaign_next_group(const MmCampaign *campaign, MmGroups *groups, MmRow **row,
                           GError **error);

/* Frees what the group has beside its block. */
void campaign_clear_group(MmRow *row);

/* Once all is compiled: notes what is taken of a group's first row, and says whom it goes to. */
void campaign_note_names(MmCampaign *campaign);

/* --- campaign-letter.c -------------------------------------------------------------------- */

/* Compiles the template file into fields and bodies. */
bool campaign_compile(MmCampaign *campaign, const MmCampaignOptions *options, GError **error);

void campaign_field_free(void *field);
void campaign_body_clear(Body *body);

/* Adds to the digest of inputs. */
void campaign_note(MmCampaign *campaign, const void *bytes, size_t length);
GBytes *campaign_read_input(MmCampaign *campaign, const char *path, GError **error);

MbTemplate *campaign_compile_text(const MmCampaign *campaign, const char *source, size_t length,
                                  const char *file, guint line, guint column, MbTemplateMode mode,
                                  GError **error);

/* What a template yields when no row changes it; the constants are --set's. */
bool campaign_render_constant(const MmCampaign *campaign, const MbTemplate *tmpl, GString *out,
                              GError **error);

/* Says what is wrong with a field; false. */
bool campaign_refuse_field(const MmCampaign *campaign, const MmField *field, const char *why,
                           GError **error);

/* --- campaign-contents.c ------------------------------------------------------------------ */

bool campaign_is_blank(const char *text, size_t length);

/* Compiles the bodies that the letter has or names. */
bool campaign_compile_bodies(MmCampaign *campaign, const MmLetter *letter, GError **error);

/* --- campaign-markdown.c ------------------------------------------------------------------ */

/* Appends the source of an HTML document, made of a template in Markdown. */
bool campaign_markdown(const char *text, size_t length, GString *out, GError **error);

/* --- campaign-render.c -------------------------------------------------------------------- */

/* One rendering: what the steps below share. */
typedef struct {
    MmRenderer *renderer;
    const MmCampaign *campaign;
    MbTemplateScope scope;
    const MmRenderOptions *options;
    bool smtputf8;
    unsigned traits; /* MmTraits */
    bool https;      /* in List-Unsubscribe */
    int64_t date;
    size_t n_to;  /* recipients of To */
    bool to_left; /* one of them is not suppressed */
} Rendering;

/* The file as a part, perhaps read for a row before. The renderer's until it is reset. */
MbComposePart *campaign_row_file(MmRenderer *renderer, const char *path, const char *content_id,
                                 GError **error);

void campaign_add_all(GPtrArray *to, const GPtrArray *from);

/* --- campaign-groups.c, too --------------------------------------------------------------- */

/* Whether each row of the group names the same recipients: nobody may be left out for standing in
 * another row than the first. */
bool campaign_rows_agree(const Rendering *rendering, const MmRow *row, GError **error);

/* --- campaign-calendar.c ------------------------------------------------------------------ */

bool campaign_take_calendar(MmCampaign *campaign, const char *path, const char *source,
                            size_t length, GError **error);

/* The part borrows from the renderer. */
bool campaign_render_calendar(Rendering *rendering, MbComposeBody *part, GError **error);

/* --- campaign-sign.c ---------------------------------------------------------------------- */

/* Loads the keys of --dkim. */
bool campaign_read_keys(MmCampaign *campaign, char *const *settings, GError **error);

/* Appends the domain of an address, in ASCII whatever else the address is. */
bool campaign_put_domain(const char *address, GString *out, GError **error);

/* Whether one of the keys signs for a domain that this one belongs to. */
bool campaign_is_aligned(const MmCampaign *campaign, const char *domain);

/* Signs renderer->wire, or counts what that would add; sets renderer->length. */
bool campaign_seal(Rendering *rendering, GError **error);

/* --- campaign-lists.c --------------------------------------------------------------------- */

bool campaign_read_token_key(MmCampaign *campaign, const char *path, GError **error);

/* The source of List-Unsubscribe's value. The caller frees it. */
char *campaign_unsubscribe_source(char *const *urls);

/* Look at a value that is about to be written. */
bool campaign_note_unsubscribe(Rendering *rendering, const char *value, size_t length,
                               GError **error);
bool campaign_note_one_click(Rendering *rendering, const char *value, size_t length,
                             GError **error);

/* Once all fields are written: List-Unsubscribe-Post, where it may stand. */
bool campaign_finish_list(Rendering *rendering, GError **error);

/* Sets renderer->sender. */
bool campaign_choose_sender(Rendering *rendering, GError **error);

/* --- campaign-bodies.c -------------------------------------------------------------------- */

/* Bodies, attachments and the header so far become renderer->wire. */
bool campaign_compose(Rendering *rendering, GError **error);
