#include "model_check.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "weir/clock.h"
#include "weir/http.h"
#include "weir/nearest.h"
#include "weir/provider.h"

#define NAMES_TOLD 8
#define IN_FLIGHT 64

/* One request, and what came of it. */
struct asking {
	bool done, listed, there; /* there: the one model that was asked for */
	const struct model *model;
	struct buffer names;
	struct reply why; /* not listed */
	int status;
	char location[200];
};

/* What is asked once for all models that share it. */
struct place {
	const struct model *of; /* the first of them */
	struct asking list, open, below;
	struct model without_key, versioned;
	char versioned_url[PROVIDER_URL_MAX];
};

struct checking {
	struct http *http;
	const struct models *models;
	struct place *places;
	size_t place_count;
	struct asking *ones; /* a model: asked for it alone */
};

/* ---- asking ---- */

static void came(void *owner, const struct http_response *r)
{
	struct asking *a = owner;
	struct weir_text to;
	a->done = true;
	a->status = r->status;
	a->there = provider_read_one(r, a->model->model);
	a->listed = provider_read_models(a->model, r, &a->names, &a->why) == 0;
	if (r->status / 100 == 3 && http_header(r, "location", &to) == 0)
		snprintf(a->location, sizeof a->location, "%.*s", (int)to.size, to.data);
}

static void begin(struct checking *c, struct asking *a, const struct model *m, bool one)
{
	struct buffer texts = BUFFER_INIT;
	struct http_request request;
	struct weir_error *why = &a->why.error;
	a->model = m;
	if (provider_models(m, one, &texts, &request, why) == 0) {
		request.done = came;
		request.owner = a;
		if (http_begin(c->http, &request, NULL, why) < 0)
			a->done = true;
	}
	buffer_release(&texts);
}

/* Until all have ended; each has a timeout. */
static int await(struct checking *c, struct weir_error *err)
{
	while (http_in_flight(c->http) > 0) {
		struct pollfd fd = {.fd = http_fd(c->http), .events = POLLIN};
		int64_t ms = (http_next_us(c->http) - clock_us()) / 1000 + 1;
		if (command_stop)
			return weir_fail(err, "interrupted", "interrupted");
		(void)poll(&fd, 1, ms < 0 ? 0 : ms < 200 ? (int)ms : 200);
		http_turn(c->http);
	}
	return 0;
}

/* ---- places ---- */

static bool same(const char *a, const char *b) { return a && b ? strcmp(a, b) == 0 : a == b; }

static struct place *place_of(struct checking *c, const struct model *m)
{
	for (size_t i = 0; i < c->place_count; i++) {
		const struct model *of = c->places[i].of;
		if (of->provider == m->provider && same(of->base_url, m->base_url) &&
		    same(of->query, m->query) && same(of->key, m->key))
			return &c->places[i];
	}
	return NULL;
}

static void add_place(struct checking *c, const struct model *m)
{
	if (m->provider == PROVIDER_LOCAL || place_of(c, m))
		return;
	struct place *p = &c->places[c->place_count++];
	p->of = m;
	begin(c, &p->list, m, false);
	if (!m->key)
		return;
	p->without_key = *m;
	p->without_key.key = NULL;
	begin(c, &p->open, &p->without_key, false);
}

/* Where somebody may have left a version out. */
static void ask_below(struct checking *c, struct place *p)
{
	size_t size = strlen(p->of->base_url);
	if (p->of->provider != PROVIDER_OPENAI || strcmp(p->list.why.error.code, "no_list") != 0 ||
	    (size > 3 && strcmp(p->of->base_url + size - 3, "/v1") == 0))
		return;
	snprintf(p->versioned_url, sizeof p->versioned_url, "%s/v1", p->of->base_url);
	p->versioned = *p->of;
	p->versioned.base_url = p->versioned_url;
	begin(c, &p->below, &p->versioned, false);
}

/* An alias is often not listed. */
static void ask_one(struct checking *c, size_t i)
{
	const struct model *m = models_at(c->models, i);
	struct place *p = m->provider != PROVIDER_LOCAL ? place_of(c, m) : NULL;
	if (p && p->list.listed && !provider_has_model(&p->list.names, m->model))
		begin(c, &c->ones[i], m, true);
}

/* ---- telling ---- */

static void say(struct model_finding *f, const char *fmt, ...) WEIR_FORMAT(2, 3);
static void advise(struct model_finding *f, const char *fmt, ...) WEIR_FORMAT(2, 3);

/* Behind what is told already. */
static void say(struct model_finding *f, const char *fmt, ...)
{
	size_t size = strlen(f->text);
	va_list args;
	va_start(args, fmt);
	vsnprintf(f->text + size, sizeof f->text - size, fmt, args);
	va_end(args);
}

static void advise(struct model_finding *f, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	vsnprintf(f->advice, sizeof f->advice, fmt, args);
	va_end(args);
}

/* METHOD's address; the key is in a header, which is not looked at. */
static void tell_url(struct model_finding *f, const struct model *m, const char *path)
{
	say(f, "%s%s%s%s", m->base_url, path, m->query ? "?" : "", m->query ? m->query : "");
}

static const char *call_path(const struct model *m)
{
	return m->provider == PROVIDER_ANTHROPIC ? "/messages" : "/chat/completions";
}

