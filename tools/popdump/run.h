/*
 * The run's state, shared by its parts: connect.c (dial, TLS, login), converse.c (moving bytes,
 * taking events), run.c (the order of things in a session), sessions.c (whether there is another),
 * look.c (whether a look for more finds anything new), insync.c (whether replies belong to what was
 * asked), heal.c (ids that changed), remove.c (deletion).
 */
#pragma once

#include "fetch.h"
#include "plan.h"
#include "report.h"
#include "transcript.h"
#include <mailbatch/login/secret.h>
#include <mailbatch/net/pump.h>
#include <mailbatch/pop3/session.h>

typedef struct {
    size_t item; /* of the plan */
    uint64_t sequence;
} PdRemoval;

/* Why there is a session. */
typedef enum {
    PD_SESSION_FIRST,
    PD_SESSION_AGAIN,  /* the one before was lost, or refused for now */
    PD_SESSION_DELETE, /* a QUIT every so many deletions */
    PD_SESSION_LOOK,   /* the listing may have left out some */
} PdSessionReason;

typedef struct PdHealing PdHealing; /* heal.c */

/* A message that came, and is shorter than LIST says. */
typedef struct {
    bool open; /* STAT was asked, and says whether it is taken */
    uint64_t size;
    unsigned oddities;
} PdDoubt;

/* The listing that a look for more is compared with. */
typedef struct {
    bool open; /* STAT and UIDL were asked for it */
    bool same_sums, same_last;
    bool useless; /* the session ended at that: it is not asked again */
    uint64_t messages, bytes;
    char *last; /* unique-id of the last message; NULL: the comparison would tell nothing */
} PdLook;

typedef struct {
    const PdFetchOptions *options;
    PdFetchSummary *summary;
    PdArchive *archive; /* NULL: a dry run without an archive */
    PdReport report;
    MbTls *tls;
    MbSecret *secret; /* for all connections of the run */

    /* One connection; pd_run_disconnect() ends it. */
    MbStream *stream;
    MbPop3Session *session;
    MbPump *pump;
    PdTranscript transcript;
    bool want_tls, ready, closed, quit_done;
    bool stopping;          /* a signal came: nothing new is asked */
    bool message_open;      /* between begin_message and end_message of the archive */
    bool message_dropped;   /* what comes of the message at hand is thrown away: too large */
    uint64_t dropped_bytes; /* of it */
    uint64_t cut_at;        /* the message in which the connection ended; 0: in none */
    bool journaled;         /* the session has its record */
    PdPlan *plan;
    bool uidl_refused;
    size_t asked, answered; /* indices into the plan: what RETR was sent for, what came back */
    PdHealing *healing;     /* while ids are compared */
    PdDoubt doubt;
    char *close_code;                /* the response code that ended the session; NULL: none */
    uint64_t fetched, fetched_bytes; /* of this session: handed to the archive */
    uint64_t committed;              /* of `fetched`: known to be safe */
    uint64_t committed_bytes;
    uint64_t session_left, session_deleted;

    /* remove.c */
    GHashTable *accepted; /* message numbers whose DELE was answered by +OK */
    GHashTable *refused;  /* and by -ERR */
    GArray *removals;     /* PdRemoval: this session's, intended */
    GHashTable *tried;    /* unique-ids that this run has dealt with; owned */
    bool want_more;       /* another session has something to delete */
    GHashTable *doubtful; /* unique-ids whose deletion this run does not know the end of; owned */
    GPtrArray *unseen;    /* ids whose first listing nobody knows: from this session on */

    /* sessions.c */
    PdSessionReason reason;
    PdLook look;
    bool listed;        /* this session came as far as its listings */
    GHashTable *left;   /* unique-ids left on the server by this run; owned */
    GHashTable *fresh;  /* those that this run archived; owned */
    uint64_t hidden;    /* listed ones that were known before the run: none may mean a server that
                           lists nothing twice */
    unsigned failures;  /* sessions in a row that brought nothing */
    uint64_t waited_ms; /* between sessions */
    gint64 login_at;    /* of the last login, monotonic microseconds; 0: none yet */
    int login_delay;    /* as the server said last, seconds; -1: it did not */
    unsigned looks;     /* sessions of PD_SESSION_LOOK so far */
    bool expire_told;
    bool one_by_one; /* no message is asked for ahead of another's end any more */
    bool again;      /* this session ended only so that another one goes on */
} PdRun;

