#include "fold.h"

#include <mailbatch/mime/address.h>
#include <mailbatch/mime/words.h>
#include <string.h>

size_t mb_address_encode(const char *name, const char *address, size_t column, GString *out)
{
    size_t length = strlen(address);
    MbFold fold = {out, column};

    if (name == NULL || *name == '\0') {
        mb_fold_gap(&fold, "", 0, length);
        mb_fold_append(&fold, address, length);
        return fold.column;
    }
    fold.column = mb_words_encode_phrase(name, strlen(name), column, out);
    mb_fold_gap(&fold, " ", 1, length + 2);
    mb_fold_append(&fold, "<", 1);
    mb_fold_append(&fold, address, length);
    mb_fold_append(&fold, ">", 1);
    return fold.column;
}
