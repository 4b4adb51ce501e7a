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
#include "out.h"
#include "weir/null_mark.h"
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

static const struct weir_field tables[] = {
	{"news_articles", WEIR_IS_INTEGER, WEIR_EITHER, "its column sentiment_score"},
	{"reddit_posts", WEIR_IS_INTEGER, WEIR_EITHER, "its column sentiment_score"},
	{0},
};

/* In the same order. */
static const char *const updates[] = {UPDATE_SCORES("news_articles"),
				      UPDATE_SCORES("reddit_posts")};

#define TABLES (sizeof updates / sizeof *updates)

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

/* "local" is always there, and most items name it: that needs no look-up. -1: err says why. */
static int model_of(const struct state *s, const struct weir_item *item, struct weir_error *err)
{
	struct weir_text name;
	if (s->host->map_text(item->context, "ai_model", &name) == 0 && text_is(name, "local"))
		return WEIR_MODEL_LOCAL;
	return s->host->find_model(s->host, item, err);
}

/* Absent, too, when it says nothing, or is what stands for no text. */
static struct weir_text part(const struct state *s, const struct weir_map *map, const char *name)
{
	struct weir_text text = {NULL, 0};
	if (s->host->map_type(map, name) == WEIR_IS_TEXT &&
	    s->host->map_text(map, name, &text) == 0 && null_mark_is(text.data, text.size))
		return (struct weir_text){NULL, 0};
	return text;
}

/* What a text is judged for; one without a type for its general tone. */
static const struct text_type {
	const char *name;
	enum sentiment_view view;
} text_types[] = {
	{"news", SENTIMENT_HOLDER}, {"reddit", SENTIMENT_GENERAL}, {"general", SENTIMENT_GENERAL}};

static const struct text_type *type_of(struct weir_text name)
{
	for (size_t i = 0; i < sizeof text_types / sizeof *text_types; i++)
		if (text_is(name, text_types[i].name))
			return &text_types[i];
	return NULL;
}

static int check(void *state, const struct weir_item *item, struct weir_error *err)
{
	const struct state *s = state;
	struct weir_text key = {NULL, 0}, type;
	int model = model_of(s, item, err);
	if (model < 0)
		return -1;
	s->host->map_text(item->context, "model_key", &key);
	if (model == WEIR_MODEL_LOCAL && !text_is(key, "sentiment"))
		return plugin_fail_value(err, "bad_context",
					 "with a local ai_model, model_key must be \"sentiment\"",
					 key);
	type = part(s, plugin_input(s->host, item), "text_type");
	if (type.data && !type_of(type))
		return plugin_fail_value(err, "bad_payload",
					 "text_type must be \"news\", \"reddit\" or \"general\"",
					 type);
	return 0;
}

/* ---- scoring ---- */

/* Each may be there beside the others: a summary does not hide the whole. */
static const char *const bodies[] = {"summary", "content", "text", "body"};

#define BODIES (sizeof bodies / sizeof *bodies)

static bool is_among(struct weir_text text, const struct weir_text *others, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (text.size == others[i].size &&
		    memcmp(text.data, others[i].data, text.size) == 0)
			return true;
	return false;
}

/* Nearly always one, which is not copied; several, each once, are put together in `joined`. */
static struct weir_text read_body(const struct state *s, const struct weir_map *map,
				  struct out *joined)
{
	struct weir_text found[BODIES] = {{NULL, 0}};
	size_t n = 0;
	for (size_t i = 0; i < BODIES; i++) {
		struct weir_text text = part(s, map, bodies[i]);
		if (text.data && !is_among(text, found, n))
			found[n++] = text;
	}
	if (n < 2)
		return found[0];
	for (size_t i = 0; i < n; i++) {
		out_add(joined, "\n\n", i > 0 ? 2 : 0);
		out_add(joined, found[i].data, found[i].size);
	}
	return (struct weir_text){joined->data, joined->size};
}

static void say(const struct state *s, struct weir_work work, const struct sentiment *found)
{
	char json[96];
	double score = round(found->score * 1e4) / 1e4;
	int n = snprintf(json, sizeof json, "{\"sentiment_score\":%.4f,\"label\":\"%s\"%s}", score,
			 found->label, found->judged ? "" : ",\"judged\":false");
	s->host->complete(s->host, work,
			  &(struct weir_verdict){.outcome = WEIR_DONE,
						 .result = {json, (size_t)n},
						 .note = &score,
						 .note_size = sizeof score});
}