/* Fills what is not zero in the beginning; options, summary (and an open archive) are set. */
void pd_run_init(PdRun *run);
void pd_run_clear(PdRun *run);

/* Asks for LIST and UIDL, opens the archive where it is not, and decides about each message. */
bool pd_run_list(PdRun *run, GError **error);

bool pd_run_quit(PdRun *run, GError **error);

/* One session, from dialling to QUIT; what came whole is committed whatever happens. */
bool pd_run_session(PdRun *run, GError **error);

/* All sessions of a run. */
bool pd_run_sessions(PdRun *run, GError **error);

/* Decides again about the messages listed, and begins with the first that is to be fetched. */
void pd_run_decide(PdRun *run);

/* Compares the listing with what the archive expects (absence.h); when most of it is gone, heals
 * and sets summary->held. In a dry run only tells. */
bool pd_heal(PdRun *run, GError **error);

/* look.c: servers that list a part of the mailbox list nothing twice, so that messages, octets and
 * the last unique-id of a part that follows are not all the same. */

/* Keeps what the next look is compared with; before the listing is forgotten. */
void pd_look_remember(PdRun *run);

/* In a session that only looks for more: whether it lists what the one before did. *same is false
 * where the server does not say. */
bool pd_look(PdRun *run, bool *same, GError **error);

/* True for an answer that pd_look() waits for. */
bool pd_look_event(PdRun *run, const MbPop3Event *event);

/* insync.c: a server that lets a message's line of one dot through as it is makes the rest of that
 * message stand for the replies to come: the next messages would be archived under each other's
 * unique-ids. Such a message comes shorter than LIST says. */

/* Whether a message of `size` octets may have been cut by a line of its own. */
bool pd_sync_doubts(const PdItem *item, uint64_t size);

/* Asks STAT, whose answer no message can know, before the message is taken; where others were asked
 * for ahead, ends the session (false) for one that asks one by one. */
bool pd_sync_ask(PdRun *run, const MbPop3Event *event, GError **error);

/* What came instead of STAT's answer or as it: takes the message, or leaves it on the server and
 * ends the session (false). */
bool pd_sync_answer(PdRun *run, const MbPop3Event *event, GError **error);

/* An event while run->healing is set. */
bool pd_heal_event(PdRun *run, const MbPop3Event *event, GError **error);

/* Dials, secures, logs in; once more where a token was refused and a newer one is to be had. */
bool pd_run_connect(PdRun *run, GError **error);
void pd_run_disconnect(PdRun *run);

/* Moves bytes once and takes what events there are. False when the session ended badly or the
 * archive failed; true with `closed` set when it ended well. */
bool pd_run_step(PdRun *run, GError **error);

/* Until everything that was asked is answered. */
bool pd_run_settle(PdRun *run, GError **error);

/* The first item of the plan from `index` on that is to be fetched; its length when there is none.
 */
size_t pd_run_next_item(const PdRun *run, size_t index);

/* The message stays on the server: reported, counted, and not asked for again by this run. */
void pd_run_leave(PdRun *run, const PdItem *item, const char *why, const char *text);

/* The message that came, `size` octets of it, goes into the archive. */
bool pd_run_keep(PdRun *run, uint64_t size, unsigned oddities, GError **error);

/* The item whose message comes, or came last. */
PdItem *pd_run_item(const PdRun *run);

/* Commits, and reports what is safe now. `force` false: only when a batch is due. */
bool pd_run_commit(PdRun *run, bool force, GError **error);

/* Proves what may be deleted, at most a session's share, writes the intents and asks for DELE. */
bool pd_remove_ask(PdRun *run, GError **error);

/* What QUIT's answer, or its absence, made of it. */
bool pd_remove_record(PdRun *run, GError **error);

/* What earlier sessions of this run left in doubt is clear once there is another listing. */
void pd_remove_settle(PdRun *run);

/* For a dry run. */
bool pd_remove_tell(PdRun *run, GError **error);
