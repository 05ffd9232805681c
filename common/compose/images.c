/*
 * Where the local images of an HTML text stand. libxml2 gives no octet ranges, and writing its tree
 * back would change the author's HTML: so the tags are read here, as far as <img> needs it.
 */
#include <libxml/HTMLparser.h>
#include <mailbatch/compose/compose.h>
#include <string.h>

typedef struct {
    const char *text, *end, *at;
} Scan;

static bool starts_with(const Scan *scan, const char *word)
{
    size_t length = strlen(word);

    return (size_t)(scan->end - scan->at) >= length &&
           g_ascii_strncasecmp(scan->at, word, length) == 0;
}

/* Behind the next `word`, or to the end. */
static void skip_past(Scan *scan, const char *word)
{
    for (; scan->at < scan->end; scan->at++)
        if (starts_with(scan, word)) {
            scan->at += strlen(word);
            return;
        }
}

static void skip_blanks(Scan *scan)
{
    while (scan->at < scan->end && (g_ascii_isspace(*scan->at) || *scan->at == '/'))
        scan->at++;
}

/* A placeholder's brackets are no HTML: what is in them is passed over. */
static bool skip_placeholder(Scan *scan)
{
    if (starts_with(scan, "{{"))
        skip_past(scan, "}}");
    else if (starts_with(scan, "{%"))
        skip_past(scan, "%}");
    else if (starts_with(scan, "{#"))
        skip_past(scan, "#}");
    else
        return false;
    return true;
}

static void take_value(Scan *scan, const char **value, size_t *length)
{
    char quote = scan->at < scan->end && (*scan->at == '"' || *scan->at == '\'') ? *scan->at++ : 0;

    *value = scan->at;
    while (scan->at < scan->end) {
        char c = *scan->at;

        if (quote != 0 ? c == quote : g_ascii_isspace(c) || c == '>')
            break;
        if (!skip_placeholder(scan))
            scan->at++;
    }
    *length = (size_t)(scan->at - *value);
    if (quote != 0 && scan->at < scan->end)
        scan->at++;
}

/* What `&name;`, `&#39;` or `&#x27;` stands for; 0: nothing. */
static gunichar value_of_entity(const char *name)
{
    const htmlEntityDesc *entity;
    char *end;
    guint64 value;
    bool hex = name[0] == '#' && (name[1] == 'x' || name[1] == 'X');

    if (name[0] != '#') {
        entity = htmlEntityLookup(BAD_CAST name);
        return entity != NULL ? entity->value : 0;
    }
    value = g_ascii_strtoull(name + (hex ? 2 : 1), &end, hex ? 16 : 10);
    return *end == '\0' && value <= 0x10FFFF && g_unichar_validate((gunichar)value)
               ? (gunichar)value
               : 0;
}

/* Entities and %-escapes undone. The caller frees it. */
static char *decode_path(const char *value, size_t length)
{
    g_autofree char *copy = g_strndup(value, length);
    GString *plain = g_string_new(NULL);
    char *decoded;

    for (const char *c = copy; *c != '\0'; c++) {
        const char *end = *c == '&' ? strchr(c, ';') : NULL;
        g_autofree char *name = end != NULL ? g_strndup(c + 1, (gsize)(end - c - 1)) : NULL;
        gunichar meant = name != NULL ? value_of_entity(name) : 0;

        if (meant == 0) {
            g_string_append_c(plain, *c);
        } else {
            g_string_append_unichar(plain, meant);
            c = end;
        }
    }
    decoded = g_uri_unescape_string(plain->str, NULL);
    if (decoded == NULL)
        return g_string_free(plain, FALSE);
    g_string_free(plain, TRUE);
    return decoded;
}

/* No scheme, no host, no place in the page itself. */
static bool is_local(const char *value, size_t length)
{
    size_t scheme = 0;

    if (length == 0 || value[0] == '#' || (length > 1 && value[0] == '/' && value[1] == '/'))
        return false;
    while (scheme < length &&
           (g_ascii_isalnum(value[scheme]) || (scheme > 0 && strchr("+-.", value[scheme]) != NULL)))
        scheme++;
    return scheme == 0 || scheme == length || value[scheme] != ':';
}

/* The attributes of an <img>, up to its end. */
static void take_image(Scan *scan, GArray *images)
{
    bool found = false;

    for (;;) {
        const char *name, *value = NULL;
        size_t name_length, length = 0;

        skip_blanks(scan);
        if (scan->at == scan->end || *scan->at == '>')
            return;
        if (skip_placeholder(scan))
            continue;
        name = scan->at++;
        while (scan->at < scan->end && strchr("=>/ \t\r\n\f", *scan->at) == NULL)
            scan->at++;
        name_length = (size_t)(scan->at - name);
        skip_blanks(scan);
        if (scan->at < scan->end && *scan->at == '=') {
            scan->at++;
            skip_blanks(scan);
            take_value(scan, &value, &length);
        }
        if (!found && name_length == 3 && g_ascii_strncasecmp(name, "src", 3) == 0 &&
            value != NULL && is_local(value, length)) {
            MbComposeImage image = {.offset = (size_t)(value - scan->text),
                                    .length = length,
                                    .path = decode_path(value, length)};

            g_array_append_val(images, image);
            found = true;
        }
    }
}

static void clear_image(void *data)
{
    g_free(((MbComposeImage *)data)->path);
}

GArray *mb_compose_html_images(const char *html, size_t length)
{
    Scan scan = {.text = html, .end = html + length, .at = html};
    GArray *images = g_array_new(FALSE, FALSE, sizeof(MbComposeImage));

    g_array_set_clear_func(images, clear_image);
    while ((scan.at = memchr(scan.at, '<', (size_t)(scan.end - scan.at))) != NULL) {
        if (starts_with(&scan, "<!--")) {
            skip_past(&scan, "-->");
        } else if (starts_with(&scan, "<script")) {
            skip_past(&scan, "</script");
        } else if (starts_with(&scan, "<style")) {
            skip_past(&scan, "</style");
        } else if (starts_with(&scan, "<img") && scan.at + 4 < scan.end &&
                   (g_ascii_isspace(scan.at[4]) || scan.at[4] == '/')) {
            scan.at += 4;
            take_image(&scan, images);
        } else {
            scan.at++;
        }
    }
    return images;
}
