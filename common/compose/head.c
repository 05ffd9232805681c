#include "head.h"

#include <mailbatch/base/text.h>
#include <mailbatch/mime/address.h>
#include <mailbatch/mime/date.h>
#include <mailbatch/mime/words.h>
#include <string.h>

MB_DEFINE_QUARK(mb_compose_error)

#define LINE_COLUMNS 78  /* RFC 5322, 2.1.1: should */
#define LINE_OCTETS  998 /* must */
#define NAME_OCTETS  76

/* The fields of RFC 5322, 3.6 that may stand once. */
static const char *const once[] = {"Date", "From",       "Sender",      "Reply-To",   "To",
                                   "Cc",   "Message-ID", "In-Reply-To", "References", "Subject"};
enum { ONCE_DATE = 0, ONCE_FROM = 1, ONCE_MESSAGE_ID = 6 };

struct MbComposeHead {
    GString *text;
    guint seen; /* a bit for each of `once` */
    bool smtputf8;
    int64_t date; /* the one written last: many messages share a second */
    int zone_minutes;
    char date_text[MB_DATE_TEXT_MAX];
};

MbComposeHead *mb_compose_head_new(void)
{
    MbComposeHead *head = g_new0(MbComposeHead, 1);

    head->text = g_string_sized_new(1024);
    return head;
}

void mb_compose_head_free(MbComposeHead *head)
{
    if (head == NULL)
        return;
    g_string_free(head->text, TRUE);
    g_free(head);
}

void mb_compose_head_reset(MbComposeHead *head)
{
    g_string_truncate(head->text, 0);
    head->seen = 0;
    head->smtputf8 = false;
}

bool mb_compose_head_needs_smtputf8(const MbComposeHead *head)
{
    return head->smtputf8;
}

const GString *compose_head_text(const MbComposeHead *head)
{
    return head->text;
}

bool compose_head_check(const MbComposeHead *head, GError **error)
{
    static const int needed[] = {ONCE_FROM, ONCE_DATE, ONCE_MESSAGE_ID};

    for (size_t i = 0; i < G_N_ELEMENTS(needed); i++)
        if ((head->seen & (1u << needed[i])) == 0) {
            g_set_error(error, MB_COMPOSE_ERROR, MB_ERROR_DATA, "the message has no %s",
                        once[needed[i]]);
            return false;
        }
    return true;
}

/* --- checks ------------------------------------------------------------------------------- */

static bool refuse(GError **error, const char *name, size_t length, const char *why)
{
    g_autofree char *shown = mb_text_printable(name, length);

    g_set_error(error, MB_COMPOSE_ERROR, MB_ERROR_DATA, "%s: %s", shown, why);
    return false;
}

/* field-name = 1*ftext; printable ASCII without the colon. */
static bool check_name(const char *name, GError **error)
{
    size_t length = strlen(name);

    for (size_t i = 0; i < length; i++)
        if (!g_ascii_isgraph(name[i]) || name[i] == ':')
            return refuse(error, name, length, "is no name for a header field");
    if (length == 0 || length > NAME_OCTETS)
        return refuse(error, name, length, "is no name for a header field");
    if (g_ascii_strcasecmp(name, "Bcc") == 0 || g_ascii_strcasecmp(name, "Resent-Bcc") == 0)
        return refuse(error, name, length, "is never written into a message");
    if (g_ascii_strcasecmp(name, "MIME-Version") == 0 ||
        g_ascii_strncasecmp(name, "Content-", 8) == 0)
        return refuse(error, name, length, "is made by itself, out of the parts");
    return true;
}

/* Notes a field that may stand once. */
static bool check_once(MbComposeHead *head, const char *name, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(once); i++) {
        if (g_ascii_toupper(name[0]) != once[i][0] || g_ascii_strcasecmp(name, once[i]) != 0)
            continue;
        if ((head->seen & (1u << i)) != 0)
            return refuse(error, name, strlen(name), "may stand once only");
        head->seen |= 1u << i;
    }
    return true;
}

static bool check_value(const char *name, const char *value, size_t length, GError **error)
{
    if (mb_text_breaks_line(value, length))
        return refuse(error, name, strlen(name),
                      "holds a line break or NUL, which no header field may");
    if (!mb_text_is_utf8(value, length, NULL))
        return refuse(error, name, strlen(name), "is not UTF-8");
    return true;
}

static size_t put_name(MbComposeHead *head, const char *name)
{
    size_t before = head->text->len;

    mb_text_append(head->text, name, strlen(name));
    mb_text_append(head->text, ": ", 2);
    return head->text->len - before;
}

static void end_field(MbComposeHead *head)
{
    mb_text_append(head->text, "\r\n", 2);
}

/* --- fields ------------------------------------------------------------------------------- */

