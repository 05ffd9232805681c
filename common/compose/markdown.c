#include <mailbatch/compose/compose.h>
#include <md4c-html.h>

/* md4c counts in 32 bits. */
#define MAX_MARKDOWN (64 * 1024 * 1024)

static void put(const MD_CHAR *text, MD_SIZE size, void *user)
{
    g_string_append_len(user, text, size);
}

bool mb_compose_markdown_to_html(const char *markdown, size_t length, GString *out, GError **error)
{
    const unsigned flags =
        MD_FLAG_TABLES | MD_FLAG_STRIKETHROUGH | MD_FLAG_TASKLISTS | MD_FLAG_PERMISSIVEAUTOLINKS;
    size_t start = out->len;

    if (length <= MAX_MARKDOWN &&
        md_html(markdown, (MD_SIZE)length, put, out, flags, MD_HTML_FLAG_SKIP_UTF8_BOM) == 0)
        return true;
    g_string_truncate(out, start);
    g_set_error(error, MB_COMPOSE_ERROR, MB_ERROR_DATA, "Markdown that is too large");
    return false;
}
