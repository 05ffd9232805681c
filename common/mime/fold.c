#include "fold.h"

#include <mailbatch/base/text.h>
#include <string.h>

void mb_fold_gap(MbFold *fold, const char *gap, size_t gap_length, size_t length)
{
    if (fold->column + gap_length + length > MB_FOLD_COLUMNS && fold->column > 1) {
        if (gap_length > 0) {
            g_string_append(fold->out, "\r\n");
            fold->column = 0;
        } else if (fold->out->len > 0 && fold->out->str[fold->out->len - 1] == ' ') {
            g_string_truncate(fold->out, fold->out->len - 1);
            g_string_append(fold->out, "\r\n ");
            fold->column = 1;
        }
    }
    mb_fold_append(fold, gap, gap_length);
}

void mb_fold_append(MbFold *fold, const char *text, size_t length)
{
    g_string_append_len(fold->out, text, (gssize)length);
    fold->column += length;
}

char *mb_fold_clean(const char *text, size_t length, size_t *clean_length)
{
    g_autofree char *copy = g_malloc(length + 1);
    char *valid;

    for (size_t i = 0; i < length; i++)
        copy[i] = text[i] == '\r' || text[i] == '\n' || text[i] == '\0' ? ' ' : text[i];
    copy[length] = '\0';
    if (mb_text_is_utf8(copy, length, NULL)) {
        *clean_length = length;
        return g_steal_pointer(&copy);
    }
    valid = g_utf8_make_valid(copy, (gssize)length);
    *clean_length = strlen(valid);
    return valid;
}
