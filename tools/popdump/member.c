#include "member.h"

#include <mailbatch/base/text.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ATTRIBUTE(name) "user.mailbatch." name

static const char *const oddity_names[] = {
    "nul", "bare-cr", "bare-lf", "8bit", "long-line", "no-final-crlf", "empty", "unstuffed",
};

const char *pd_oddity_name(unsigned bit)
{
    return bit < G_N_ELEMENTS(oddity_names) ? oddity_names[bit] : NULL;
}

void pd_member_clear(PdMember *member)
{
    g_clear_pointer(&member->uidl, g_free);
    g_clear_pointer(&member->sender, g_free);
    g_clear_pointer(&member->subject, g_free);
}

static void clear_item(void *item)
{
    pd_member_clear(item);
}

GArray *pd_members_new(void)
{
    GArray *members = g_array_new(FALSE, FALSE, sizeof(PdMember));

    g_array_set_clear_func(members, clear_item);
    return members;
}

void pd_members_add(GArray *members, const PdMember *member)
{
    PdMember copy = *member;

    copy.uidl = g_strdup(member->uidl);
    copy.sender = g_strdup(member->sender);
    copy.subject = g_strdup(member->subject);
    g_array_append_val(members, copy);
}

static int64_t path_time(int64_t mtime)
{
    return mtime < 0 || mtime > PD_TIME_MAX ? 0 : mtime;
}

void pd_member_path(const PdMember *member, char path[PD_MEMBER_PATH_MAX])
{
    time_t when = (time_t)path_time(member->mtime);
    g_autofree char *digest = mb_text_hex(member->sha256, 8);
    struct tm date = {0};

    gmtime_r(&when, &date);
    snprintf(path, PD_MEMBER_PATH_MAX, "msgs/%04d/%02d/%09" G_GUINT64_FORMAT "-%s.eml",
             date.tm_year + 1900, date.tm_mon + 1, member->sequence, digest);
}

static char *join_oddities(unsigned oddities)
{
    GString *text = g_string_new(NULL);

    for (unsigned bit = 0; bit < G_N_ELEMENTS(oddity_names); bit++) {
        if ((oddities & 1U << bit) != 0)
            g_string_append_printf(text, "%s%s", text->len > 0 ? "," : "", oddity_names[bit]);
    }
    return g_string_free(text, FALSE);
}

static unsigned split_oddities(const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, ",", -1);
    unsigned oddities = 0;

    for (unsigned bit = 0; bit < G_N_ELEMENTS(oddity_names); bit++) {
        if (g_strv_contains((const char *const *)words, oddity_names[bit]))
            oddities |= 1U << bit;
    }
    return oddities;
}

bool pd_member_append_header(GString *out, const PdMember *member, GError **error)
{
    g_autofree char *digest = mb_text_hex(member->sha256, sizeof(member->sha256));
    g_autofree char *oddities = NULL;
    char server_size[24];
    char path[PD_MEMBER_PATH_MAX];
    MbTarAttribute attributes[5];
    size_t count = 0;
    MbTarMember header = {.path = path, .size = member->size, .mtime = member->mtime};

    attributes[count++] = (MbTarAttribute){ATTRIBUTE("sha256"), digest, strlen(digest)};
    if (member->uidl != NULL)
        attributes[count++] =
            (MbTarAttribute){ATTRIBUTE("uidl"), member->uidl, strlen(member->uidl)};
    if (member->uidl_repeated)
        attributes[count++] = (MbTarAttribute){ATTRIBUTE("uidl_repeated"), "1", 1};
    if (member->has_server_size) {
        int length =
            snprintf(server_size, sizeof(server_size), "%" G_GUINT64_FORMAT, member->server_size);

        attributes[count++] =
            (MbTarAttribute){ATTRIBUTE("server_size"), server_size, (size_t)length};
    }
    if (member->oddities != 0) {
        oddities = join_oddities(member->oddities);
        attributes[count++] = (MbTarAttribute){ATTRIBUTE("oddities"), oddities, strlen(oddities)};
    }
    pd_member_path(member, path);
    header.attributes = attributes;
    header.attribute_count = count;
    return mb_tar_append_header(out, &header, error);
}

static bool parse_digest(const char *hex, uint8_t out[MB_SHA256_LENGTH])
{
    if (hex == NULL || strlen(hex) != 2 * MB_SHA256_LENGTH)
        return false;
    for (size_t i = 0; i < MB_SHA256_LENGTH; i++) {
        int high = g_ascii_xdigit_value(hex[2 * i]);
        int low = g_ascii_xdigit_value(hex[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool parse_sequence(const char *path, uint64_t *sequence)
{
    const char *slash = strrchr(path, '/');
    char *end;

    if (slash == NULL || !g_ascii_isdigit(slash[1]))
        return false;
    *sequence = g_ascii_strtoull(slash + 1, &end, 10);
    return *sequence > 0 && *sequence < G_MAXINT64 && *end == '-';
}

bool pd_member_from_tar(const MbTarParser *parser, const MbTarEvent *event, PdMember *member,
                        const char **problem)
{
    const char *server_size = mb_tar_parser_attribute(parser, ATTRIBUTE("server_size"), NULL);
    const char *oddities = mb_tar_parser_attribute(parser, ATTRIBUTE("oddities"), NULL);
    char path[PD_MEMBER_PATH_MAX];

    member->size = event->size;
    member->mtime = event->mtime;
    member->offset = event->offset;
    member->data = event->data;
    member->end = event->end;
    member->uidl_repeated =
        mb_tar_parser_attribute(parser, ATTRIBUTE("uidl_repeated"), NULL) != NULL;
    member->oddities = oddities != NULL ? split_oddities(oddities) : 0;
    member->has_server_size = server_size != NULL;
    member->server_size = server_size != NULL ? g_ascii_strtoull(server_size, NULL, 10) : 0;
    *problem = "not a message of this archive";
    if (event->entry != MB_ENTRY_FILE || !parse_sequence(event->path, &member->sequence))
        return false;
    *problem = "its digest is missing";
    if (!parse_digest(mb_tar_parser_attribute(parser, ATTRIBUTE("sha256"), NULL), member->sha256))
        return false;
    *problem = "its name does not fit its digest and time";
    pd_member_path(member, path);
    if (strcmp(path, event->path) != 0)
        return false;
    member->uidl = g_strdup(mb_tar_parser_attribute(parser, ATTRIBUTE("uidl"), NULL));
    return true;
}
