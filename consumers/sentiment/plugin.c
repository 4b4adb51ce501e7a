/* The kind `sentiment`: scores news and forum posts, and writes each score to the row that the item
 * came from, where it came from one. With ai_model local the score is the analyzer's (analyzer.h),
 * else a language model's, by a template with a field sentiment_score. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer.h"
#include "kit.h"
#include "weir/plugin.h"

struct state {
	const struct weir_host *host;
};

/* ---- the rows that scores belong to ---- */

/* Records are locked in the order in which unnest gives them, which is sorted. */
#define UPDATE_SCORES(table)                                                                       \
	"UPDATE " table " t SET sentiment_score = v.score"                                         \
	" FROM unnest($1::int4[], $2::int8[], $3::float8[]) AS v(pos, id, score)"                  \
	" WHERE t.id = v.id RETURNING v.pos"

static const struct target {
	const char *table, *update;
} targets[] = {
	{"news_articles", UPDATE_SCORES("news_articles")},
	{"reddit_posts", UPDATE_SCORES("reddit_posts")},
};

#define TARGETS (sizeof targets / sizeof *targets)

static const struct weir_source_query sources[] = {
	{"news_articles",
	 "SELECT 'news_articles', id::text, 'news_id_' || id,"
	 " json_build_object('text_type', 'news', 'symbol', symbol, 'title', title,"
	 " 'summary', summary) FROM news_articles ORDER BY id"},
	{"reddit_posts",
	 "SELECT 'reddit_posts', id::text, 'reddit_id_' || id,"
	 " json_build_object('text_type', 'reddit', 'symbol', symbol, 'title', title,"
	 " 'content', content) FROM reddit_posts ORDER BY id"},
	{NULL, NULL},
};

/* ---- the calls of the host ---- */

static int open_plugin(const struct weir_host *host, const void *config, void **out,
		       struct weir_error *err)
{
	(void)config;
	struct state *s = malloc(sizeof *s);
	if (!s)
		return plugin_fail_memory(err);
	s->host = host;
	*out = s;
	return 0;
}

static int check_parameter(const struct state *s, const struct weir_map *context, const char *name,
			   const char *only, struct weir_error *err)
{
	char text[128];
	struct weir_text value;
	if (s->host->map_text(context, name, &value) < 0)
		return plugin_fail(err, "bad_context", "the context lacks %s (there is: %s)", name,
				   only);
	if (text_is(value, only))
		return 0;
	snprintf(text, sizeof text, "%s must be \"%s\"", name, only);
	return plugin_fail_value(err, "bad_context", text, value);
}

/* "local" is always there, and most items name it: that needs no look-up. -1: err says why. */
static int model_of(const struct state *s, const struct weir_item *item, struct weir_error *err)
{
	struct weir_text name;
	if (s->host->map_text(item->context, "ai_model", &name) == 0 && text_is(name, "local"))
		return WEIR_MODEL_LOCAL;
	return s->host->find_model(s->host, item, err);
}

static int check(void *state, const struct weir_item *item, struct weir_error *err)
{
	const struct state *s = state;
	struct weir_text type;
	int model = model_of(s, item, err);
	if (model < 0 || (model == WEIR_MODEL_LOCAL &&
			  check_parameter(s, item->context, "model_key", "sentiment", err) < 0))
		return -1;
	if (s->host->map_text(item->payload, "text_type", &type) == 0 && !text_is(type, "news") &&
	    !text_is(type, "reddit"))
		return plugin_fail_value(err, "bad_payload",
					 "text_type must be \"news\" or \"reddit\"", type);
	return 0;
}

static struct weir_text part(const struct state *s, const struct weir_item *item, const char *name)
{
	struct weir_text text = {NULL, 0};
	s->host->map_text(item->payload, name, &text);
	return text;
}

static void score_here(const struct state *s, struct weir_work work, const struct weir_item *item)
{
	char json[96];
	struct weir_text title = part(s, item, "title");
	struct weir_text body = part(s, item, "summary");
	if (!body.data)
		body = part(s, item, "content");
	struct sentiment found =
		sentiment_score_parts(title.data, title.size, body.data, body.size);
	double score = round(found.score * 1e4) / 1e4;
	int n = snprintf(json, sizeof json, "{\"sentiment_score\":%.4f,\"label\":\"%s\"}", score,
			 found.label);
	s->host->complete(s->host, work,
			  &(struct weir_verdict){.outcome = WEIR_DONE,
						 .result = {json, (size_t)n},
						 .note = &score,
						 .note_size = sizeof score});
}

static void process(void *state, struct weir_work work, const struct weir_item *item)
{
	const struct state *s = state;
	struct weir_verdict v = {.outcome = WEIR_REJECT};
	switch (model_of(s, item, &v.error)) {
	case WEIR_MODEL_LOCAL:
		score_here(s, work, item);
		break;
	case WEIR_MODEL_REMOTE:
		s->host->ask(s->host, work);
		break;
	default:
		s->host->complete(s->host, work, &v);
	}
}

/* The template has checked its range; one of somebody's own may have no such field. The score is
 * what counts: a label that says otherwise stays in the result as the model gave it. */
