/*
 * Dates (RFC 5322, 3.3 and 4.3).
 *
 *   date-time = [ day-name "," ] day month year hour ":" minute [ ":" second ] zone
 *
 * Parsing is lenient and says so: obsolete zones, two- and three-digit years, comments, a missing
 * zone, single-letter zones, second 60, ctime's order, ISO 8601. A date that cannot exist (31 Feb,
 * 25:00) keeps its fields and is not valid. The raw value stays the caller's.
 */
#pragma once

#include <glib.h>
#include <mailbatch/mime/flaw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef enum {
    MB_ZONE_GIVEN,   /* numeric, or a name that RFC 5322 defines */
    MB_ZONE_UNKNOWN, /* -0000, a military letter, an unknown name: the time is UTC, the place untold
                      */
    MB_ZONE_MISSING, /* none: taken as UTC */
} MbZoneKind;

typedef struct {
    bool valid;           /* the fields name a moment; `unix_time` can be used */
    int64_t unix_time;    /* seconds since 1970 in UTC; second 60 counts as the next minute's 0 */
    int year, month, day; /* as written, years completed; month 1–12 */
    int hour, minute, second; /* second 0–60 */
    int zone_minutes;         /* east of UTC */
    MbZoneKind zone;
} MbDate;

/* False when no date was found at all (flaw date-malformed); then `date` is all zero. True with
 * `valid` false when the fields make no moment. */
bool mb_date_parse(const char *value, size_t length, MbDate *date, MbFlaws *flaws);

#define MB_DATE_TEXT_MAX 48

/* "Mon, 23 Nov 2026 16:34:51 +0100": for a Date field, always with a numeric zone. Years 0–9999,
 * others are clamped. */
void mb_date_format(int64_t unix_time, int zone_minutes, char out[MB_DATE_TEXT_MAX]);

/* "2026-11-23T15:34:51Z". */
void mb_date_format_utc(int64_t unix_time, char out[MB_DATE_TEXT_MAX]);

/* Days since 1970-01-01 of a day in the proleptic Gregorian calendar. */
int64_t mb_date_days(int year, int month, int day);

G_END_DECLS