/* The nearest first. */
static void tell_names(struct model_finding *f, const struct buffer *names, const char *wanted)
{
	struct nearest nearest;
	size_t told = 0, rest = 0;
	nearest_init(&nearest, wanted);
	for (size_t at = 0; at < names->size; at += strlen(names->data + at) + 1)
		nearest_try(&nearest, names->data + at);
	if (*nearest.name) {
		say(f, "%s", nearest.name);
		told = 1;
	}
	for (size_t at = 0; at < names->size; at += strlen(names->data + at) + 1) {
		if (strcmp(names->data + at, nearest.name) == 0)
			continue;
		if (told < NAMES_TOLD)
			say(f, "%s%.80s", told++ ? ", " : "", names->data + at);
		else
			rest++;
	}
	if (told == 0)
		say(f, "none");
	if (rest > 0)
		say(f, ", and %zu more", rest);
}

/* Vendors whose lists do not hold all that they answer to: Azure lists base models, and calls name
 * deployments; Fireworks lists a choice. */
static bool lists_all(const struct model *m)
{
	static const char *const others[] = {".azure.com", "/openai/deployments/",
					     "api.fireworks.ai"};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (strstr(m->base_url, others[i]))
			return false;
	return true;
}

static void tell_listed(const struct place *p, const struct asking *one, const struct model *m,
			struct model_finding *f)
{
	if (m->key)
		say(f, ": reachable, %s",
		    p->open.listed ? "key not tried (its list of models is open to all)"
				   : "key accepted");
	else
		say(f, ": reachable");
	if (provider_has_model(&p->list.names, m->model) || one->there) {
		say(f, ", model is there");
		return;
	}
	f->level = lists_all(m) ? LEVEL_FAIL : LEVEL_WARN;
	say(f, ", but the server has no model %s; it has: ", m->model);
	tell_names(f, &p->list.names, m->model);
	advise(f, "%s",
	       lists_all(m) ? "mend `model` in the models file"
			    : "not all that can be called is in its list");
}

static void tell_no_list(const struct place *p, const struct model *m, struct model_finding *f)
{
	f->level = p->below.listed ? LEVEL_FAIL : LEVEL_WARN;
	say(f, ": reachable, but no list of models is at ");
	tell_url(f, m, "/models");
	say(f, " (%s), so %s; calls go to ", p->list.why.error.text,
	    m->key ? "neither key nor model was checked" : "the model was not checked");
	tell_url(f, m, call_path(m));
	if (p->below.listed)
		advise(f, "there is one at %s/models: write base_url: %s", p->versioned_url,
		       p->versioned_url);
	else
		advise(f, "no fault where that address is right");
}

/* Nothing that a server says is a surprise to whoever waits for it, but for these. */
static void tell_failed(const struct place *p, const struct model *m, struct model_finding *f)
{
	const struct asking *a = &p->list;
	f->level = LEVEL_FAIL;
	if (a->status == 0) {
		say(f, ": not reachable: %s", a->why.error.text);
		advise(f, "is it running, and is base_url right?");
	} else if (a->status == 401) {
		say(f,
		    m->key ? ": reachable, but the key is not accepted: %s"
			   : ": reachable, but it wants a key: %s",
		    a->why.error.text);
		advise(f, "mend key_env or key_file in the models file, or what they name");
	} else if (a->status / 100 == 3) {
		say(f, ": it leads elsewhere: HTTP %d %s", a->status, a->location);
		advise(f, "write that address as base_url: calls are not led on");
	} else {
		f->level = LEVEL_WARN;
		say(f, ": reachable, but its list of models could not be read: %s",
		    a->why.error.text);
		advise(f, "calls go to %s%s%s%s", m->base_url, call_path(m), m->query ? "?" : "",
		       m->query ? m->query : "");
	}
}

static void tell(struct checking *c, size_t i, struct model_finding *f)
{
	const struct model *m = models_at(c->models, i);
	const struct place *p = place_of(c, m);
	*f = (struct model_finding){.level = LEVEL_OK};
	say(f, "%s: %s at ", m->name, m->model);
	tell_url(f, m, "");
	say(f, "%s%s", m->mode == MODEL_BATCH ? ", in batches" : "",
	    m->key ? "" : ", without a key");
	if (p->list.listed)
		tell_listed(p, &c->ones[i], m, f);
	else if (strcmp(p->list.why.error.code, "no_list") == 0)
		tell_no_list(p, m, f);
	else
		tell_failed(p, m, f);
}

/* ---- together ---- */

static int ask_all(struct checking *c, struct weir_error *err)
{
	size_t n = models_count(c->models);
	for (size_t i = 0; i < n; i++)
		add_place(c, models_at(c->models, i));
	if (await(c, err) < 0)
		return -1;
	for (size_t i = 0; i < c->place_count; i++)
		ask_below(c, &c->places[i]);
	for (size_t i = 0; i < n; i++)
		ask_one(c, i);
	return await(c, err);
}

static void release(struct asking *a)
{
	buffer_release(&a->names);
	reply_release(&a->why);
}

static void close_all(struct checking *c)
{
	http_close(c->http);
	for (size_t i = 0; c->places && i < c->place_count; i++) {
		release(&c->places[i].list);
		release(&c->places[i].open);
		release(&c->places[i].below);
	}
	for (size_t i = 0; c->ones && i < models_count(c->models); i++)
		release(&c->ones[i]);
	free(c->places);
	free(c->ones);
}

int model_check(const struct models *models, struct model_finding *out, struct weir_error *err)
{
	struct checking c = {.models = models};
	size_t n = models_count(models);
	int rc = http_open(IN_FLIGHT, &c.http, err);
	if (rc < 0)
		return -1;
	c.places = calloc(n, sizeof *c.places);
	c.ones = calloc(n, sizeof *c.ones);
	rc = c.places && c.ones ? ask_all(&c, err) : weir_fail_memory(err);
	for (size_t i = 0; rc == 0 && i < n; i++)
		if (models_at(models, i)->provider != PROVIDER_LOCAL)
			tell(&c, i, &out[i]);
	close_all(&c);
	return rc;
}
