/*
 * Dates and numbers, the same in every locale.
 */
#include "filter.h"

#include <mailbatch/base/text.h>
#include <string.h>

/* --- dates -------------------------------------------------------------------------------- */

typedef struct {
    int year, month, day, hour, minute, second;
} Moment;

/* Reads exactly `digits` digits (or up to, for `loose`). */
static bool take_digits(const char **at, const char *end, int digits, bool loose, int *value)
{
    int n = 0, number = 0;

    while (n < digits && *at < end && g_ascii_isdigit(**at)) {
        number = number * 10 + (**at - '0');
        (*at)++;
        n++;
    }
    *value = number;
    return loose ? n > 0 : n == digits;
}

static bool take_char(const char **at, const char *end, const char *wanted)
{
    if (*at >= end || strchr(wanted, **at) == NULL)
        return false;
    (*at)++;
    return true;
}

/* hh:mm[:ss[.fraction]][Z/±hh:mm]; the zone says where, not when: it is left out. */
static bool take_time(const char **at, const char *end, Moment *moment)
{
    int ignored;

    if (!take_digits(at, end, 2, false, &moment->hour) || !take_char(at, end, ":") ||
        !take_digits(at, end, 2, false, &moment->minute))
        return false;
    if (take_char(at, end, ":") && !take_digits(at, end, 2, false, &moment->second))
        return false;
    if (take_char(at, end, ".") && !take_digits(at, end, 9, true, &ignored))
        return false;
    if (take_char(at, end, "Z"))
        return true;
    if (take_char(at, end, "+-")) {
        if (!take_digits(at, end, 2, false, &ignored))
            return false;
        take_char(at, end, ":");
        return take_digits(at, end, 2, false, &ignored);
    }
    return true;
}

/* YYYY-MM-DD or DD.MM.YYYY, then perhaps a time. */
static bool parse_moment(const char *text, size_t length, Moment *moment)
{
    const char *at = text, *end = text + length;

    *moment = (Moment){0};
    while (at < end && g_ascii_isspace(*at))
        at++;
    while (end > at && g_ascii_isspace(end[-1]))
        end--;
    if (end - at >= 5 && at[4] == '-') {
        if (!take_digits(&at, end, 4, false, &moment->year) || !take_char(&at, end, "-") ||
            !take_digits(&at, end, 2, false, &moment->month) || !take_char(&at, end, "-") ||
            !take_digits(&at, end, 2, false, &moment->day))
            return false;
    } else if (!take_digits(&at, end, 2, true, &moment->day) || !take_char(&at, end, ".") ||
               !take_digits(&at, end, 2, true, &moment->month) || !take_char(&at, end, ".") ||
               !take_digits(&at, end, 4, false, &moment->year)) {
        return false;
    }
    if (take_char(&at, end, "T ") && !take_time(&at, end, moment))
        return false;
    return at == end && moment->year > 0 &&
           g_date_valid_dmy((GDateDay)moment->day, (GDateMonth)moment->month,
                            (GDateYear)moment->year) &&
           moment->hour < 24 && moment->minute < 60 && moment->second < 61;
}

static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};
static const char *const days[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                   "Friday", "Saturday", "Sunday"};

/* One conversion of strftime(3); false for one that is not known here. `plain`: without leading
 * zeros. */
static bool put_conversion(GString *out, char letter, bool plain, const Moment *moment,
                           const GDate *date)
{
    const char *two = plain ? "%d" : "%02d";
    int weekday = (int)g_date_get_weekday(date) - 1;
    int hour12 = moment->hour % 12 == 0 ? 12 : moment->hour % 12;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    switch (letter) {
    case 'Y': g_string_append_printf(out, "%d", moment->year); break;
    case 'y': g_string_append_printf(out, two, moment->year % 100); break;
    case 'm': g_string_append_printf(out, two, moment->month); break;
    case 'd': g_string_append_printf(out, two, moment->day); break;
    case 'e': g_string_append_printf(out, "%d", moment->day); break;
    case 'H': g_string_append_printf(out, two, moment->hour); break;
    case 'I': g_string_append_printf(out, two, hour12); break;
    case 'M': g_string_append_printf(out, two, moment->minute); break;
    case 'S': g_string_append_printf(out, two, moment->second); break;
    case 'j':
        g_string_append_printf(out, plain ? "%d" : "%03d", (int)g_date_get_day_of_year(date));
        break;
    case 'V': g_string_append_printf(out, two, (int)g_date_get_iso8601_week_of_year(date)); break;
    case 'B': g_string_append(out, months[moment->month - 1]); break;
    case 'b': g_string_append_len(out, months[moment->month - 1], 3); break;
    case 'A': g_string_append(out, days[weekday]); break;
    case 'a': g_string_append_len(out, days[weekday], 3); break;
    case 'p': g_string_append(out, moment->hour < 12 ? "AM" : "PM"); break;
    case '%': g_string_append_c(out, '%'); break;
    default: return false;
    }
#pragma GCC diagnostic pop
    return true;
}

static Value keep(Render *render, const GString *text)
{
    char *kept = arena_take(&render->arena, text->len + 1);

    memcpy(kept, text->str, text->len + 1);
    return value_of_text(kept, text->len);
}

