#include "server.h"
#include "settings.h"

#include <mailbatch/base/file.h>
#include <mailbatch/base/log.h>
#include <mailbatch/base/option.h>
#include <mailbatch/base/text.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static MsSettings settings;

static const GOptionEntry entries[] = {
    {"smtp", 0, 0, G_OPTION_ARG_STRING_ARRAY, &settings.doors[MS_SMTP][0],
     "Take mail there; port 0 is a free one", "ADDR:PORT"},
    {"smtps", 0, 0, G_OPTION_ARG_STRING_ARRAY, &settings.doors[MS_SMTP][1],
     "Take mail there, TLS from the first octet", "ADDR:PORT"},
    {"pop3", 0, 0, G_OPTION_ARG_STRING_ARRAY, &settings.doors[MS_POP3][0], "Hand mail out there",
     "ADDR:PORT"},
    {"pop3s", 0, 0, G_OPTION_ARG_STRING_ARRAY, &settings.doors[MS_POP3][1],
     "Hand mail out there, TLS from the first octet", "ADDR:PORT"},
    {"cert", 0, 0, G_OPTION_ARG_FILENAME, &settings.certificate,
     "The certificate chain, PEM (one of its own)", "FILE"},
    {"key", 0, 0, G_OPTION_ARG_FILENAME, &settings.key, "Its key, PEM", "FILE"},
    {"user", 0, 0, G_OPTION_ARG_STRING_ARRAY, &settings.users,
     "Who may log in (anybody); may be repeated", "NAME:PASSWORD"},
    {"store", 0, 0, G_OPTION_ARG_FILENAME, &settings.store, "Keep mail in a folder (in memory)",
     "DIR"},
    {"discard", 0, 0, G_OPTION_ARG_NONE, &settings.discard, "Keep no mail", NULL},
    {"delay", 0, 0, G_OPTION_ARG_INT, &settings.delay_ms, "Be so far away: hold every reply back",
     "MS"},
    {"fault", 0, 0, G_OPTION_ARG_STRING_ARRAY, &settings.faults,
     "What goes wrong at which command: a file, or the script itself", "SCRIPT"},
    {"hide", 0, 0, G_OPTION_ARG_STRING, &settings.hide,
     "Do not offer these, as in PIPELINING,CHUNKING", "NAMES"},
    {"max-size", 0, 0, G_OPTION_ARG_STRING, &settings.max_size, "Refuse longer messages", "SIZE"},
    {"ready-file", 0, 0, G_OPTION_ARG_FILENAME, &settings.ready_file,
     "Write the addresses there once everything listens", "FILE"},
    {"quiet", 'q', 0, G_OPTION_ARG_NONE, &settings.quiet, "Say errors only", NULL},
    G_OPTION_ENTRY_NULL,
};

static void complain(const char *text)
{
    mb_log_warning("%s", text);
}

/* Where a certificate made here is written for clients to trust; NULL when there is no place. */
static char *certificate_path(void)
{
    if (settings.store != NULL)
        return g_build_filename(settings.store, "cert.pem", NULL);
    if (settings.ready_file != NULL)
        return g_strconcat(settings.ready_file, ".cert.pem", NULL);
    return NULL;
}

/* *trust is the file that clients trust, NULL when there is none; the caller frees it. */
static MbTls *open_tls(char **trust, GError **error)
{
    g_autofree char *pem = NULL;
    g_autofree char *path = NULL;
    g_autoptr(MbTls) tls = NULL;

    if (settings.certificate != NULL) {
        *trust = g_canonicalize_filename(settings.certificate, NULL);
        return mb_tls_server_new(settings.certificate, settings.key, error);
    }
    path = certificate_path();
    tls = mb_tls_server_new_self_signed(&pem, error);
    if (tls == NULL || (path != NULL && !mb_file_replace(path, pem, strlen(pem), 0644, error)))
        return NULL;
    if (path != NULL)
        *trust = g_canonicalize_filename(path, NULL);
    return g_steal_pointer(&tls);
}

