/* log.h: one line an event, on standard error: event word first, then key=value pairs.
 * Control characters are escaped, so that no value can forge a line. */
#ifndef WEIR_LOG_H
#define WEIR_LOG_H

#include "weir/error.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Lines below the level are dropped. Preset: LOG_INFO. */
void log_set_level(enum log_level level);

/* "debug", "info", "warn", "error". 0, or -1 for another word. */
int log_level_parse(const char *word, enum log_level *out) WEIR_MUST_CHECK;

/* Writes `event ts=... level=... pairs`. event: one word, [a-z_]. Put quotes around a %s that may
 * hold spaces: key="%s". Lines are cut at 2 KiB; each is one write(2). Never fails and keeps errno.
 * Whoever reads it may hang (a terminal that is stopped, a collector of logs): a full pipe is
 * waited for once in ten seconds, for less than a second. Then lines are left out until there is
 * room again, and `log_stalled` says how many. ts is UTC, ISO 8601, with milliseconds. */
void log_event(enum log_level level, const char *event, const char *fmt, ...) WEIR_FORMAT(3, 4);

#endif
