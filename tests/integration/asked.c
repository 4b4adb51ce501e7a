#include "asked.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ITEMS 2000

struct job *asked_job(const char *id, const char *model, int n)
{
	struct job *job = job_new(id, "ask", n);
	job->context[0] = model;
	job->context[1] = "model_key=idea";
	for (int i = 0; i < n; i++)
		job->items[i].attempts = 1;
	return job;
}

void asked_begin(void)
{
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "ask", NULL);
}

/* ---- the log ---- */

static const char *text_of(const json_t *line, const char *name)
{
	const char *text = json_string_value(json_object_get(line, name));
	return text ? text : "";
}

/* The item that a line of the log is about: -1: none of this job's. */
static int item_of(const struct job *job, const json_t *line)
{
	char key[64], wanted[64];
	long long amount;
	int n;
	snprintf(wanted, sizeof wanted, "%s.k", job->id);
	if (sscanf(text_of(line, "user"), "The key is %63[^,], the amount %lld", key, &amount) !=
		    2 ||
	    strncmp(key, wanted, strlen(wanted)) != 0)
		return -1;
	n = (int)(amount - 1000);
	EXPECT(n >= 0 && n < job->size && strcmp(key, job->items[n].key) == 0,
	       "%s: no item has the key %s and the amount %lld", job->id, key, amount);
	return n >= 0 && n < job->size ? n : -1;
}

static void add_call(struct asked_item *one, const json_t *line)
{
	if (one->calls < 8) {
		one->ms[one->calls] = json_integer_value(json_object_get(line, "ms"));
		one->status[one->calls] = (int)json_integer_value(json_object_get(line, "status"));
	}
	one->calls++;
	if (!json_is_true(json_object_get(line, "billed")))
		return;
	one->billed++;
	snprintf(one->hash, sizeof one->hash, "%s", text_of(line, "hash"));
}

const struct asked_item *asked_items(const struct job *job, const char *model, const char *system)
{
	static struct asked_item items[ITEMS];
	size_t k;
	int i, wrong = 0;
	json_t *line, *log = fake_log();
	memset(items, 0, sizeof items);
	json_array_foreach(log, k, line)
	{
		if ((i = item_of(job, line)) < 0 || i >= ITEMS)
			continue;
		add_call(&items[i], line);
		wrong += (model && strcmp(text_of(line, "model"), model) != 0) ||
			 (system && strcmp(text_of(line, "system"), system) != 0);
	}
	json_decref(log);
	EXPECT(wrong == 0, "%s: %d calls were of another model, or had another system text",
	       job->id, wrong);
	return items;
}

/* ---- what must hold ---- */

void expect_billed(const struct job *job, int times)
{
	int wrong = 0;
	const struct asked_item *items = asked_items(job, NULL, NULL);
	for (int i = 0; i < job->size; i++)
		if (items[i].billed != times && wrong++ < 5)
			EXPECT(false, "%s %s was billed %d times in %d calls, not %d", job->id,
			       job->items[i].id, items[i].billed, items[i].calls, times);
	EXPECT(wrong == 0, "%d items of %s were not billed %d times", wrong, job->id, times);
}

void expect_answers(const struct job *job, const char *model, const char *system)
{
	int wrong = 0;
	const struct asked_item *items = asked_items(job, model, system);
	PGresult *r = sql_rows("SELECT left(result->>'title', 16), result->'usage'->>'ai_model'"
			       " FROM batch_items WHERE job_id = '%s' ORDER BY ordinal",
			       job->id);
	for (int i = 0; i < job->size && i < PQntuples(r); i++) {
		if (job->items[i].failure)
			continue;
		bool right = strcmp(PQgetvalue(r, i, 0), items[i].hash) == 0 &&
			     strcmp(PQgetvalue(r, i, 1), strchr(job->context[0], '=') + 1) == 0;
		if (!right && wrong++ < 5)
			EXPECT(false, "%s %s: the result is of %s by %s, not of %s", job->id,
			       job->items[i].id, PQgetvalue(r, i, 0), PQgetvalue(r, i, 1),
			       items[i].hash);
	}
	PQclear(r);
	EXPECT(wrong == 0, "%d items of %s have the answer of another request", wrong, job->id);
	EXPECT_INT(sql("SELECT count(*) FROM weir.calls"), 0);
}
