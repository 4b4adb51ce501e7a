/* What was asked, and how much of it at once. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "fake.h"

#define ROWS_MAX 1024
#define SECONDS_MAX 7200

static struct row {
	const struct route *route;
	char model[128];
	int status;
	int64_t n;
} rows[ROWS_MAX];

static struct {
	size_t rows;
	int64_t requests, billed, in_flight, most_in_flight;
	int64_t first_second, seconds[SECONDS_MAX];
} counts;

static struct buffer lines;

static void count_second(int64_t now_ms)
{
	int64_t second = now_ms / 1000;
	if (!counts.first_second)
		counts.first_second = second;
	if (second - counts.first_second < SECONDS_MAX)
		counts.seconds[second - counts.first_second]++;
}

void log_begin(struct call *c)
{
	c->begun = true;
	counts.requests++;
	count_second(c->began_ms);
	if (++counts.in_flight > counts.most_in_flight)
		counts.most_in_flight = counts.in_flight;
}

void log_end(void) { counts.in_flight -= counts.in_flight > 0; }

static void count_row(const struct route *route, const char *model, int status)
{
	size_t i = 0;
	while (i < counts.rows && (rows[i].route != route || rows[i].status != status ||
				   strncmp(rows[i].model, model, sizeof rows[i].model - 1) != 0))
		i++;
	if (i == ROWS_MAX)
		return;
	if (i == counts.rows) {
		rows[counts.rows++] = (struct row){.route = route, .status = status};
		strncpy(rows[i].model, model, sizeof rows[i].model - 1);
	}
	rows[i].n++;
}

static void set_text(json_t *line, const char *name, const char *data, size_t size)
{
	if (size)
		json_object_set_new(line, name, json_stringn(data, size));
}

/* The system text ends with two lines about the answer's form. */
static size_t without_schema(const struct buffer *system)
{
	static const char phrase[] = "Answer with one JSON object and nothing else.";
	char *at =
		system->size ? memmem(system->data, system->size, phrase, sizeof phrase - 1) : NULL;
	size_t n = at ? (size_t)(at - system->data) : system->size;
	while (n > 0 && system->data[n - 1] == '\n')
		n--;
	return n;
}

json_t *log_line(const struct asked *a)
{
	json_t *line = json_pack("{s:s?}", "model", a->model);
	if (!a->turns)
		return line;
	json_object_set_new(line, "hash", json_string(a->hash));
	json_object_set_new(line, "turns", json_integer((json_int_t)a->turns));
	set_text(line, "user", a->user.data, a->user.size);
	set_text(line, "last", a->last.data, a->last.size);
	set_text(line, "system", a->system.data, without_schema(&a->system));
	return line;
}

void log_json(json_t *line, bool billed)
{
	counts.billed += billed;
	json_object_set_new(line, "billed", json_boolean(billed));
	buffer_add_dump(&lines, line);
	buffer_add_char(&lines, '\n');
	json_decref(line);
}

static json_t *ids_of(json_t *requests)
{
	size_t i;
	json_t *request, *ids = json_array();
	json_array_foreach(requests, i, request)
		json_array_append(ids, json_object_get(request, "custom_id"));
	return ids;
}

static enum MHD_Result add_header(void *to, enum MHD_ValueKind kind, const char *name,
				  const char *value)
{
	char lower[128] = {0};
	(void)kind;
	for (size_t i = 0; name[i] && i + 1 < sizeof lower; i++)
		lower[i] = (char)tolower((unsigned char)name[i]);
	json_object_set_new(to, lower, json_string(value ? value : ""));
	return MHD_YES;
}

/* Only when it is asked for: it is much. */
static void add_record(json_t *line, struct call *c)
{
	if (!json_is_true(script_part("record")) && !settings_of_fake.record)
		return;
	json_t *headers = json_object(), *query = json_object();
	MHD_get_connection_values(c->connection, MHD_HEADER_KIND, add_header, headers);
	MHD_get_connection_values(c->connection, MHD_GET_ARGUMENT_KIND, add_header, query);
	json_object_set_new(line, "headers", headers);
	json_object_set_new(line, "query", query);
	json_t *body = c->json ? json_incref(c->json)
			       : json_stringn(c->body.data ? c->body.data : "", c->body.size);
	json_object_set_new(line, "body", body ? body : json_null());
}

void log_lost(struct call *c)
{
	json_t *line = json_pack("{s:I, s:s, s:s, s:i}", "ms", (json_int_t)c->began_ms, "method",
				 c->method, "url", c->url, "status", c->reply.status);
	add_record(line, c);
	log_json(line, false);
}

void log_truth(json_t *line, const struct asked *a, json_t *rule)
{
	if (!a->turns || !json_object_get(rule, "usage_form"))
		return;
	json_t *words = asked_words(a, rule);
	json_object_set_new(line, "usage", usage_truth(rule, words));
	json_decref(words);
}

void log_call(struct call *c)
{
	json_t *line = log_line(&c->asked);
	const char *key = call_header(c, "idempotency-key");
	int status = c->reply.drop || c->reply.lost ? 0 : c->reply.status;
	json_object_set_new(line, "ms", json_integer(c->began_ms));
	json_object_set_new(line, "method", json_string(c->route->method));
	json_object_set_new(line, "path", json_string(c->route->path));
	json_object_set_new(line, "status", json_integer(status));
	json_object_set_new(line, "url", json_string(c->url));
	if (key)
		json_object_set_new(line, "key", json_string(key));
	if (c->outage)
		json_object_set_new(line, "outage", json_true());
	log_truth(line, &c->asked, c->rule);
	add_record(line, c);
	if (*c->id)
		json_object_set_new(line, "batch", json_string(c->id));
	if (c->lines)
		json_object_set_new(line, "custom_ids", ids_of(c->lines));
	count_row(c->route, c->asked.model ? c->asked.model : "", status);
	log_json(line, c->reply.billed);
}

void log_get(struct call *c)
{
	batches_turn(fake_now_ms());
	c->reply.status = 200;
	c->reply.type = "application/jsonl";
	buffer_add(&c->reply.body, lines.data, lines.size);
}

static json_t *rows_json(void)
{
	json_t *list = json_array();
	for (size_t i = 0; i < counts.rows; i++)
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:i, s:I}", "method",
						rows[i].route->method, "path", rows[i].route->path,
						"model", rows[i].model, "status", rows[i].status,
						"n", (json_int_t)rows[i].n));
	return list;
}

static json_t *seconds_json(void)
{
	json_t *list = json_array();
	for (int64_t i = 0; i < SECONDS_MAX; i++)
		if (counts.seconds[i])
			json_array_append_new(list, json_pack("[I, I]",
							      (json_int_t)(counts.first_second + i),
							      (json_int_t)counts.seconds[i]));
	return list;
}

void log_counts(struct call *c)
{
	batches_turn(fake_now_ms());
	reply_json(c, json_pack("{s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "requests",
				(json_int_t)counts.requests, "billed", (json_int_t)counts.billed,
				"in_flight", (json_int_t)counts.in_flight, "most_in_flight",
				(json_int_t)counts.most_in_flight, "rows", rows_json(), "seconds",
				seconds_json(), "outage", outage_json(), "keys", keys_json()));
}

void log_reset(void)
{
	int64_t in_flight = counts.in_flight;
	memset(&counts, 0, sizeof counts);
	counts.in_flight = counts.most_in_flight = in_flight;
	buffer_reset(&lines);
}