bool filter_date(Render *render, const Expr *expr, const Value *in, const Value *arguments,
                 Value *out)
{
    const char *text, *format = "%Y-%m-%d";
    size_t length, format_length = 8;
    Moment moment;
    GDate date;
    GString *made;
    bool good = true;

    if (!value_text(render, expr, in, &text, &length) ||
        (arguments[0].kind != VALUE_NONE &&
         !value_text(render, expr, &arguments[0], &format, &format_length)))
        return false;
    if (!parse_moment(text, length, &moment)) {
        g_autofree char *shown = mb_text_printable(text, length);

        template_error(render->tmpl, expr->offset, render->error,
                       "date: \"%s\" is no date (YYYY-MM-DD, DD.MM.YYYY, then perhaps hh:mm)",
                       shown);
        return false;
    }
    g_date_clear(&date, 1);
    g_date_set_dmy(&date, (GDateDay)moment.day, (GDateMonth)moment.month, (GDateYear)moment.year);
    made = g_string_sized_new(32);
    for (size_t i = 0; good && i < format_length; i++) {
        bool plain;

        if (format[i] != '%') {
            g_string_append_c(made, format[i]);
            continue;
        }
        plain = i + 1 < format_length && format[i + 1] == '-';
        i += plain ? 2 : 1;
        good = i < format_length && put_conversion(made, format[i], plain, &moment, &date);
    }
    if (good)
        *out = keep(render, made);
    else
        template_error(render->tmpl, expr->offset, render->error,
                       "date: unknown conversion in the format (known: %%Y %%y %%m %%d %%e %%H "
                       "%%I %%M %%S %%p %%j %%V %%B %%b %%A %%a %%%%, and %%-d without zeros)");
    g_string_free(made, TRUE);
    return good;
}

/* --- numbers ------------------------------------------------------------------------------ */

/* Adds one to the last digit of a row of digits; true when a digit has to go in front. */
static bool round_up(GString *digits)
{
    for (size_t i = digits->len; i > 0; i--) {
        if (digits->str[i - 1] != '9') {
            digits->str[i - 1]++;
            return false;
        }
        digits->str[i - 1] = '0';
    }
    g_string_prepend_c(digits, '1');
    return true;
}

/* Splits [+-]123.45 into digits without the point; `decimals` of them stand behind it. Exact: money
 * is not rounded by way of binary fractions. */
static void scale(const char *text, size_t length, gssize wanted, GString *digits, size_t *decimals)
{
    const char *point = memchr(text, '.', length);
    size_t whole = point != NULL ? (size_t)(point - text) : length;
    size_t fraction = point != NULL ? length - whole - 1 : 0;

    *decimals = wanted < 0 ? fraction : (size_t)wanted;
    g_string_append_len(digits, text, (gssize)whole);
    for (size_t i = 0; i < *decimals; i++)
        g_string_append_c(digits, i < fraction ? point[1 + i] : '0');
    if (fraction > *decimals && point[1 + *decimals] >= '5')
        round_up(digits);
    while (digits->len > *decimals + 1 && digits->str[0] == '0')
        g_string_erase(digits, 0, 1);
}

static void put_number(GString *made, const GString *digits, size_t decimals, const char *point,
                       size_t point_length, const char *group, size_t group_length)
{
    size_t whole = digits->len - decimals;

    for (size_t i = 0; i < whole; i++) {
        if (i > 0 && (whole - i) % 3 == 0)
            g_string_append_len(made, group, (gssize)group_length);
        g_string_append_c(made, digits->str[i]);
    }
    if (decimals > 0) {
        g_string_append_len(made, point, (gssize)point_length);
        g_string_append_len(made, digits->str + whole, (gssize)decimals);
    }
}

static bool all_zero(const GString *digits)
{
    return strspn(digits->str, "0") == digits->len;
}

bool filter_number(Render *render, const Expr *expr, const Value *in, const Value *arguments,
                   Value *out)
{
    const char *text, *point = ".", *group = "";
    size_t length, point_length = 1, group_length = 0, decimals;
    gssize wanted = -1;
    Value trimmed;
    double ignored;
    GString *digits, *made;
    bool negative;

    if (!value_text(render, expr, in, &text, &length) ||
        (arguments[1].kind != VALUE_NONE &&
         !value_text(render, expr, &arguments[1], &point, &point_length)) ||
        (arguments[2].kind != VALUE_NONE &&
         !value_text(render, expr, &arguments[2], &group, &group_length)))
        return false;
    if (arguments[0].kind == VALUE_NUMBER && arguments[0].number >= 0 && arguments[0].number <= 100)
        wanted = (gssize)arguments[0].number;
    if (!text_number(text, length, &ignored) || (arguments[0].kind != VALUE_NONE && wanted < 0)) {
        g_autofree char *shown = mb_text_printable(text, length);

        template_error(render->tmpl, expr->offset, render->error,
                       wanted < 0 && arguments[0].kind != VALUE_NONE
                           ? "number: decimals are a number from 0 to 100 (value \"%s\")"
                           : "number: \"%s\" is no number (as 1234.5)",
                       shown);
        return false;
    }
    trimmed = value_of_text(text, length);
    while (g_ascii_isspace(trimmed.text[0]) && trimmed.length > 0) {
        trimmed.text++;
        trimmed.length--;
    }
    while (trimmed.length > 0 && g_ascii_isspace(trimmed.text[trimmed.length - 1]))
        trimmed.length--;
    negative = trimmed.text[0] == '-';
    if (negative || trimmed.text[0] == '+') {
        trimmed.text++;
        trimmed.length--;
    }
    digits = g_string_sized_new(32);
    made = g_string_sized_new(48);
    scale(trimmed.text, trimmed.length, wanted, digits, &decimals);
    if (negative && !all_zero(digits))
        g_string_append_c(made, '-');
    put_number(made, digits, decimals, point, point_length, group, group_length);
    *out = keep(render, made);
    g_string_free(digits, TRUE);
    g_string_free(made, TRUE);
    return true;
}
