#include "terminal.h"

#include <mailbatch/base/error.h>
#include <mailbatch/base/log.h>

static const char *tool_name = "mailbatch";
static int level = MB_LOG_NORMAL;
static _Thread_local const char *label;

void mb_log_init(const char *tool)
{
    tool_name = tool;
}

void mb_log_set_label(const char *new_label)
{
    label = new_label;
}

void mb_log_set_level(MbLogLevel new_level)
{
    g_atomic_int_set(&level, new_level);
}

MbLogLevel mb_log_level(void)
{
    return (MbLogLevel)g_atomic_int_get(&level);
}

static void write_line(const char *prefix, const char *format, va_list arguments)
    G_GNUC_PRINTF(2, 0);

static void write_line(const char *prefix, const char *format, va_list arguments)
{
    g_autoptr(GString) line = g_string_new(tool_name);

    g_string_append(line, ": ");
    if (label != NULL)
        g_string_append_printf(line, "%s: ", label);
    g_string_append(line, prefix);
    g_string_append_vprintf(line, format, arguments);
    g_string_append_c(line, '\n');
    mb_terminal_write_line(line->str);
}

void mb_log_error(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    write_line("", format, arguments);
    va_end(arguments);
}

void mb_log_warning(const char *format, ...)
{
    va_list arguments;

    if (mb_log_level() < MB_LOG_NORMAL)
        return;
    va_start(arguments, format);
    write_line("warning: ", format, arguments);
    va_end(arguments);
}

void mb_log_note(const char *format, ...)
{
    va_list arguments;

    if (mb_log_level() < MB_LOG_VERBOSE)
        return;
    va_start(arguments, format);
    write_line("", format, arguments);
    va_end(arguments);
}

int mb_log_fail(const GError *error)
{
    mb_log_error("%s", error->message);
    return (int)mb_exit_of(error);
}
