/*
 * Where a password comes from. It is read into one buffer that is wiped, so that no copy of it
 * stays behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <mailbatch/base/digest.h>
#include <mailbatch/login/account.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "internal.h"

#define SECRET_MAX 65536 /* OAuth tokens pass 12 KB */

extern char **environ;

ssize_t mb_login_read(int descriptor, int ended, char *buffer, size_t size)
{
    size_t total = 0;

    while (total < size) {
        bool has_line = memchr(buffer, '\n', total) != NULL;
        struct pollfd entries[2] = {
            {.fd = descriptor, .events = POLLIN},
            {.fd = has_line ? ended : -1, .events = POLLIN},
        };
        ssize_t got;

        if (poll(entries, 2, -1) < 0) {
            if (errno == EINTR)
                continue;
            return -1;
        }
        if (entries[0].revents == 0)
            break;
        got = read(descriptor, buffer + total, size - total);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        total += (size_t)got;
    }
    return (ssize_t)total;
}

/* The first line, as a new string; NULL with an error when that is no password. `buffer` is wiped.
 */
static char *take_first_line(char *buffer, size_t length, const char *source, GError **error)
{
    const char *end = memchr(buffer, '\n', length);
    size_t line = end != NULL ? (size_t)(end - buffer) : length;
    const char *problem = NULL;
    char *password = NULL;

    if (line > 0 && buffer[line - 1] == '\r')
        line--;
    if (line == 0)
        problem = "the first line is empty: the password belongs there";
    else if (line == SECRET_MAX)
        problem = "the first line is too long for a password";
    else if (memchr(buffer, '\0', line) != NULL)
        problem = "a NUL byte stands in the password";
    else
        password = g_strndup(buffer, line);
    mb_wipe(buffer, length);
    if (problem != NULL)
        g_set_error(error, MB_LOGIN_ERROR, MB_ERROR_CONFIG, "%s: %s", source, problem);
    return password;
}

/* *all tells whether everything that was there has been read. */
static char *finish_reading(int descriptor, int ended, const char *source, bool *all,
                            GError **error)
{
    char *buffer = g_malloc(SECRET_MAX);
    ssize_t length = mb_login_read(descriptor, ended, buffer, SECRET_MAX);
    int saved = errno;
    char *password = NULL;

    *all = length < SECRET_MAX;
    if (length < 0)
        g_set_error(error, MB_LOGIN_ERROR, MB_ERROR_CONFIG, "%s: cannot read the password: %s",
                    source, g_strerror(saved));
    else
        password = take_first_line(buffer, (size_t)length, source, error);
    g_free(buffer);
    return password;
}

bool mb_login_is_private(int descriptor, const char *path, GError **error)
{
    struct stat info;

    if (fstat(descriptor, &info) != 0) {
        g_set_error(error, MB_LOGIN_ERROR, MB_ERROR_CONFIG, "%s: cannot read the password: %s",
                    path, g_strerror(errno));
        return false;
    }
    if (S_ISREG(info.st_mode) && (info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        g_set_error(error, MB_LOGIN_ERROR, MB_ERROR_CONFIG,
                    "%s: others can get at the password: run: chmod 600 %s", path, path);
        return false;
    }
    return true;
}

static char *from_file(const char *path, GError **error)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    char *password = NULL;
    bool all;

    if (descriptor < 0) {
        g_set_error(error, MB_LOGIN_ERROR, MB_ERROR_CONFIG, "%s: cannot read the password: %s",
                    path, g_strerror(errno));
        return NULL;
    }
    if (mb_login_is_private(descriptor, path, error))
        password = finish_reading(descriptor, -1, path, &all, error);
    close(descriptor);
    return password;
}

/* A child that begins with SIGPIPE and SIGCHLD as shells expect them, and with nothing blocked. */
static int spawn(pid_t *child, const posix_spawn_file_actions_t *actions, char *const argv[])
{
    posix_spawnattr_t attributes;
    sigset_t signals;
    int code;

    posix_spawnattr_init(&attributes);
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes, &signals);
    sigaddset(&signals, SIGPIPE);
    sigaddset(&signals, SIGCHLD);
    posix_spawnattr_setsigdefault(&attributes, &signals);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    code = posix_spawn(child, "/bin/sh", actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    return code;
}

/* Starts `/bin/sh -c command` with its output in a pipe; 0 or an errno. */
static int start(const char *command, pid_t *child, int *output)
{
    char *const argv[] = {(char *)"sh", (char *)"-c", (char *)command, NULL};
    posix_spawn_file_actions_t actions;
    int ends[2];
    int code;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return errno;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    code = spawn(child, &actions, argv);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (code == 0)
        *output = ends[0];
    else
        close(ends[0]);
    return code;
}

static bool finish(pid_t child, const char *source, GError **error)
{
    int status = 0;
    pid_t done;

    do {
        done = waitpid(child, &status, 0);
    } while (done < 0 && errno == EINTR);
    /* Where SIGCHLD is ignored nobody can tell how it ended: its output decides. */
    if (done < 0 && errno == ECHILD)
        return true;
    if (done == child && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    if (done == child && WIFSIGNALED(status))
        g_set_error(error, MB_LOGIN_ERROR, MB_ERROR_CONFIG,
                    "%s: the command was ended by signal %d", source, WTERMSIG(status));
    else
        g_set_error(error, MB_LOGIN_ERROR, MB_ERROR_CONFIG,
                    "%s: the command failed with exit status %d", source, WEXITSTATUS(status));
    return false;
}

/* The command is never shown: people write secrets into it. */
char *mb_login_command_line(const char *command, const char *source, GError **error)
{
    char *password;
    pid_t child = -1;
    int output = -1;
    int ended;
    int code = start(command, &child, &output);
    g_autoptr(GError) failure = NULL;
    bool all = true;

    if (code != 0) {
        g_set_error(error, MB_LOGIN_ERROR, MB_ERROR_CONFIG, "%s: cannot start the shell: %s",
                    source, g_strerror(code));
        return NULL;
    }
    ended = pidfd_open(child, 0);
    password = finish_reading(output, ended, source, &all, &failure);
    close(output);
    if (ended >= 0)
        close(ended);
    /* Who is still writing when nobody reads any more ends by SIGPIPE: that is our doing. */
    if (!finish(child, source, all ? error : NULL) && all) {
        mb_wipe_free(password);
        return NULL;
    }
    if (password == NULL)
        g_propagate_error(error, g_steal_pointer(&failure));
    return password;
}

static char *from_netrc(const MbAccount *account, const char *identity, GError **error)
{
    g_autoptr(GError) failure = NULL;
    char *password = NULL;

    if (account->netrc != NULL && account->host != NULL && account->user != NULL)
        password = mb_login_netrc_password(account->netrc, account->host, account->user, &failure);
    if (failure != NULL)
        g_propagate_error(error, g_steal_pointer(&failure));
    else if (password == NULL)
        g_set_error(error, MB_LOGIN_ERROR, MB_ERROR_CONFIG,
                    "%s: no password: give --passwordeval or --password-file%s", identity,
                    account->netrc != NULL ? ", or write it into ~/.netrc" : "");
    return password;
}

char *mb_account_password(const MbAccount *account, GError **error)
{
    g_autofree char *identity = mb_account_identity(account);

    if (account->password != NULL)
        return g_strdup(account->password);
    if (account->passwordeval != NULL) {
        g_autofree char *source = g_strdup_printf("passwordeval of %s", identity);

        return mb_login_command_line(account->passwordeval, source, error);
    }
    if (account->password_file != NULL)
        return from_file(account->password_file, error);
    return from_netrc(account, identity, error);
}
