/* The kind `content`: what a Markdown document is made of (model_key document_metadata), and
 * whether it is as it should be (content_compliance). With ai_model local the answers come from its
 * text alone (analysis.h); a model that is asked does what its template says, under any model_key.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis.h"
#include "input.h"
#include "kit.h"
#include "weir/plugin.h"

struct state {
	const struct weir_host *host;
};

static struct weir_text part(const struct state *s, const struct weir_map *map, const char *name)
{
	struct weir_text text = {NULL, 0};
	s->host->map_text(map, name, &text);
	return text;
}

/* ---- what the local model does ---- */

static int write_metadata(const struct state *s, const struct weir_item *item,
			  const struct input *in, const struct document *d, struct out *result,
			  struct weir_error *err)
{
	(void)s;
	(void)item;
	if (metadata_write(d, &in->front, result) < 0)
		return plugin_fail_memory(err);
	return 0;
}

static int read_rules(const struct state *s, const struct weir_item *item, struct rules *rules,
		      struct weir_error *err)
{
	char why[WHY_MAX];
	struct weir_text told = part(s, item->context, "custom_instructions");
	if (!told.data) /* what needs no rules is still checked */
		return 0;
	if (rules_read(rules, told.data, told.size, why) == 0)
		return 0;
	return *why ? plugin_fail(err, "bad_context", "%s", why) : plugin_fail_memory(err);
}

static int write_compliance(const struct state *s, const struct weir_item *item,
			    const struct input *in, const struct document *d, struct out *result,
			    struct weir_error *err)
{
	struct rules rules = {.folded = OUT_INIT};
	int rc = read_rules(s, item, &rules, err);
	if (rc == 0 && compliance_write(d, &in->front, &rules, result) < 0)
		rc = plugin_fail_memory(err);
	rules_release(&rules);
	return rc;
}

static const struct task {
	const char *model_key;
	int (*write)(const struct state *s, const struct weir_item *item, const struct input *in,
		     const struct document *d, struct out *result, struct weir_error *err);
} tasks[] = {
	{"document_metadata", write_metadata},
	{"content_compliance", write_compliance},
};

static const struct task *find_task(const struct state *s, const struct weir_item *item)
{
	struct weir_text key = part(s, item->context, "model_key");
	for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++)
		if (text_is(key, tasks[i].model_key))
			return &tasks[i];
	return NULL;
}

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

static int check_payload(const struct state *s, const struct weir_item *item,
			 struct weir_error *err)
{
	struct input in;
	int rc = input_read(&in, s->host, plugin_input(s->host, item), err);
	input_release(&in);
	return rc;
}

static int check_local(const struct state *s, const struct weir_item *item, struct weir_error *err)
{
	struct weir_text key = part(s, item->context, "model_key");
	const struct task *task = find_task(s, item);
	struct rules rules = {.folded = OUT_INIT};
	if (!task)
		return plugin_fail_value(err, "bad_context",
					 "with a local ai_model, model_key must be "
					 "\"document_metadata\" or \"content_compliance\"",
					 key);
	int rc = task->write == write_compliance ? read_rules(s, item, &rules, err) : 0;
	rules_release(&rules);
	return rc;
}

static int check(void *state, const struct weir_item *item, struct weir_error *err)
{
	const struct state *s = state;
	if (check_payload(s, item, err) < 0)
		return -1;
	switch (s->host->find_model(s->host, item, err)) {
	case WEIR_MODEL_LOCAL:
		return check_local(s, item, err);
	case WEIR_MODEL_REMOTE:
		return 0;
	default:
		return -1;
	}
}

static int analyze(const struct state *s, const struct weir_item *item, struct out *result,
		   struct weir_error *err)
{
	struct input in;
	struct document d;
	int rc = input_read(&in, s->host, plugin_input(s->host, item), err);
	if (rc == 0 && document_open(&d, in.text.data, in.text.size, in.line) < 0) {
		rc = plugin_fail_memory(err);
	} else if (rc == 0) {
		rc = find_task(s, item)->write(s, item, &in, &d, result, err);
		document_close(&d);
	}
	input_release(&in);
	return rc;
}