static MsStore *open_store(GError **error)
{
    if (settings.discard)
        return ms_store_new_discard();
    return settings.store != NULL ? ms_store_open(settings.store, error) : ms_store_new_memory();
}

static bool is_any_door_named(void)
{
    return settings.doors[MS_SMTP][0] != NULL || settings.doors[MS_SMTP][1] != NULL ||
           settings.doors[MS_POP3][0] != NULL || settings.doors[MS_POP3][1] != NULL;
}

/* Opens the doors that are named, or all four on free ports; adds a line each to `ready`. */
static bool open_doors(MsServer *server, GString *ready, GError **error)
{
    static char *any[] = {(char *)"127.0.0.1:0", NULL};
    bool named = is_any_door_named();

    for (int i = 0; i < MS_PROTOCOLS * 2; i++) {
        MsProtocol protocol = i / 2 == 0 ? MS_SMTP : MS_POP3;
        bool tls_first = i % 2 == 1;
        char **addresses = named ? settings.doors[protocol][i % 2] : any;

        for (; addresses != NULL && *addresses != NULL; addresses++) {
            const char *bound = NULL;

            if (!ms_server_listen(server, protocol, tls_first, *addresses, &bound, error))
                return false;
            g_string_append_printf(ready, "%s=%s\n", ms_door_name(protocol, tls_first), bound);
        }
    }
    return true;
}

static int catch_signals(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    return signalfd(-1, &signals, SFD_CLOEXEC);
}

static void report(const MsHouse *house)
{
    g_autofree char *size = mb_text_format_size(ms_store_accepted_octets(house->store));

    if (!settings.quiet)
        g_printerr("mailsink: %" G_GUINT64_FORMAT " messages taken (%s) over %" G_GUINT64_FORMAT
                   " connections\n",
                   ms_store_accepted(house->store), size, house->connections);
}

static bool run(MsHouse *house, GError **error)
{
    g_autoptr(GString) ready = g_string_new(NULL);
    g_autoptr(MbTls) tls = NULL;
    g_autoptr(MsServer) server = NULL;
    g_autofree char *trust = NULL;
    int stop = catch_signals();
    bool served;

    house->store = open_store(error);
    if (house->store == NULL)
        return false;
    tls = open_tls(&trust, error);
    if (tls == NULL)
        return false;
    server = ms_server_new(house, tls, (guint)settings.delay_ms, error);
    if (server == NULL || !open_doors(server, ready, error))
        return false;
    if (trust != NULL)
        g_string_append_printf(ready, "cert=%s\n", trust);
    if (settings.ready_file != NULL &&
        !mb_file_replace(settings.ready_file, ready->str, ready->len, 0644, error))
        return false;
    if (!settings.quiet) {
        fputs(ready->str, stdout);
        fflush(stdout);
    }
    served = ms_server_run(server, stop, error);
    close(stop);
    return served;
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    MsHouse house = {.complain = complain};
    MbParsed parsed;
    int status = MB_EXIT_OK;

    mb_log_init("mailsink");
    parsed = mb_option_parse(&argc, &argv, "mailsink", MAILBATCH_VERSION, "",
                             "a local SMTP and POP3 server for trials and tests",
                             "Takes every recipient, and hands out by POP3 what came in by SMTP.\n"
                             "Without a door named, all four open on free ports of 127.0.0.1.",
                             entries, 0, 0);
    if (parsed != MB_PARSED_RUN)
        return parsed == MB_PARSED_DONE ? MB_EXIT_OK : MB_EXIT_USAGE;
    if (settings.quiet)
        mb_log_set_level(MB_LOG_QUIET);
    if (!ms_settings_apply(&settings, &house, &error))
        status = error->code == MB_ERROR_USAGE ? mb_option_usage("mailsink", "%s", error->message)
                                               : mb_log_fail(error);
    else if (!run(&house, &error))
        status = mb_log_fail(error);
    else
        report(&house);
    ms_house_clear(&house);
    ms_settings_clear(&settings);
    return status;
}