static void score_here(const struct state *s, struct weir_work work, const struct weir_item *item)
{
	const struct weir_map *map = plugin_input(s->host, item);
	struct out joined = OUT_INIT;
	struct weir_text title = part(s, map, "title"), body = read_body(s, map, &joined);
	const struct text_type *type = type_of(part(s, map, "text_type"));
	if (joined.failed) {
		struct weir_verdict v = {.outcome = WEIR_RETRY};
		plugin_fail_memory(&v.error);
		s->host->complete(s->host, work, &v);
	} else {
		struct sentiment found =
			sentiment_score_as(type ? type->view : SENTIMENT_GENERAL, title.data,
					   title.size, body.data, body.size);
		say(s, work, &found);
	}
	out_release(&joined);
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

/* The template has checked its range, and that the label does not contradict it; one of somebody's
 * own may have no such field. */
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

/* What is told of the tables has been checked: it is an integer. */
static int64_t id_of(struct weir_text text)
{
	char digits[24];
	size_t n = text.size < sizeof digits ? text.size : sizeof digits - 1;
	memcpy(digits, text.data, n);
	digits[n] = '\0';
	return strtoll(digits, NULL, 10);
}

/* The results of items that came from no row of ours are not among them. */
static size_t collect(const char *table, const struct weir_result *results, size_t n,
		      struct score *out)
{
	size_t count = 0;
	for (size_t i = 0; i < n; i++) {
		const struct weir_result *r = &results[i];
		if (!text_is(r->table_name, table))
			continue;
		struct score *s = &out[count++];
		*s = (struct score){.pos = (int32_t)i, .id = id_of(r->record_id)};
		memcpy(&s->score, r->note, sizeof s->score);
	}
	qsort(out, count, sizeof *out, by_id);
	return count;
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

static int update(const struct state *s, struct weir_tx *tx, const char *sql, struct score *scores,
		  size_t n, const struct columns *c, struct weir_error *err)
{
	for (size_t count; (count = next_round(scores, n, c)) > 0;) {
		const struct weir_column columns[] = {
			{WEIR_INT4, c->pos}, {WEIR_INT8, c->id}, {WEIR_FLOAT8, c->score}};
		const struct weir_statement statement = {
			.sql = sql,
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
	for (size_t t = 0; t < TABLES; t++) {
		size_t count = collect(tables[t].name, results, n, scores);
		if (update(state, tx, updates[t], scores, count, &c, err) < 0)
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

/* ---- what it tells ---- */

static const struct weir_field payload[] = {
	{"title", WEIR_IS_TEXT, WEIR_EITHER, "the headline"},
	{"summary", WEIR_IS_TEXT, WEIR_EITHER, "the text, or a part of it; all parts are read"},
	{"content", WEIR_IS_TEXT, WEIR_EITHER, "the same"},
	{"text", WEIR_IS_TEXT, WEIR_EITHER, "the same"},
	{"body", WEIR_IS_TEXT, WEIR_EITHER, "the same"},
	{"text_type", WEIR_IS_TEXT, WEIR_ASIDE,
	 "news (judged for whoever holds the stock), reddit or general (general tone)"},
	{"symbol", WEIR_IS_TEXT | WEIR_IS_INTEGER, WEIR_ASIDE,
	 "the company, which a model is told"},
	{0},
};

static const struct weir_field context[] = {
	{"model_key", WEIR_IS_TEXT, WEIR_REQUIRED,
	 "sentiment; for a model, any template with a number sentiment_score"},
	{"ai_model", WEIR_IS_TEXT, WEIR_REQUIRED, "local, or one of the models file"},
	{"custom_instructions", WEIR_IS_TEXT, WEIR_OPTIONAL, "what a model is told besides"},
	{0},
};

static const struct weir_field results[] = {
	{"sentiment_score", WEIR_IS_NUMBER, WEIR_REQUIRED, "-1 to 1"},
	{"label", WEIR_IS_TEXT, WEIR_REQUIRED, "positive, neutral or negative"},
	{"judged", WEIR_IS_FLAG, WEIR_OPTIONAL,
	 "false where ai_model local knows no word of it, as in another language: it scores 0"},
	{"usage", WEIR_IS_MAP, WEIR_OPTIONAL, "of a model: calls, tokens, cost"},
	{0},
};

static const struct weir_about about = {
	.payload = payload, .context = context, .tables = tables, .results = results};

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
		.about = &about,
	};
	return &plugin;
}
