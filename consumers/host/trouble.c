#include "trouble.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NAME_ROOM 140 /* schema.table, quoted */

static bool is_class(const struct trouble *t, const char *prefix)
{
	return strncmp(t->sqlstate, prefix, strlen(prefix)) == 0;
}

/* ---- which object it is about ---- */

static bool is_name(char c) { return isalnum((unsigned char)c) || strchr("_.$\"", c); }

static size_t take_name(const char *at, const char *end, char out[NAME_ROOM])
{
	size_t n = 0;
	while (at + n < end && *(at + n) && is_name(at[n]) && n + 1 < NAME_ROOM)
		n++;
	memcpy(out, at, n);
	out[n] = '\0';
	return n;
}

/* `while updating tuple (0,150) in relation "news_articles"`, in whatever language: what is quoted
 * behind a pair of numbers. */
static bool of_context(const char *context, char out[NAME_ROOM])
{
	const char *at = strchr(context, '(');
	unsigned block, tuple;
	while (at && sscanf(at, "(%u,%u)", &block, &tuple) != 2)
		at = strchr(at + 1, '(');
	at = at ? strchr(at, '"') : NULL;
	if (!at)
		return false;
	int n = snprintf(out, NAME_ROOM, "%.*s", (int)strcspn(at + 1, "\"\n"), at + 1);
	return n > 0 && n < NAME_ROOM;
}

/* Where in a statement the words stand, one behind the other; NULL: nowhere. */
static const char *find_words(const char *sql, const char *end, const char *word, const char *next)
{
	size_t n = strlen(word), m = strlen(next);
	for (const char *at = sql; at + n < end; at++) {
		if (strncasecmp(at, word, n) != 0 || !isspace((unsigned char)at[n]) ||
		    (at > sql && is_name(at[-1])))
			continue;
		const char *behind = at + n;
		while (behind < end && isspace((unsigned char)*behind))
			behind++;
		if (m == 0)
			return behind;
		if ((size_t)(end - behind) <= m || strncasecmp(behind, next, m) != 0)
			continue;
		for (behind += m; behind < end && isspace((unsigned char)*behind);)
			behind++;
		return behind;
	}
	return NULL;
}

/* The table that it writes to, or the one at the place that the server names. */
static bool of_sql(const struct trouble *t, char out[NAME_ROOM])
{
	static const struct {
		const char *word, *next;
	} writes[] = {{"INSERT", "INTO"}, {"UPDATE", ""}, {"DELETE", "FROM"}};
	const char *sql = t->sql.data, *end = sql + t->sql.size;
	if (!sql)
		return false;
	if (t->at > 0 && t->at <= t->sql.size && take_name(sql + t->at - 1, end, out) > 0)
		return true;
	for (size_t i = 0; i < sizeof writes / sizeof *writes; i++) {
		const char *at = find_words(sql, end, writes[i].word, writes[i].next);
		if (at && take_name(at, end, out) > 0 && strcasecmp(out, "SET") != 0)
			return true;
	}
	return false;
}

static bool object_of(const struct trouble *t, char out[NAME_ROOM])
{
	return of_context(t->context, out) || of_sql(t, out);
}

/* The innermost line of the context, where a function of somebody's was at work. */
static const char *function_of(const struct trouble *t, char out[NAME_ROOM])
{
	const char *at = strstr(t->context, "function ");
	*out = '\0';
	if (at)
		snprintf(out, NAME_ROOM, "%.*s", (int)strcspn(at, "\n"), at);
	return out;
}

/* ---- what may pass ---- */

static void tell(struct weir_error *out, const char *code, const char *what, const char *how,
		 const struct trouble *t)
{
	char object[NAME_ROOM], function[NAME_ROOM];
	bool known = object_of(t, object);
	function_of(t, function);
	weir_fail(out, code, "%s%s%s%s%s%s", what, known ? how : "", known ? object : "",
		  *function ? " (in " : "", function, *function ? ")" : "");
}

void trouble_stuck(const struct trouble *t, struct weir_error *out)
{
	if (is_class(t, "55P03"))
		tell(out, "locked", "waits for a lock", " on ", t);
	else if (is_class(t, "57014"))
		tell(out, "slow_store", "storing it takes too long", ", at ", t);
	else if (is_class(t, "40"))
		tell(out, "conflict", t->text, ", at ", t);
	else
		weir_fail(out, "store_away", "it cannot be stored now: %.300s (SQLSTATE %s)",
			  t->text, t->sqlstate);
}

/* ---- what a person has to mend ---- */

/* "permission denied for table news_articles": the kind of object, and its name. */
static bool read_denied(const char *text, char kind[16], char name[NAME_ROOM])
{
	return sscanf(text, "permission denied for %15s %139[^\n]", kind, name) == 2;
}

/* Those that the statement has words for; of a table. */
static void list_rights(const struct trouble *t, char out[64])
{
	static const char *const verbs[] = {"SELECT", "INSERT", "UPDATE", "DELETE"};
	const char *sql = t->sql.data, *end = sql + t->sql.size;
	size_t n = 0;
	*out = '\0';
	for (size_t i = 0; sql && i < sizeof verbs / sizeof *verbs; i++)
		if (find_words(sql, end, verbs[i], ""))
			n += (size_t)snprintf(out + n, 64 - n, "%s%s", n ? ", " : "", verbs[i]);
	if (n == 0)
		snprintf(out, 64, "SELECT, INSERT, UPDATE");
}

static void tell_grant(const struct trouble *t, char *out, size_t room)
{
	static const struct {
		const char *kind, *right, *on;
	} rights[] = {{"table", NULL, ""},
		      {"view", NULL, ""},
		      {"sequence", "USAGE", "SEQUENCE "},
		      {"schema", "USAGE", "SCHEMA "},
		      {"function", "EXECUTE", "FUNCTION "}};
	char kind[16], name[NAME_ROOM], verbs[64];
	snprintf(out, room, "give the role %s the right", t->role);
	if (!read_denied(t->text, kind, name))
		return;
	for (size_t i = 0; i < sizeof rights / sizeof *rights; i++) {
		if (strcmp(kind, rights[i].kind) != 0)
			continue;
		list_rights(t, verbs);
		snprintf(out, room, "GRANT %s ON %s%s TO %s",
			 rights[i].right ? rights[i].right : verbs, rights[i].on, name, t->role);
	}
}

static const char *to_do(const struct trouble *t, char *room, size_t size)
{
	static const struct {
		const char *sqlstate, *what;
	} rows[] = {
		{"42P01", "make the table (weir init makes weir's own), or set the search_path"},
		{"42703", "add the column"},
		{"42883", "make the function, or set the search_path"},
		{"42704", "make it, or set the search_path"},
		{"3F000", "make the schema, or set the search_path"},
		{"42P10", "make the unique index that the statement relies on"},
		{"42804", "give the column the type that is written to it"},
		{"42809", "let it be a table that can be written to"},
		{"55000", "let it be a table that can be written to"},
	};
	if (is_class(t, "42501")) {
		tell_grant(t, room, size);
		return room;
	}
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (is_class(t, rows[i].sqlstate))
			return rows[i].what;
	return "mend the database";
}

void trouble_refused(const struct trouble *t, const char *kind, const char *job_id,
		     struct weir_error *out)
{
	char room[300], function[NAME_ROOM];
	function_of(t, function);
	weir_fail(out, "store_refused",
		  "%s cannot store: %.200s (SQLSTATE %s%s%s): %s, then weir resume %s", kind,
		  t->text, t->sqlstate, *function ? ", in " : "", function,
		  to_do(t, room, sizeof room), job_id);
}
