/*
 * `Calendar: invite.ics`: an invitation as a third form of the body (RFC 6047, 2.4). The file is a
 * template; no value can add a line to it.
 */
#include "campaign-internal.h"

#include <mailbatch/base/text.h>
#include <string.h>

bool campaign_take_calendar(MmCampaign *campaign, const char *path, const char *source,
                            size_t length, GError **error)
{
    Body *body = &campaign->calendar;

    body->exists = true;
    body->path = g_strdup(path);
    body->source =
        campaign_compile_text(campaign, source, length, path, 1, 1, MB_TEMPLATE_MARKED, error);
    return body->source != NULL;
}

static bool refuse(const Body *body, const char *why, GError **error)
{
    g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA, "%s: %s", body->path, why);
    return false;
}

/* Takes the marks away. False: a line end between them. */
static bool unmark(GString *text)
{
    bool inside = false;
    gsize put = 0;

    for (gsize i = 0; i < text->len; i++) {
        char c = text->str[i];

        if (c == MB_TEMPLATE_VALUE_BEGIN || c == MB_TEMPLATE_VALUE_END)
            inside = c == MB_TEMPLATE_VALUE_BEGIN;
        else if (inside && (c == '\n' || c == '\r' || c == '\0'))
            return false;
        else
            text->str[put++] = c;
    }
    g_string_truncate(text, put);
    return true;
}

bool campaign_render_calendar(Rendering *rendering, MbComposeBody *part, GError **error)
{
    MmRenderer *renderer = rendering->renderer;
    const Body *body = &rendering->campaign->calendar;
    GString *value = renderer->value;

    g_string_truncate(value, 0);
    g_string_truncate(renderer->calendar, 0);
    g_string_truncate(renderer->method, 0);
    if (!mb_template_render(body->source, &rendering->scope, value, error))
        return false;
    if (!unmark(value))
        return refuse(body, "a value holds a line break: write {{ x|replace(\"\\n\", \"\\\\n\") }}",
                      error);
    if (g_ascii_strncasecmp(value->str, "BEGIN:VCALENDAR", strlen("BEGIN:VCALENDAR")) != 0)
        return refuse(body, "no calendar: it does not begin with BEGIN:VCALENDAR", error);
    if (!mb_compose_calendar_method(value->str, value->len, renderer->method))
        return refuse(body, "has no METHOD: an invitation says METHOD:REQUEST", error);
    mb_compose_calendar_fold(value->str, value->len, renderer->calendar);
    *part = (MbComposeBody){.type = "text/calendar",
                            .method = renderer->method->str,
                            .text = renderer->calendar->str,
                            .length = renderer->calendar->len};
    return true;
}
