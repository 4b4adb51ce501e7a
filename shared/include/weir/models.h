/* models.h: the models file: what each ai_model is, where it is, what it costs, and how much of it
 * may be used. YAML; limits and prices are data, and nothing of them is in code.
 *
 *     models:
 *       fast:
 *         provider: anthropic             # anthropic, openai (any chat completions API), local
 *         model: claude-haiku-4-5         # the vendor's name for it; not given: the same name
 *         base_url: https://api.anthropic.com   # not given: the vendor's own; see below
 *         key_env: ANTHROPIC_API_KEY      # or key_file: PATH (from the file's own folder; its
 *                                         # first line; read again when it is changed);
 *                                         # neither: none is sent
 *         mode: call                      # or batch
 *         requests_per_minute: 1000       # of the whole fleet; not given: no limit
 *         input_tokens_per_minute: 450000
 *         output_tokens_per_minute: 90000
 *         max_in_flight: 200              # calls of one process at a time
 *         max_tokens: 4096                # of an answer, whatever its template says; not given:
 *                                         # the template's, or 1024
 *         temperature: 0                  # not given: none is sent, as with the next four
 *         response_format: json_schema    # openai: json_object, json_schema (the template's); none
 *         reasoning_effort: low           # openai: none, minimal, low, medium, high, xhigh or
 *                                         # default
 *         max_tokens_field: max_completion_tokens   # openai: or max_tokens; not given: the newer
 *                                         # name for OpenAI itself, also at Azure, the older for
 *                                         # all others
 *         extra: {top_p: 0.9}             # more fields of the body, as they are; none of those
 *                                         # that weir writes itself
 *         timeout: 120s                   # of a call, from its start to the last byte
 *         outage_wait: 30m                # while it serves nobody, failures charge no item for so
 *                                         # long; then each counts as an attempt
 *         input_price: 1.00               # per million tokens, in any one currency
 *         output_price: 5.00
 *         cached_input_price: 0.10        # of input tokens read from the provider's cache
 *         cache_write_price: 1.25         # written to it, for five minutes
 *         cache_write_1h_price: 2.00      # for an hour
 *         reasoning_price: 5.00           # not given: output_price, as all vendors bill it
 *         batch:                          # for mode: batch; all may be left out
 *           wait: 10s                     # for more requests, after the last one came
 *           requests: 10000               # most of one remote batch
 *           bytes: 100MB
 *           tokens: 2000000               # of their input, estimated; not given: no limit
 *           poll_least: 10s               # growing up to poll_most
 *           poll_most: 5m
 *           adopt_wait: 2m                # before a batch, or results, that are not to be
 *                                         # found there are asked for again
 *
 * A cost is told when all that it is made of is known, and is exact then. Without input_price or
 * output_price it is unknown; a price of 0 that is written down is 0. A cached or written token
 * costs, where its price is not given, what Anthropic's rule says with provider: anthropic (a tenth
 * of input_price, 1.25 times, twice; rounded to a millionth; docs.anthropic.com, Prompt caching).
 * With provider: openai there is no rule for all vendors: an answer that has such tokens has no
 * known cost then.
 *
 * base_url is the address as its vendor writes it. The path behind the host is kept, and
 * "/chat/completions" (anthropic: "/messages") is added to it. Before that
 *   - a "/" at its end, that very method, and "/models" behind a version are taken off. What ended
 *     in a method is complete; the method of another API (/responses, /completions) is a fault;
 *   - openai: nothing but a host gets "/v1". Where a vendor is known to begin elsewhere
 *     (openrouter.ai/api/v1), what is missing of that is added, be it all or the end of it. Any
 *     other path stays as it is, as with OpenAI's own SDKs: /v1, /api/v3, /v1beta/openai,
 *     /openai/deployments/NAME;
 *   - anthropic: a path that does not end in a version gets "/v1", as with Anthropic's own SDKs;
 *   - a query ("?api-version=2024-10-21") stays, behind the whole path.
 * A name, a password, a key in the query, a fragment and blanks are faults. Scheme and host become
 * small letters.
 */
#ifndef WEIR_MODELS_H
#define WEIR_MODELS_H

#include <stdbool.h>
#include <stdint.h>

#include "weir/error.h"

#define MODEL_NAME_MAX 64
#define MODELS_MAX 256
#define MODEL_MAX_TOKENS 1024 /* of an answer, when neither model nor template says */
#define MODEL_LOCAL "local"   /* there without being written down */

