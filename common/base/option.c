#include <mailbatch/base/error.h>
#include <mailbatch/base/option.h>
#include <mailbatch/base/text.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int say_usage(const char *tool, const char *problem)
{
    fprintf(stderr, "%s: %s\nTry '%s --help'.\n", tool, problem, tool);
    return MB_EXIT_USAGE;
}

int mb_option_usage(const char *tool, const char *format, ...)
{
    g_autofree char *problem = NULL;
    va_list arguments;

    va_start(arguments, format);
    problem = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    return say_usage(tool, problem);
}

static void print_version(const char *tool, const char *version)
{
    /* "mmerge send" is still mmerge. */
    printf("%.*s (mailbatch) %s\n", (int)strcspn(tool, " "), tool, version);
}

/* Of a terminal: an ellipsis takes one, and three octets. */
static int columns(const MbCommand *command)
{
    return (int)(g_utf8_strlen(command->name, -1) + g_utf8_strlen(command->operands, -1));
}

static void print_commands(const char *tool, const char *description, const MbCommand *commands)
{
    int width = 0;

    for (const MbCommand *command = commands; command->name != NULL; command++)
        width = MAX(width, columns(command));
    printf("Usage: %s COMMAND [OPTION…] …\n\n", tool);
    for (const MbCommand *command = commands; command->name != NULL; command++) {
        printf("  %s %s%*s  %s\n", command->name, command->operands, width - columns(command), "",
               command->summary);
    }
    printf("\n%s\n", description);
}

static int say_no_command(const char *tool, const char *name, const MbCommand *commands)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autofree char *shown = mb_text_printable(name, strlen(name));
    const char *near;

    for (const MbCommand *command = commands; command->name != NULL; command++)
        g_ptr_array_add(names, (char *)command->name);
    near = mb_text_nearest(name, (const char *const *)names->pdata, names->len);
    if (near == NULL)
        return mb_option_usage(tool, "%s: no such command", shown);
    return mb_option_usage(tool, "%s: no such command: did you mean %s?", shown, near);
}

int mb_command_main(int argc, char **argv, const char *tool, const char *version,
                    const char *description, const MbCommand *commands)
{
    const char *name = argc > 1 ? argv[1] : NULL;

    if (name == NULL)
        return say_usage(tool, "no command given");
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_commands(tool, description, commands);
        return MB_EXIT_OK;
    }
    if (strcmp(name, "--version") == 0) {
        print_version(tool, version);
        return MB_EXIT_OK;
    }
    for (const MbCommand *command = commands; command->name != NULL; command++) {
        if (strcmp(name, command->name) == 0)
            return command->run(argc - 1, argv + 1);
    }
    return say_no_command(tool, name, commands);
}

static MbParsed print_help(GOptionContext *context)
{
    g_autofree char *help = g_option_context_get_help(context, TRUE, NULL);

    fputs(help, stdout);
    return MB_PARSED_DONE;
}

/* GLib's message ends in the option's name. */
static void say_wrong_option(const char *tool, const GError *error, const GOptionEntry *entries)
{
    const char *name = g_strrstr(error->message, " --");
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    const char *near;

    for (const GOptionEntry *entry = entries; entry->long_name != NULL; entry++)
        g_ptr_array_add(names, (char *)entry->long_name);
    near = g_error_matches(error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION) && name != NULL
               ? mb_text_nearest(name + 3, (const char *const *)names->pdata, names->len)
               : NULL;
    if (near != NULL)
        mb_option_usage(tool, "%s: did you mean --%s?", error->message, near);
    else
        say_usage(tool, error->message);
}

MbParsed mb_option_parse(int *argc, char ***argv, const char *tool, const char *version,
                         const char *operands, const char *summary, const char *description,
                         const GOptionEntry *entries, int min, int max)
{
    gboolean help = FALSE;
    gboolean show_version = FALSE;
    const GOptionEntry own[] = {
        {"help", 'h', 0, G_OPTION_ARG_NONE, &help, "Show this help", NULL},
        {"version", 0, 0, G_OPTION_ARG_NONE, &show_version, "Show the version", NULL},
        G_OPTION_ENTRY_NULL,
    };
    g_autoptr(GOptionContext) context = g_option_context_new(operands);
    g_autoptr(GError) error = NULL;

    g_set_prgname(tool);
    g_option_context_set_help_enabled(context, FALSE);
    g_option_context_set_summary(context, summary);
    g_option_context_set_description(context, description);
    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_add_main_entries(context, own, NULL);
    if (!g_option_context_parse(context, argc, argv, &error)) {
        say_wrong_option(tool, error, entries);
        return MB_PARSED_USAGE;
    }
    if (help)
        return print_help(context);
    if (show_version) {
        print_version(tool, version);
        return MB_PARSED_DONE;
    }
    if (*argc > 1 && strcmp((*argv)[1], "--") == 0) {
        memmove(*argv + 1, *argv + 2, (gsize)(*argc - 1) * sizeof **argv);
        (*argc)--;
    }
    if (*argc - 1 < min || (max >= 0 && *argc - 1 > max)) {
        mb_option_usage(tool, *argc - 1 < min ? "too few operands: %s" : "too many operands: %s",
                        operands);
        return MB_PARSED_USAGE;
    }
    return MB_PARSED_RUN;
}
