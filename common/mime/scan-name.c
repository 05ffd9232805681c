/* Names of header fields. */
#include "scan-private.h"

#include <mailbatch/base/lanes.h>
#include <string.h>

/* Where a name ends, or `end`. */
static size_t name_end_at(const uint8_t *bytes, size_t at, size_t end)
{
    for (; at < end; at += MB_LANES) {
        size_t left = end - at;
        MbLanes block = mb_lanes_load_some(bytes + at, left);
        MbLanes ends = (MbLanes)((block == ':') | (block == ' ') | (block - '\t' <= '\r' - '\t'));

        if (mb_lanes_any(ends))
            return at + mb_lanes_first(ends);
    }
    return end;
}

/* Names are tokens; control and 8-bit bytes are let in and noted. */
ScanVerdict scan_name_at(MbScan *scan, size_t at, size_t *name_length, size_t *value)
{
    size_t end = MIN(scan->length, at + MB_SCAN_NAME_MAX);
    size_t name_end = name_end_at(scan->bytes, at, end);
    size_t i = name_end;

    while (i < end && scan_is_blank(scan->bytes[i]))
        i++;
    scan->steps += 1 + (i - at) / 4;
    if (i == at + MB_SCAN_NAME_MAX)
        return SCAN_NO;
    if (i == scan->length)
        return scan->is_final ? SCAN_NO : SCAN_MORE;
    if (scan->bytes[i] != ':' || name_end == at)
        return SCAN_NO;
    *name_length = name_end - at;
    *value = i + 1;
    return SCAN_YES;
}

MbFieldKind scan_name_kind(const uint8_t *name, size_t length)
{
    static const struct {
        const char *name;
        size_t length;
        MbFieldKind kind;
    } known[] = {
        {"content-type", 12, MB_FIELD_CONTENT_TYPE},
        {"content-transfer-encoding", 25, MB_FIELD_CONTENT_ENCODING},
        {"content-disposition", 19, MB_FIELD_CONTENT_DISPOSITION},
        {"content-id", 10, MB_FIELD_CONTENT_ID},
        {"content-length", 14, MB_FIELD_CONTENT_LENGTH},
    };

    if (length < 10 || (name[0] | 0x20) != 'c')
        return MB_FIELD_OTHER;
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        if (known[i].length == length &&
            g_ascii_strncasecmp((const char *)name, known[i].name, length) == 0)
            return known[i].kind;
    }
    return MB_FIELD_OTHER;
}

bool scan_name_is_well_known(const uint8_t *bytes, size_t length)
{
    static const char *const prefixes[] = {"content-", "x-", "resent-", "list-", "mime-"};
    static const char *const names[] = {
        "from",   "to",         "cc",       "bcc",      "subject",     "date",       "message-id",
        "sender", "references", "received", "reply-to", "return-path", "in-reply-to"};
    const char *name = (const char *)bytes;

    for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        if (length > strlen(prefixes[i]) &&
            g_ascii_strncasecmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (length == strlen(names[i]) && g_ascii_strncasecmp(name, names[i], length) == 0)
            return true;
    }
    return false;
}
