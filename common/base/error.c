#include <errno.h>
#include <mailbatch/base/error.h>

MB_DEFINE_QUARK(mb_base_error)

static const MbExit exit_of_code[] = {
    [MB_ERROR_USAGE] = MB_EXIT_USAGE,
    [MB_ERROR_DATA] = MB_EXIT_DATA,
    [MB_ERROR_NO_INPUT] = MB_EXIT_NO_INPUT,
    [MB_ERROR_UNAVAILABLE] = MB_EXIT_UNAVAILABLE,
    [MB_ERROR_INTERNAL] = MB_EXIT_INTERNAL,
    [MB_ERROR_CANNOT_CREATE] = MB_EXIT_CANNOT_CREATE,
    [MB_ERROR_IO] = MB_EXIT_IO,
    [MB_ERROR_TEMPORARY] = MB_EXIT_TEMPORARY,
    [MB_ERROR_PROTOCOL] = MB_EXIT_PROTOCOL,
    [MB_ERROR_LOGIN] = MB_EXIT_LOGIN,
    [MB_ERROR_CONFIG] = MB_EXIT_CONFIG,
};

MbErrorCode mb_code_of_errno(int saved_errno)
{
    switch (saved_errno) {
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case EACCES:
    case EPERM:
    case ELOOP:
    case ENAMETOOLONG: return MB_ERROR_NO_INPUT;
    case EAGAIN:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EBUSY: return MB_ERROR_TEMPORARY;
    default: return MB_ERROR_IO;
    }
}

static MbExit exit_of_file_error(int code)
{
    switch (code) {
    case G_FILE_ERROR_NOENT:
    case G_FILE_ERROR_NOTDIR:
    case G_FILE_ERROR_ISDIR:
    case G_FILE_ERROR_ACCES:
    case G_FILE_ERROR_PERM:
    case G_FILE_ERROR_LOOP:
    case G_FILE_ERROR_NAMETOOLONG: return MB_EXIT_NO_INPUT;
    case G_FILE_ERROR_AGAIN:
    case G_FILE_ERROR_MFILE:
    case G_FILE_ERROR_NFILE:
    case G_FILE_ERROR_NOMEM: return MB_EXIT_TEMPORARY;
    default: return MB_EXIT_IO;
    }
}

MbExit mb_exit_of(const GError *error)
{
    if (error == NULL)
        return MB_EXIT_OK;
    if (error->domain == G_OPTION_ERROR)
        return MB_EXIT_USAGE;
    if (error->domain == G_FILE_ERROR)
        return exit_of_file_error(error->code);
    if (error->domain == G_CONVERT_ERROR)
        return MB_EXIT_DATA;
    /* All other domains of GLib's; ours are the modules' and the tools'. */
    if (g_str_has_prefix(g_quark_to_string(error->domain), "g-"))
        return MB_EXIT_INTERNAL;
    if (error->code < 0 || (gsize)error->code >= G_N_ELEMENTS(exit_of_code))
        return MB_EXIT_INTERNAL;
    return exit_of_code[error->code];
}
