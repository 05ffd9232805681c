#include <mailbatch/mime/date.h>
#include <stdio.h>

#define SECONDS_A_DAY 86400
#define YEAR_0        (-62167219200)
#define YEAR_9999_END 253402300799

static const char weekdays[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

typedef struct {
    int year, month, day, hour, minute, second, weekday;
} Civil;

/* Years begin in March and eras have 400 years: then the leap day comes last and needs no case of
 * its own. */
int64_t mb_date_days(int year, int month, int day)
{
    int64_t y = (int64_t)year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * 146097 + day_of_era - 719468;
}

static Civil civil_of(int64_t seconds)
{
    int64_t days = seconds / SECONDS_A_DAY;
    int64_t rest = seconds % SECONDS_A_DAY;
    int64_t era, day_of_era, year_of_era, day_of_year, month;
    Civil civil;

    if (rest < 0) {
        rest += SECONDS_A_DAY;
        days--;
    }
    civil.hour = (int)(rest / 3600);
    civil.minute = (int)(rest / 60 % 60);
    civil.second = (int)(rest % 60);
    civil.weekday = (int)(((days + 4) % 7 + 7) % 7);
    days += 719468;
    era = (days >= 0 ? days : days - 146096) / 146097;
    day_of_era = days - era * 146097;
    year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    month = (5 * day_of_year + 2) / 153;
    civil.day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
    civil.month = (int)(month < 10 ? month + 3 : month - 9);
    civil.year = (int)(year_of_era + era * 400 + (civil.month <= 2));
    return civil;
}

void mb_date_format(int64_t unix_time, int zone_minutes, char out[MB_DATE_TEXT_MAX])
{
    int zone = CLAMP(zone_minutes, -(99 * 60 + 59), 99 * 60 + 59);
    int size = zone < 0 ? -zone : zone;
    int64_t local =
        CLAMP(CLAMP(unix_time, YEAR_0, YEAR_9999_END) + zone * 60, YEAR_0, YEAR_9999_END);
    Civil civil = civil_of(local);

    snprintf(out, MB_DATE_TEXT_MAX, "%s, %d %s %04d %02d:%02d:%02d %c%02d%02d",
             weekdays[civil.weekday], civil.day, months[civil.month - 1], civil.year, civil.hour,
             civil.minute, civil.second, zone < 0 ? '-' : '+', size / 60, size % 60);
}

static char *put_pair(char *to, int value, char behind)
{
    to[0] = (char)('0' + value / 10);
    to[1] = (char)('0' + value % 10);
    to[2] = behind;
    return to + 3;
}

/* printf would take most of the time that a message's hops take. */
void mb_date_format_utc(int64_t unix_time, char out[MB_DATE_TEXT_MAX])
{
    Civil civil = civil_of(CLAMP(unix_time, YEAR_0, YEAR_9999_END));

    out = put_pair(out, civil.year / 100, '0') - 1;
    out = put_pair(out, civil.year % 100, '-');
    out = put_pair(out, civil.month, '-');
    out = put_pair(out, civil.day, 'T');
    out = put_pair(out, civil.hour, ':');
    out = put_pair(out, civil.minute, ':');
    out = put_pair(out, civil.second, 'Z');
    *out = '\0';
}