static void work_here(const struct state *s, struct weir_work work, const struct weir_item *item)
{
	struct out result = OUT_INIT;
	struct weir_verdict v = {.outcome = WEIR_DONE};
	if (analyze(s, item, &result, &v.error) < 0)
		v.outcome = text_is((struct weir_text){v.error.code, strlen(v.error.code)},
				    "out_of_memory")
				    ? WEIR_RETRY
				    : WEIR_REJECT;
	v.result = (struct weir_text){result.data, result.size};
	s->host->complete(s->host, work, &v);
	out_release(&result);
}

static void process(void *state, struct weir_work work, const struct weir_item *item)
{
	const struct state *s = state;
	struct weir_verdict v = {.outcome = WEIR_REJECT};
	switch (s->host->find_model(s->host, item, &v.error)) {
	case WEIR_MODEL_LOCAL:
		work_here(s, work, item);
		break;
	case WEIR_MODEL_REMOTE:
		s->host->ask(s->host, work);
		break;
	default:
		s->host->complete(s->host, work, &v);
	}
}

static void answer(void *state, struct weir_work work, const struct weir_item *item,
		   const struct weir_answer *a)
{
	const struct state *s = state;
	(void)item;
	s->host->complete(s->host, work,
			  &(struct weir_verdict){.outcome = WEIR_DONE, .result = a->json});
}

static void close_plugin(void *state) { free(state); }

/* ---- what it tells ---- */

static const struct weir_field payload[] = {
	{"text", WEIR_IS_TEXT, WEIR_PRESENT, "the document, Markdown; for a model not blank"},
	{"front_matter", WEIR_IS_MAP, WEIR_OPTIONAL,
	 "what stands before it; it wins over what "
	 "text begins with, where line is not given"},
	{"line", WEIR_IS_INTEGER, WEIR_ASIDE,
	 "of the file, where text begins behind its front "
	 "matter; preset 1"},
	{"path", WEIR_IS_TEXT, WEIR_ASIDE, "the file, which a model is told"},
	{0},
};

static const struct weir_field context[] = {
	{"model_key", WEIR_IS_TEXT, WEIR_REQUIRED,
	 "document_metadata or content_compliance; for a model, any template"},
	{"ai_model", WEIR_IS_TEXT, WEIR_REQUIRED, "local, or one of the models file"},
	{"custom_instructions", WEIR_IS_TEXT, WEIR_OPTIONAL,
	 "rules of content_compliance, a line each; what a model is told besides"},
	{0},
};

static const struct weir_field results[] = {
	{"title", 0, WEIR_OPTIONAL, "document_metadata, with words, headings, links and more"},
	{"compliant", WEIR_IS_FLAG, WEIR_OPTIONAL,
	 "content_compliance, with fault_count and faults"},
	{"*", 0, WEIR_OPTIONAL, "of a model: the fields of its template, and usage"},
	{0},
};

static const struct weir_about about = {.payload = payload, .context = context, .results = results};

const struct weir_plugin *weir_plugin(void);

const struct weir_plugin *weir_plugin(void)
{
	static const struct weir_plugin plugin = {
		.abi_major = WEIR_ABI_MAJOR,
		.abi_minor = WEIR_ABI_MINOR,
		.struct_size = sizeof plugin,
		.kind = "content",
		.version = "1.0",
		.summary = "metadata and compliance of Markdown documents",
		.open = open_plugin,
		.check = check,
		.process = process,
		.answer = answer,
		.close = close_plugin,
		.sample = "{\"custom_id\":\"guide\",\"path\":\"guide.md\",\"front_matter\":"
			  "{\"title\":\"A guide\"},\"line\":4,\"text\":\"# A guide\\n\\nHow to "
			  "begin.\\n\"}",
		.about = &about,
	};
	return &plugin;
}
