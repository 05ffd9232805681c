/*
 * Command lines: GOptionContext with the house rules around it. `--help` and `--version` print on
 * stdout and end the run with 0; a wrong command line prints one line and a hint on stderr and ends
 * it with 64.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

typedef struct {
    const char *name;     /* "send" */
    const char *operands; /* "TEMPLATE CSV" */
    const char *summary;  /* one line */
    /* Runs the command with what follows its name; argv[0] is "tool command". Returns the exit
     * status. */
    int (*run)(int argc, char **argv);
} MbCommand;

/* A tool made of commands. `commands` ends with a NULL name. `description` stands below the list in
 * --help. Returns the exit status. */
int mb_command_main(int argc, char **argv, const char *tool, const char *version,
                    const char *description, const MbCommand *commands);

typedef enum {
    MB_PARSED_RUN,   /* go on */
    MB_PARSED_DONE,  /* --help or --version was answered: exit 0 */
    MB_PARSED_USAGE, /* said on stderr: exit 64 */
} MbParsed;

/* Parses and removes options from argv. `operands` is shown in --help. `min` and `max` bound
 * the number of operands left in argv[1…] (max -1: no bound). `tool` is as in "mmerge send". */
MbParsed mb_option_parse(int *argc, char ***argv, const char *tool, const char *version,
                         const char *operands, const char *summary, const char *description,
                         const GOptionEntry *entries, int min, int max);

/* Says a usage error found later, with the hint, and returns 64. */
int mb_option_usage(const char *tool, const char *format, ...) G_GNUC_PRINTF(2, 3);

G_END_DECLS