static void answer(void *state, struct weir_work work, const struct weir_item *item,
		   const struct weir_answer *a)
{
	const struct state *s = state;
	double score;
	struct weir_verdict v = {
		.outcome = WEIR_DONE, .result = a->json, .note = &score, .note_size = sizeof score};
	(void)item;
	if (s->host->map_real(a->fields, "sentiment_score", &score) < 0) {
		v = (struct weir_verdict){.outcome = WEIR_REJECT};
		plugin_fail(&v.error, "bad_template",
			    "the template of this model_key has no number sentiment_score");
	}
	s->host->complete(s->host, work, &v);
}

/* ---- storing ---- */

struct score {
	int64_t id;
	double score;
	int32_t pos; /* in the results of store() */
	bool taken;
};

static int by_id(const void *a, const void *b)
{
	const struct score *x = a, *y = b;
	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return x->pos - y->pos;
}

static const struct target *target_of(struct weir_text table)
{
	for (size_t i = 0; i < TARGETS; i++)
		if (text_is(table, targets[i].table))
			return &targets[i];
	return NULL;
}

static int parse_id(struct weir_text text, int64_t *id)
{
	char digits[24], *end;
	if (text.size == 0 || text.size >= sizeof digits)
		return -1;
	memcpy(digits, text.data, text.size);
	digits[text.size] = '\0';
	*id = strtoll(digits, &end, 10);
	return *end == '\0' ? 0 : -1;
}

static int collect(const struct target *target, const struct weir_result *results, size_t n,
		   struct score *out, size_t *count, struct weir_error *err)
{
	for (size_t i = 0; i < n; i++) {
		const struct weir_result *r = &results[i];
		if (target_of(r->table_name) != target)
			continue;
		struct score *s = &out[(*count)++];
		s->pos = (int32_t)i;
		s->taken = false;
		memcpy(&s->score, r->note, sizeof s->score);
		if (parse_id(r->record_id, &s->id) < 0)
			return plugin_fail_value(err, "bad_mapping", "record_id must be a number",
						 r->record_id);
	}
	qsort(out, *count, sizeof *out, by_id);
	return 0;
}

struct columns {
	int32_t *pos;
	int64_t *id;
	double *score;
};

/* Takes the scores of which each record has one; a record that two items name (of two jobs, say) is
 * written once in each round, so that both items find it. */
static size_t next_round(struct score *scores, size_t n, const struct columns *c)
{
	size_t taken = 0;
	for (size_t i = 0; i < n; i++) {
		if (scores[i].taken || (taken && c->id[taken - 1] == scores[i].id))
			continue;
		scores[i].taken = true;
		c->pos[taken] = scores[i].pos;
		c->id[taken] = scores[i].id;
		c->score[taken++] = scores[i].score;
	}
	return taken;
}

static int update(const struct state *s, struct weir_tx *tx, const struct target *target,
		  struct score *scores, size_t n, const struct columns *c, struct weir_error *err)
{
	for (size_t count; (count = next_round(scores, n, c)) > 0;) {
		const struct weir_column columns[] = {
			{WEIR_INT4, c->pos}, {WEIR_INT8, c->id}, {WEIR_FLOAT8, c->score}};
		const struct weir_statement statement = {
			.sql = target->update,
			.columns = columns,
			.column_count = 3,
			.count = count,
			.missing_code = "record_missing",
			.missing_text = "the row that the item came from is gone",
		};
		if (s->host->tx_exec(tx, &statement, err) < 0)
			return -1;
	}
	return 0;
}

static int check_tables(const struct weir_result *results, size_t n, struct weir_error *err)
{
	for (size_t i = 0; i < n; i++)
		if (results[i].table_name.data && !target_of(results[i].table_name))
			return plugin_fail_value(err, "bad_mapping",
						 "table_name must be news_articles or reddit_posts",
						 results[i].table_name);
	return 0;
}

static int store(void *state, struct weir_tx *tx, const struct weir_result *results, size_t n,
		 struct weir_error *err)
{
	int rc = -1;
	struct score *scores = calloc(n, sizeof *scores);
	struct columns c = {calloc(n, sizeof *c.pos), calloc(n, sizeof *c.id),
			    calloc(n, sizeof *c.score)};
	if (!scores || !c.pos || !c.id || !c.score) {
		plugin_fail_memory(err);
		goto out;
	}
	if (check_tables(results, n, err) < 0)
		goto out;
	for (size_t t = 0; t < TARGETS; t++) {
		size_t count = 0;
		if (collect(&targets[t], results, n, scores, &count, err) < 0 ||
		    update(state, tx, &targets[t], scores, count, &c, err) < 0)
			goto out;
	}
	rc = 0;
out:
	free(scores);
	free(c.pos);
	free(c.id);
	free(c.score);
	return rc;
}

static void close_plugin(void *state) { free(state); }

const struct weir_plugin *weir_plugin(void);

const struct weir_plugin *weir_plugin(void)
{
	static const struct weir_plugin plugin = {
		.abi_major = WEIR_ABI_MAJOR,
		.abi_minor = WEIR_ABI_MINOR,
		.struct_size = sizeof plugin,
		.kind = "sentiment",
		.version = "1.1",
		.summary = "scores the sentiment of news and forum posts, -1 to 1",
		.open = open_plugin,
		.check = check,
		.process = process,
		.answer = answer,
		.store = store,
		.close = close_plugin,
		.sources = sources,
		.sample = "{\"custom_id\":\"news_id_42\","
			  "\"text_type\":\"news\",\"title\":\"Profit beats "
			  "forecasts\",\"summary\":\"Shares rose 8 %.\"}",
	};
	return &plugin;
}
