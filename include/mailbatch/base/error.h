/*
 * Errors and exit codes.
 *
 * Every module has an error domain of its own (MB_SMTP_ERROR, …) and all domains share the codes
 * below, so that one table, here, maps any error to the exit status of sysexits.h. The first to
 * detect an error writes its message in the user's terms: `object: problem: detail`, lower case,
 * no full stop; text from a peer or a file goes through mb_text_printable() first.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What every iterator of the library returns. MB_FAILED comes with a GError. */
typedef enum {
    MB_FAILED = -1,
    MB_END = 0,
    MB_NEXT = 1,
} MbNext;

/* The codes of every error domain: what the user has to do something about. */
typedef enum {
    MB_ERROR_USAGE,         /* the command line makes no sense */
    MB_ERROR_DATA,          /* an input file's content is wrong */
    MB_ERROR_NO_INPUT,      /* an input file cannot be read */
    MB_ERROR_UNAVAILABLE,   /* a server cannot be reached, or does not offer what is required */
    MB_ERROR_INTERNAL,      /* our own bug */
    MB_ERROR_CANNOT_CREATE, /* an output file cannot be made */
    MB_ERROR_IO,            /* reading or writing failed half-way */
    MB_ERROR_TEMPORARY,     /* trying again later may help */
    MB_ERROR_PROTOCOL,      /* the peer broke its protocol */
    MB_ERROR_LOGIN,         /* the login was refused */
    MB_ERROR_CONFIG,        /* a setting is wrong, or a certificate is not to be trusted */
} MbErrorCode;

/* Exit statuses. 64 and up are those of sysexits.h. */
typedef enum {
    MB_EXIT_OK = 0,
    MB_EXIT_DEFECTS = 1,      /* mparse: defects of weight warn or error */
    MB_EXIT_PARTIAL = 2,      /* mparse: a limit was hit, or an item could not be read */
    MB_EXIT_LEFT_BEHIND = 10, /* finished, but some were refused (mmerge) or left (popdump) */
    MB_EXIT_USAGE = 64,
    MB_EXIT_DATA = 65,
    MB_EXIT_NO_INPUT = 66,
    MB_EXIT_UNAVAILABLE = 69,
    MB_EXIT_INTERNAL = 70,
    MB_EXIT_CANNOT_CREATE = 73,
    MB_EXIT_IO = 74,
    MB_EXIT_TEMPORARY = 75,
    MB_EXIT_PROTOCOL = 76,
    MB_EXIT_LOGIN = 77,
    MB_EXIT_CONFIG = 78,
} MbExit;

/* The exit status for `error`, of whichever of our domains; errors of GLib's own domains
 * (GFileError, GOptionError, …) are mapped too; NULL gives MB_EXIT_OK; anything unknown
 * MB_EXIT_INTERNAL. */
MbExit mb_exit_of(const GError *error);

/* The code that fits a failed system call: ENOENT, EACCES, … on input give MB_ERROR_NO_INPUT;
 * ENOSPC, EDQUOT, EIO, … MB_ERROR_IO; EAGAIN, EMFILE, … MB_ERROR_TEMPORARY. */
MbErrorCode mb_code_of_errno(int saved_errno);

/* Defines name_quark(), an error domain. Not G_DEFINE_QUARK: its unlocked cache is a race that
 * ThreadSanitizer reports. */
#define MB_DEFINE_QUARK(name)                                                                      \
    GQuark name##_quark(void)                                                                      \
    {                                                                                              \
        return g_quark_from_static_string(#name);                                                  \
    }

/* The domain of errors found by base itself. */
#define MB_BASE_ERROR (mb_base_error_quark())
GQuark mb_base_error_quark(void);

G_END_DECLS
