#include "manifest.h"

#include <mailbatch/base/json.h>
#include <mailbatch/base/text.h>
#include <string.h>

static void put_oddities(MbJson *json, unsigned oddities)
{
    const char *name;

    mb_json_key(json, "oddities");
    mb_json_begin_array(json);
    for (unsigned bit = 0; (name = pd_oddity_name(bit)) != NULL; bit++) {
        if ((oddities & 1U << bit) != 0)
            mb_json_string(json, name);
    }
    mb_json_end_array(json);
}

static void put_uidl(MbJson *json, const PdMember *member)
{
    size_t length = strlen(member->uidl);

    mb_json_put_bytes(json, "uidl", member->uidl, length);
    if (!mb_text_is_utf8(member->uidl, length, NULL)) {
        mb_json_key(json, "uidl_base64");
        mb_json_base64(json, member->uidl, length);
    }
    if (member->uidl_repeated)
        mb_json_put_bool(json, "uidl_repeated", true);
}

void pd_manifest_append(GString *out, const PdMember *member)
{
    g_autofree char *digest = mb_text_hex(member->sha256, sizeof(member->sha256));
    char path[PD_MEMBER_PATH_MAX];
    MbJson json;

    pd_member_path(member, path);
    mb_json_init(&json, out);
    mb_json_begin_map(&json);
    mb_json_put_unsigned(&json, "sequence", member->sequence);
    mb_json_put_string(&json, "member", path);
    mb_json_put_unsigned(&json, "header", member->offset);
    mb_json_put_unsigned(&json, "offset", member->data);
    mb_json_put_unsigned(&json, "length", member->size);
    mb_json_put_string(&json, "sha256", digest);
    if (member->uidl != NULL)
        put_uidl(&json, member);
    if (member->has_server_size)
        mb_json_put_unsigned(&json, "server_size", member->server_size);
    if (member->oddities != 0)
        put_oddities(&json, member->oddities);
    mb_json_end_map(&json);
    g_string_append_c(out, '\n');
}

void pd_manifest_append_frames(GString *out, const uint64_t *cuts, const uint64_t *frames,
                               size_t count)
{
    MbJson json;

    mb_json_init(&json, out);
    mb_json_begin_map(&json);
    mb_json_key(&json, "frames");
    mb_json_begin_array(&json);
    for (size_t i = 0; i < count; i++) {
        mb_json_begin_array(&json);
        mb_json_unsigned(&json, cuts[i]);
        mb_json_unsigned(&json, frames[i]);
        mb_json_end_array(&json);
    }
    mb_json_end_array(&json);
    mb_json_end_map(&json);
    g_string_append_c(out, '\n');
}

bool pd_manifest_is_frames(const char *line, size_t length)
{
    static const char begin[] = "{\"frames\":";

    return length > strlen(begin) && memcmp(line, begin, strlen(begin)) == 0;
}

const char *pd_manifest_find_frames(const char *text, size_t length)
{
    const char *newline = length > 1 ? memrchr(text, '\n', length - 1) : NULL;
    const char *last = newline != NULL ? newline + 1 : text;

    return pd_manifest_is_frames(last, length - (size_t)(last - text)) ? last : NULL;
}
