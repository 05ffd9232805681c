#include "rows.h"

#include <mailbatch/base/text.h>
#include <string.h>

/* A row is its table's number and its cells; a cell is its kind, and a number or a length with the
 * bytes. A row ends where another begins: tables are told from kinds by this bit. */
#define ROW 0x80

void mp_row_begin(GString *out, MpTable table)
{
    g_string_append_c(out, (char)(ROW | table));
}

void mp_row_null(GString *out)
{
    g_string_append_c(out, MP_CELL_NULL);
}

static void put_number(GString *out, MpCellKind kind, int64_t value)
{
    g_string_append_c(out, (char)kind);
    g_string_append_len(out, (const char *)&value, sizeof(value));
}

void mp_row_int(GString *out, int64_t value)
{
    put_number(out, MP_CELL_INT, value);
}

void mp_row_blob(GString *out, const void *bytes, size_t length)
{
    put_number(out, MP_CELL_BLOB, (int64_t)length);
    g_string_append_len(out, bytes, (gssize)length);
}

void mp_row_bytes(GString *out, const void *bytes, size_t length)
{
    g_autofree char *valid = NULL;

    if (!mb_text_is_utf8(bytes, length, NULL) || memchr(bytes, 0, length) != NULL) {
        valid = g_utf8_make_valid(bytes, (gssize)length);
        bytes = valid;
        length = strlen(valid);
    }
    put_number(out, MP_CELL_TEXT, (int64_t)length);
    g_string_append_len(out, bytes, (gssize)length);
    g_string_append_c(out, '\0');
}

void mp_row_text(GString *out, const char *text)
{
    if (text != NULL)
        mp_row_bytes(out, text, strlen(text));
    else
        mp_row_null(out);
}

bool mp_row_next(const char *rows, size_t length, size_t *at, MpTable *table)
{
    if (*at == length)
        return false;
    *table = (MpTable)((uint8_t)rows[(*at)++] & ~ROW);
    return true;
}

MpCell mp_row_cell(const char *rows, size_t length, size_t *at)
{
    MpCell cell = {.kind = MP_CELL_END};

    if (*at == length || ((uint8_t)rows[*at] & ROW) != 0)
        return cell;
    cell.kind = (MpCellKind)rows[(*at)++];
    if (cell.kind == MP_CELL_NULL)
        return cell;
    memcpy(&cell.number, rows + *at, sizeof(cell.number));
    *at += sizeof(cell.number);
    if (cell.kind == MP_CELL_INT)
        return cell;
    cell.bytes = rows + *at;
    cell.length = (size_t)cell.number;
    *at += cell.length + (cell.kind == MP_CELL_TEXT);
    return cell;
}