bool mb_compose_head_add_text(MbComposeHead *head, const char *name, const char *value,
                              size_t length, GError **error)
{
    if (!check_name(name, error) || !check_value(name, value, length, error) ||
        !check_once(head, name, error))
        return false;
    mb_words_encode(value, length, put_name(head, name), head->text);
    end_field(head);
    return true;
}

/* Writes words between blanks, on a new line where they would pass the last column. */
static bool put_folded(GString *out, const char *value, size_t length, size_t column)
{
    const char *end = value + length;
    bool first = true;

    while (value < end) {
        size_t blanks = 0, word = 0;

        while (value + blanks < end && (value[blanks] == ' ' || value[blanks] == '\t'))
            blanks++;
        while (value + blanks + word < end && value[blanks + word] != ' ' &&
               value[blanks + word] != '\t')
            word++;
        if (word == 0) /* blanks at the end */
            break;
        if (word > LINE_OCTETS - NAME_OCTETS - 4)
            return false;
        if (!first && blanks > 0 && column + blanks + word > LINE_COLUMNS) {
            g_string_append_len(out, "\r\n", 2);
            column = 0;
            blanks = 1;
            g_string_append_c(out, ' ');
        } else if (!first) {
            g_string_append_len(out, value, (gssize)blanks);
        } else {
            value += blanks;
            blanks = 0;
        }
        first = false;
        while (*value == ' ' || *value == '\t')
            value++;
        g_string_append_len(out, value, (gssize)word);
        value += word;
        column += blanks + word;
    }
    return true;
}

bool mb_compose_head_add_raw(MbComposeHead *head, const char *name, const char *value,
                             size_t length, GError **error)
{
    size_t before = head->text->len;

    if (!check_name(name, error) || !check_value(name, value, length, error))
        return false;
    for (size_t i = 0; i < length; i++)
        if (!g_ascii_isprint(value[i]) && value[i] != '\t')
            return refuse(error, name, strlen(name), "holds what is not printable ASCII");
    if (!put_folded(head->text, value, length, put_name(head, name))) {
        g_string_truncate(head->text, before);
        return refuse(error, name, strlen(name), "holds a word that is too long for a line");
    }
    if (!check_once(head, name, error)) {
        g_string_truncate(head->text, before);
        return false;
    }
    end_field(head);
    return true;
}

static bool check_mailboxes(const char *name, const MbComposeMailbox *mailboxes, size_t n,
                            GError **error)
{
    for (size_t i = 0; i < n; i++) {
        const char *display = mailboxes[i].name;

        if (display != NULL && !check_value(name, display, strlen(display), error))
            return false;
        if (!mb_address_check(mailboxes[i].address, strlen(mailboxes[i].address), error)) {
            g_prefix_error(error, "%s: ", name);
            return false;
        }
    }
    return true;
}

bool mb_compose_head_add_mailboxes(MbComposeHead *head, const char *name,
                                   const MbComposeMailbox *mailboxes, size_t n_mailboxes,
                                   GError **error)
{
    size_t column;

    if (!check_name(name, error) || !check_mailboxes(name, mailboxes, n_mailboxes, error))
        return false;
    if (n_mailboxes == 0)
        return true;
    if (!check_once(head, name, error))
        return false;
    column = put_name(head, name);
    for (size_t i = 0; i < n_mailboxes; i++) {
        if (i > 0) {
            g_string_append_len(head->text, ", ", 2);
            column += 2;
        }
        column = mb_address_encode(mailboxes[i].name, mailboxes[i].address, column, head->text);
        head->smtputf8 |= !mb_text_is_ascii(mailboxes[i].address, strlen(mailboxes[i].address));
    }
    end_field(head);
    return true;
}

bool mb_compose_head_add_date(MbComposeHead *head, int64_t unix_seconds, int offset_minutes,
                              GError **error)
{
    if (!check_once(head, "Date", error))
        return false;
    if (head->date_text[0] == '\0' || head->date != unix_seconds ||
        head->zone_minutes != offset_minutes) {
        mb_date_format(unix_seconds, offset_minutes, head->date_text);
        head->date = unix_seconds;
        head->zone_minutes = offset_minutes;
    }
    put_name(head, "Date");
    g_string_append(head->text, head->date_text);
    end_field(head);
    return true;
}

bool mb_compose_head_add_message_id(MbComposeHead *head, const char *id, GError **error)
{
    size_t length = strlen(id);
    const char *at = strchr(id, '@');
    bool good = length > 4 && length < LINE_OCTETS - 20 && id[0] == '<' && id[length - 1] == '>' &&
                at != NULL && at > id + 1 && at < id + length - 2;

    for (size_t i = 1; good && i + 1 < length; i++)
        good = g_ascii_isgraph(id[i]) && id[i] != '<' && id[i] != '>';
    if (!good)
        return refuse(error, "Message-ID", 10, "is no <left@right>");
    if (!check_once(head, "Message-ID", error))
        return false;
    put_name(head, "Message-ID");
    g_string_append_len(head->text, id, (gssize)length);
    end_field(head);
    return true;
}
