#include "transcript.h"

#include <errno.h>
#include <fcntl.h>
#include <mailbatch/base/file.h>
#include <mailbatch/base/text.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct MmTranscript {
    pthread_mutex_t lock;
    FILE *file;
    char *path;
    bool numbered;
};

MmTranscript *mm_transcript_open(const char *path, bool numbered, GError **error)
{
    MmTranscript *transcript;
    int descriptor = strcmp(path, "-") == 0
                         ? dup(STDERR_FILENO)
                         : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *file = descriptor >= 0 ? fdopen(descriptor, "w") : NULL;

    if (file == NULL) {
        g_set_error(error, MB_BASE_ERROR, MB_ERROR_CANNOT_CREATE, "%s: cannot be made: %s", path,
                    g_strerror(errno));
        if (descriptor >= 0)
            close(descriptor);
        return NULL;
    }
    transcript = g_new0(MmTranscript, 1);
    pthread_mutex_init(&transcript->lock, NULL);
    transcript->file = file;
    transcript->path = g_strdup(path);
    transcript->numbered = numbered;
    return transcript;
}

bool mm_transcript_close(MmTranscript *transcript, GError **error)
{
    bool good = true;

    if (transcript == NULL)
        return true;
    if (fflush(transcript->file) != 0 || ferror(transcript->file)) {
        mb_file_set_error(error, transcript->path, "cannot be written", errno);
        good = false;
    }
    fclose(transcript->file);
    pthread_mutex_destroy(&transcript->lock);
    g_free(transcript->path);
    g_free(transcript);
    return good;
}

static void put(MmTranscript *transcript, unsigned connection, const char *mark, const char *text)
{
    pthread_mutex_lock(&transcript->lock);
    if (transcript->numbered)
        fprintf(transcript->file, "%u ", connection);
    fprintf(transcript->file, "%s %s\n", mark, text);
    fflush(transcript->file);
    pthread_mutex_unlock(&transcript->lock);
}

void mm_transcript_note(MmTranscript *transcript, unsigned connection, const char *format, ...)
{
    va_list arguments;
    g_autofree char *text = NULL;

    if (transcript == NULL)
        return;
    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    put(transcript, connection, "===", text);
}

void mm_transcript_line(MmTranscript *transcript, unsigned connection, bool tls, char direction,
                        const char *line, size_t length)
{
    g_autofree char *text = NULL;
    bool refusal = direction == '<' && length > 0 && (line[0] == '4' || line[0] == '5');

    if (transcript == NULL)
        return;
    text = mb_text_printable(line, length);
    if (direction == '>')
        put(transcript, connection, tls ? " ~>" : " ->", text);
    else if (refusal)
        put(transcript, connection, tls ? "<~*" : "<**", text);
    else
        put(transcript, connection, tls ? "<~ " : "<- ", text);
}