enum model_provider { PROVIDER_LOCAL, PROVIDER_ANTHROPIC, PROVIDER_OPENAI };
enum model_mode { MODEL_CALL, MODEL_BATCH };
enum model_format { FORMAT_NONE, FORMAT_JSON_OBJECT, FORMAT_JSON_SCHEMA };
enum model_limit { LIMIT_BY_HOST, LIMIT_MAX_TOKENS, LIMIT_MAX_COMPLETION_TOKENS };

struct model {
	char name[MODEL_NAME_MAX + 1];
	int line; /* of the file; 0: not from it */
	enum model_provider provider;
	enum model_mode mode;
	char *model;	/* NULL for a local one, as base_url */
	char *base_url; /* complete but for the method's path, which begins with "/" */
	char *query;	/* to be put behind that, without its "?"; NULL: none */
	char *key;	/* NULL: none; wiped when released */
	char *key_file; /* it came from; NULL: from no file */
	struct {
		uint64_t device, inode;
		int64_t size, changed_ns;
	} key_stamp;	      /* of the file, as it was read */
	unsigned key_changes; /* since the start: another key was in the file */
	bool key_unread;      /* it was told that the file cannot be read */

	/* Of a minute, in the whole fleet; 0: no limit. */
	int64_t requests, input_tokens, output_tokens;
	int64_t max_in_flight, timeout_ms;
	int64_t outage_ms;  /* see breaker.h */
	int64_t max_tokens; /* of an answer; 0: the template's, or MODEL_MAX_TOKENS */

	/* What is said in a call, where it is given. */
	bool has_temperature;
	int64_t temperature; /* in millionths */
	enum model_format response_format;
	const char *reasoning_effort; /* NULL: none */
	enum model_limit max_tokens_field;
	char *extra; /* fields of a JSON object, without its braces; NULL: none */

	/* Per million tokens, in millionths of the currency: what a token costs, in 10^-12. */
	int64_t input_price, output_price, cached_input_price;
	int64_t cache_write_price, cache_write_1h_price, reasoning_price;

	struct {
		int64_t wait_ms, requests, bytes, tokens; /* tokens 0: no limit */
		int64_t poll_least_ms, poll_most_ms, adopt_wait_ms;
	} batch;
};

#define PRICE_UNKNOWN INT64_C(-1)

/* What a provider counted of one answer. */
struct usage {
	int64_t input;	    /* tokens that were read, all of them */
	int64_t cached;	    /* of them: from the provider's cache */
	int64_t written;    /* of them: and written to it, for five minutes */
	int64_t written_1h; /* of them: for an hour */
	int64_t output;	    /* tokens that were made, as they are billed, all of them */
	int64_t reasoning;  /* of them */
	const char *fault;  /* why this is not what was billed, a constant text; NULL: it is */
};

struct models; /* sorted by name; holds "local" always */

/* Reads and checks the file; path NULL: there is only "local". keys: the keys are wanted, and it is
 * a fault when one cannot be had; who only names models needs none. 0, or -1 with every fault and
 * its line in err (code models_file), as many as fit; faults (may be NULL) is then all of them in
 * full, one a line, or NULL, and the caller frees it. After a 0 the caller calls models_close(). */
int models_open(const char *path, bool keys, struct models **out, char **faults,
		struct weir_error *err) WEIR_MUST_CHECK;
void models_close(struct models *m); /* NULL is fine */

/* Reads the keys again whose files were changed, and logs what came of it; what cannot be read
 * stays as it was. pressing: whatever the files look like; else at most once a second. */
void models_follow_keys(struct models *m, bool pressing);

size_t models_count(const struct models *m);
const struct model *models_at(const struct models *m, size_t i);
/* NULL: err (code bad_context) names those that there are, and says what to do. */
const struct model *models_find(const struct models *m, struct weir_text name,
				struct weir_error *err);

/* What an answer cost, in 10^-12 of the currency; or COST_UNKNOWN, and then model_cost_gap() says
 * why, in a constant text. What does not fit (9.2 million of the currency) is not known either. */
#define COST_UNKNOWN INT64_C(-1)
int64_t model_cost(const struct model *m, const struct usage *u);
const char *model_cost_gap(const struct model *m, const struct usage *u); /* NULL: it is known */
/* "0.000123" of such a cost: exact, without zeros at the end. */
#define COST_TEXT_MAX 40
void model_cost_text(int64_t cost, char out[COST_TEXT_MAX]);

#endif
