/* What the errors of providers mean. Sources: anthropic-sdk-python, src/anthropic/_base_client.py
 * (retries, Retry-After), _exceptions.py and types/shared/ (types of errors); openai-openapi,
 * openapi.yaml, and its guide to error codes. */
#include <ctype.h>
#include <curl/curl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "provider_kind.h"
#include "weir/clock.h"

enum { TEXT_MAX = 300 }; /* bytes of a vendor's message that are kept */

void reply_set(struct reply *out, enum reply_kind kind, const char *code, const char *text)
{
	out->kind = kind;
	weir_fail(&out->error, code, "%s", text);
}

/* ---- times ---- */

int64_t stamp_ms(const char *text)
{
	struct tm t = {0};
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &t);
	double fraction = 0;

	if (!rest)
		return -1;
	if (*rest == '.') {
		char *end;

		fraction = strtod(rest, &end);
		rest = end;
	}
	if (strcmp(rest, "Z") != 0 && strcmp(rest, "+00:00") != 0)
		return -1;
	return (int64_t)timegm(&t) * 1000 + (int64_t)(fraction * 1000);
}

static int64_t within_bounds(double ms)
{
	if (isnan(ms) || ms < 0)
		return -1;
	return ms < PROVIDER_WAIT_MAX_MS ? (int64_t)ceil(ms) : PROVIDER_WAIT_MAX_MS;
}

/* "1.5", or "1h2m3.5s" and "20ms" as Go writes durations. -1: it is none. */
static int64_t duration_ms(const char *text, int64_t unit_ms)
{
	static const struct {
		const char *unit;
		double ms;
	} units[] = {{"ms", 1}, {"h", 3600000}, {"m", 60000}, {"s", 1000}};
	double total = 0;

	while (*text) {
		char *end;
		double number = *text >= '0' && *text <= '9' ? strtod(text, &end) : -1;
		size_t i = 0;

		if (number < 0)
			return -1;
		if (!*end)
			return within_bounds(total + number * (double)unit_ms);
		while (i < 4 && strncmp(end, units[i].unit, strlen(units[i].unit)) != 0)
			i++;
		if (i == 4)
			return -1;
		total += number * units[i].ms;
		text = end + strlen(units[i].unit);
	}
	return within_bounds(total);
}

static int64_t date_ms(const char *text)
{
	int64_t ms = stamp_ms(text);
	time_t seconds = ms < 0 ? curl_getdate(text, NULL) : -1;

	return seconds < 0 ? ms : (int64_t)seconds * 1000;
}

static bool copy_text(struct weir_text from, char out[64])
{
	if (from.size == 0 || from.size >= 64)
		return false;
	memcpy(out, from.data, from.size);
	out[from.size] = '\0';
	return true;
}

int64_t provider_now_ms(const struct http_response *r)
{
	struct weir_text date;
	char text[64];
	int64_t ms = -1;

	if (http_header(r, "date", &date) == 0 && copy_text(date, text))
		ms = date_ms(text);
	return ms >= 0 ? ms : clock_wall_us() / 1000;
}

/* Some tell a time since 1970, in seconds or milliseconds, where others tell a duration: no server
 * asks to be left alone for thirty years. -1: it is none. OpenRouter, X-RateLimit-Reset. */
static int64_t epoch_ms(const char *text)
{
	double number = text[strspn(text, "0123456789.")] ? -1 : strtod(text, NULL);

	if (number < 1e9 || number >= 1e14)
		return -1;
	return (int64_t)(number < 1e11 ? number * 1000 : number);
}

int64_t wait_of(const struct http_response *r, struct weir_text value, int64_t unit_ms)
{
	char text[64];
	int64_t ms;

	if (!copy_text(value, text))
		return -1;
	ms = epoch_ms(text);
	if (ms < 0) {
		ms = duration_ms(text, unit_ms);
		if (ms >= 0)
			return ms;
		ms = date_ms(text);
	}
	if (ms < 0)
		return -1;
	ms -= provider_now_ms(r);
	return within_bounds(ms > 0 ? (double)ms : 0);
}

/* What a unit in words is; 0: none. */
static double unit_of(const char *word)
{
	static const struct {
		const char *begin;
		double ms;
	} units[] = {{"ms", 1},	   {"milli", 1},   {"s", 1000},
		     {"m", 60000}, {"h", 3600000}, {"d", 86400000}};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strncasecmp(word, units[i].begin, strlen(units[i].begin)) == 0)
			return units[i].ms;
	}
	return isalpha((unsigned char)*word) || (*word && strchr("-/:", *word)) ? 0 : 1000;
}

/* "2.5s.", "6 seconds", "1m30s", "\": \"2s\"": a duration that a sentence goes on with. 0: none. */
static int64_t spoken_ms(const char *text)
{
	double total = 0;

	text += strspn(text, " :=\\\"'");
	while (*text >= '0' && *text <= '9') {
		char *end;
		double number = strtod(text, &end), ms;

		text = end + strspn(end, " ");
		ms = unit_of(text);
		if (ms == 0 || !isalpha((unsigned char)*text))
			return ms == 0 ? 0 : within_bounds(total + number * ms);
		total += number * ms;
		while (isalpha((unsigned char)*text))
			text++;
		if (text[0] == ' ' && isdigit((unsigned char)text[1]))
			text++;
	}
	return within_bounds(total);
}

/* Gemini, Groq, OpenAI and Azure say it in their messages; gateways put Google's RetryInfo there as
 * text. */
static int64_t message_wait_ms(const char *message)
{
	static const char *const before[] = {"retry in ", "try again in ", "retry after ",
					     "retryDelay"};
	int64_t ms = 0;

	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]) && ms == 0; i++) {
		const char *at = strcasestr(message, before[i]);

		ms = at ? spoken_ms(at + strlen(before[i])) : 0;
	}
	return ms;
}

/* 0: it does not say. "At once" is a millisecond. */
static int64_t retry_after_ms(const struct http_response *r)
{
	struct weir_text value;
	int64_t ms = -1;

	if (http_header(r, "retry-after-ms", &value) == 0)
		ms = wait_of(r, value, 1);
	if (ms < 0 && http_header(r, "retry-after", &value) == 0)
		ms = wait_of(r, value, 1000);
	return ms == 0 ? 1 : ms > 0 ? ms : 0;
}

/* ---- what it means ---- */

struct meaning {
	enum reply_kind kind;
	bool fleet;
	const char *code;
};

/* A word of the vendor's: the error's type or code. They tell more than the status does. */
static const struct {
	const char *word;
	struct meaning meaning;
} words[] = {
	{"enforced_spend_limit_reached", {REPLY_STOP, false, "billing"}},
	{"billing_error", {REPLY_STOP, false, "billing"}},
	{"insufficient_quota", {REPLY_STOP, false, "billing"}},
	{"credit_balance_exhausted", {REPLY_STOP, false, "billing"}},
	{"billing_hard_limit_reached", {REPLY_STOP, false, "billing"}},
	{"billing_not_active", {REPLY_STOP, false, "billing"}},
	{"spend_limit_exceeded", {REPLY_STOP, false, "billing"}},
	{"usage_limit_reached", {REPLY_STOP, false, "billing"}},
	{"authentication_error", {REPLY_STOP, false, "bad_key"}},
	{"invalid_api_key", {REPLY_STOP, false, "bad_key"}},
	{"account_deactivated", {REPLY_STOP, false, "bad_key"}},
	{"permission_error", {REPLY_STOP, false, "not_allowed"}},
	{"model_not_found", {REPLY_STOP, false, "no_model"}},
	{"overloaded_error", {REPLY_THROTTLED, false, "overloaded"}},
	{"rate_limit_error", {REPLY_THROTTLED, true, "rate_limited"}},
	{"rate_limit_exceeded", {REPLY_THROTTLED, true, "rate_limited"}},
	{"rate_limit", {REPLY_THROTTLED, true, "rate_limited"}},
	{"ThrottlingException", {REPLY_THROTTLED, true, "rate_limited"}},
	{"RESOURCE_EXHAUSTED", {REPLY_THROTTLED, true, "rate_limited"}},
	{"limit_requests", {REPLY_THROTTLED, true, "rate_limited"}},
	{"capacity_exceeded", {REPLY_THROTTLED, false, "overloaded"}},
	{"Arrearage", {REPLY_STOP, false, "billing"}},
	{"DeploymentNotFound", {REPLY_STOP, false, "no_model"}},
	/* LiteLLM (litellm#22726), Fireworks, Volcengine, Moonshot, new-api. */
	{"budget_exceeded", {REPLY_STOP, false, "billing"}},
	{"ACCOUNT_SUSPENDED", {REPLY_STOP, false, "billing"}},
	{"AccountOverdueError", {REPLY_STOP, false, "billing"}},
	{"exceeded_current_quota_error", {REPLY_STOP, false, "billing"}},
	{"insufficient_balance", {REPLY_STOP, false, "billing"}},
	{"insufficient_credits", {REPLY_STOP, false, "billing"}},
	{"insufficient_user_quota", {REPLY_STOP, false, "billing"}},
	/* Google, in the reason of its details. */
	{"API_KEY_INVALID", {REPLY_STOP, false, "bad_key"}},
	/* Groq, Mistral, GitHub, Volcengine. */
	{"model_decommissioned", {REPLY_STOP, false, "no_model"}},
	{"invalid_model", {REPLY_STOP, false, "no_model"}},
	{"invalid_model_id", {REPLY_STOP, false, "no_model"}},
	{"unknown_model", {REPLY_STOP, false, "no_model"}},
	{"unsupported_model", {REPLY_STOP, false, "no_model"}},
	{"model_not_supported", {REPLY_STOP, false, "no_model"}},
	{"ModelNotOpen", {REPLY_STOP, false, "no_model"}},
	{"InvalidEndpointOrModel.NotFound", {REPLY_STOP, false, "no_model"}},
	/* OpenAI: what the models file sets is the same for each item. */
	{"unsupported_parameter", {REPLY_STOP, false, "bad_setting"}},
	{"unsupported_value", {REPLY_STOP, false, "bad_setting"}},
	{"unknown_parameter", {REPLY_STOP, false, "bad_setting"}},
	/* Groq: what the model wrote is not the JSON that was asked for; it may be the next time.
	 */
	{"json_validate_failed", {REPLY_RETRY, false, "bad_answer"}},
	/* Of a remote batch: what is queued already is too much for another one. */
	{"token_limit_exceeded", {REPLY_THROTTLED, true, "rate_limited"}},
};

/* Parts of messages, where vendors have no word for it: a bill is told as a bad request, or as a
 * rate limit. In small letters. */
static const struct {
	const char *phrase;
	struct meaning meaning;
} phrases[] = {
	{"credit balance is too low", {REPLY_STOP, false, "billing"}},
	{"reached your specified api usage limits", {REPLY_STOP, false, "billing"}},
	{"exceeded your current quota", {REPLY_STOP, false, "billing"}},
	{"requires more credits", {REPLY_STOP, false, "billing"}},
	{"budget has been exceeded", {REPLY_STOP, false, "billing"}}, /* LiteLLM: a 400 */
	{"exceededbudget", {REPLY_STOP, false, "billing"}},
	{"crossed budget", {REPLY_STOP, false, "billing"}},
	{"insufficient balance", {REPLY_STOP, false, "billing"}},    /* DeepSeek, MiniMax */
	{"balance is insufficient", {REPLY_STOP, false, "billing"}}, /* SiliconFlow */
	{"\xE4\xBD\x99\xE9\xA2\x9D\xE4\xB8\x8D\xE8\xB6\xB3",
	 {REPLY_STOP, false, "billing"}}, /* Zhipu: the balance does not suffice, a 429 */
	{"is suspended", {REPLY_STOP, false, "billing"}},      /* Moonshot, Fireworks */
	{"api key not valid", {REPLY_STOP, false, "bad_key"}}, /* Gemini: a 400 */
	{"incorrect api key", {REPLY_STOP, false, "bad_key"}}, /* xAI: a 400 */
	{"invalid api key", {REPLY_STOP, false, "bad_key"}},
	/* 400s of DeepSeek, LiteLLM, OpenRouter, and others. */
	{"model not exist", {REPLY_STOP, false, "no_model"}},
	{"invalid model name", {REPLY_STOP, false, "no_model"}},
	{"invalid model id", {REPLY_STOP, false, "no_model"}},
	{"invalid model:", {REPLY_STOP, false, "no_model"}},
	{"is not a valid model", {REPLY_STOP, false, "no_model"}},
	{"has been decommissioned", {REPLY_STOP, false, "no_model"}},
	{"unknown model", {REPLY_STOP, false, "no_model"}},
	{"unsupported model", {REPLY_STOP, false, "no_model"}},
	{"unsupported parameter", {REPLY_STOP, false, "bad_setting"}},
	{"unsupported value", {REPLY_STOP, false, "bad_setting"}},
	{"unrecognized request argument", {REPLY_STOP, false, "bad_setting"}},
	/* More than a minute's limit in one request. */
	{"request too large for", {REPLY_REFUSED, false, "bad_request"}},
	/* Azure API Management: a 403 with Retry-After. learn.microsoft.com, quota policy */
	{"out of call volume quota", {REPLY_THROTTLED, true, "rate_limited"}},
	{"out of bandwidth quota", {REPLY_THROTTLED, true, "rate_limited"}},
	/* Cloudflare AI Gateway: a 400 for what is away behind it. cloudflare/ai#436 */
	{"failed to get response from provider", {REPLY_RETRY, false, "provider_error"}},
};

/* Moderation holds back what an item says: the next one may pass. Parts of types and codes, and of
 * messages, by the vendors that write them: Azure, OpenAI, LiteLLM, DashScope, new-api, Volcengine,
 * Bedrock. */
static const char *const moderation_words[] = {
	"content_filter", "contentfilter", "content_policy", "contentpolicy",
	"moderation",	  "sensitive",	   "datainspection", "data_inspection",
	"responsibleai",  "guardrail",	   "invalid_prompt"};
/* Azure, Anthropic, DeepSeek, xAI, OpenAI, OpenRouter, DashScope, MiniMax, Zhipu. */
static const char *const moderation_phrases[] = {"content management policy",
						 "content filtering policy",
						 "content policy",
						 "contentpolicyviolation",
						 "content exists risk",
						 "violates usage guidelines",
						 "violating our usage policy",
						 "input flagged",
						 "flagged by moderation",
						 "requires moderation",
						 "datainspectionfailed",
						 "inappropriate content",
						 "sensitive words",
						 "sensitive content",
						 "new_sensitive",
						 "safety system",
						 "prohibited_content",
						 "\xE6\x95\x8F\xE6\x84\x9F\xE5\x86\x85"
						 "\xE5\xAE\xB9"};

static const struct {
	int status;
	struct meaning meaning;
} statuses[] = {
	{401, {REPLY_STOP, false, "bad_key"}},
	{402, {REPLY_STOP, false, "billing"}},
	{403, {REPLY_STOP, false, "not_allowed"}},
	{404, {REPLY_STOP, false, "not_found"}},
	{405, {REPLY_STOP, false, "not_found"}},
	{406, {REPLY_STOP, false, "not_allowed"}},
	{407, {REPLY_STOP, false, "not_allowed"}},
	{408, {REPLY_RETRY, false, "provider_timeout"}},
	{409, {REPLY_RETRY, false, "provider_conflict"}},
	{410, {REPLY_STOP, false, "not_found"}},
	{412, {REPLY_STOP, false, "not_allowed"}},
	{415, {REPLY_STOP, false, "not_allowed"}},
	{424, {REPLY_RETRY, false, "provider_error"}}, /* TGI, Bedrock: the model failed */
	{425, {REPLY_RETRY, false, "provider_error"}},
	{429, {REPLY_THROTTLED, true, "rate_limited"}},
	{498, {REPLY_THROTTLED, false, "overloaded"}}, /* Groq: capacity */
	{503, {REPLY_THROTTLED, false, "overloaded"}},
	{504, {REPLY_RETRY, false, "provider_timeout"}},
	{529, {REPLY_THROTTLED, false, "overloaded"}},
};

/* Lines of batches have no status, but types that stand for one. */
static const struct {
	const char *type;
	int status;
} types[] = {
	{"invalid_request_error", 400},
	{"invalid_request", 400},
	{"not_found_error", 404},
	{"request_too_large", 413},
	{"conflict_error", 409},
	{"timeout_error", 504},
	{"api_error", 500},
	{"server_error", 500},
	/* Google's words: cloud.google.com/apis/design/errors */
	{"INVALID_ARGUMENT", 400},
	{"UNAUTHENTICATED", 401},
	{"PERMISSION_DENIED", 403},
	{"NOT_FOUND", 404},
	{"INTERNAL", 500},
	{"UNAVAILABLE", 503},
	{"DEADLINE_EXCEEDED", 504},
	/* vLLM's. */
	{"BadRequestError", 400},
	{"NotFoundError", 404},
	{"InternalServerError", 500},
};

static bool is_word(const struct told *t, const char *word)
{
	return strcasecmp(t->type, word) == 0 || strcasecmp(t->code, word) == 0 ||
	       strcasecmp(t->reason, word) == 0;
}

static bool has_part(const char *text, const char *const *parts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcasestr(text, parts[i]))
			return true;
	}
	return false;
}

/* Not where the status says that it is about something else. */
static bool is_moderation(const struct told *t)
{
	size_t words_n = sizeof(moderation_words) / sizeof(moderation_words[0]);

	if (t->status == 401 || t->status == 402 || t->status == 404 || t->status == 429)
		return false;
	return t->flagged || has_part(t->type, moderation_words, words_n) ||
	       has_part(t->code, moderation_words, words_n) ||
	       has_part(t->reason, moderation_words, words_n) ||
	       has_part(t->message, moderation_phrases,
			sizeof(moderation_phrases) / sizeof(moderation_phrases[0]));
}

static int status_of(const struct told *t)
{
	for (size_t i = 0; t->status == 0 && i < sizeof(types) / sizeof(types[0]); i++) {
		if (is_word(t, types[i].type))
			return types[i].status;
	}
	return t->status;
}

/* Where nothing more is known: only a request that was told to be wrong is. An address that leads
 * elsewhere is wrong for all of them. */
static struct meaning meaning_of_status(int status)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		if (statuses[i].status == status)
			return statuses[i].meaning;
	}
	if (status / 100 == 4)
		return (struct meaning){REPLY_REFUSED, false, "bad_request"};
	if (status / 100 == 3)
		return (struct meaning){REPLY_STOP, false, "not_found"};
	return (struct meaning){REPLY_RETRY, false, "provider_error"};
}

static struct meaning meaning_of_words(const struct told *t)
{
	if (is_moderation(t))
		return (struct meaning){REPLY_REFUSED, false, "refused_answer"};
	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
		if (strcasestr(t->message, phrases[i].phrase))
			return phrases[i].meaning;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (is_word(t, words[i].word))
			return words[i].meaning;
	}
	return meaning_of_status(status_of(t));
}

/* one-api and its kin say so of any error of a server behind them, and repeat its status. */
static bool is_upstream(const struct told *t)
{
	return t->upstream || is_word(t, "upstream_error");
}

/* A failure of the server's, also where it is told as 424 or 425. */
static bool is_servers(int status) { return status / 100 == 5 || status == 424 || status == 425; }

/* A quota may be of a minute or of a bill, in the same words (Google's 429:
 * RooCodeInc/Roo-Code#3883). One with a time at which it fills again, or of a minute by its name,
 * is a limit. after_ms: what the server asks to wait, 0: nothing. */
static bool is_limit(const struct told *t, int64_t after_ms)
{
	if (!strcasestr(t->message, "exceeded your current quota") &&
	    !is_word(t, "insufficient_quota"))
		return false;
	return (after_ms > 0 && after_ms < PROVIDER_WAIT_MAX_MS) ||
	       strcasestr(t->quota, "PerMinute");
}

/* A 5xx is an outage: what it says within is about a call that the caller did not make, and no
 * reason to stop a job, or to fail an item. Nor are the key, the bill and the models of a server
 * behind a gateway. But a limit is one wherever it is told. */
static struct meaning meaning_of(const struct told *t, int http, int64_t after_ms)
{
	struct meaning m = meaning_of_words(t);

	if (m.kind == REPLY_STOP && strcmp(m.code, "billing") == 0 && is_limit(t, after_ms))
		m = (struct meaning){REPLY_THROTTLED, true, "rate_limited"};
	if (is_servers(http) && (m.kind == REPLY_STOP || m.kind == REPLY_REFUSED))
		return meaning_of_status(http);
	if (m.kind == REPLY_STOP && is_upstream(t))
		return (struct meaning){REPLY_RETRY, false, "provider_error"};
	return m;
}

/* x-should-retry. "No" to a rate limit is a limit that does not fill again by itself. An overload
 * is put off all the same: that is no retry as the header means it, which is one in seconds. */
static void obey(const struct http_response *r, struct meaning *m)
{
	struct weir_text value;

	if (!r || http_header(r, "x-should-retry", &value) < 0)
		return;
	if (value.size == 4 && strncasecmp(value.data, "true", 4) == 0) {
		if (m->kind == REPLY_REFUSED)
			m->kind = REPLY_RETRY;
	} else if (value.size == 5 && strncasecmp(value.data, "false", 5) == 0) {
		if (m->kind == REPLY_RETRY)
			m->kind = REPLY_REFUSED;
		else if (m->kind == REPLY_THROTTLED && m->fleet)
			m->kind = REPLY_STOP;
	}
}

/* ---- the error's text ---- */

/* How much of a text is kept, without cutting a character in two. */
static size_t kept(struct weir_text text)
{
	size_t n = text.size;

	if (n <= TEXT_MAX)
		return n;
	n = TEXT_MAX;
	while (n > 0 && ((unsigned char)text.data[n] & 0xC0) == 0x80)
		n--;
	return n;
}

/* On one line, and without the key, should the vendor repeat it. */
static void add_message(struct buffer *out, struct weir_text text, const char *key)
{
	size_t size = key ? strlen(key) : 0, at = 0;
	struct buffer whole = BUFFER_INIT;

	while (at < text.size) {
		bool here = size > 0 && text.size - at >= size &&
			    memcmp(text.data + at, key, size) == 0;
		unsigned char c = (unsigned char)text.data[at];

		if (here)
			buffer_add_text(&whole, "***");
		else
			buffer_add_char(&whole, (char)(c < 0x20 || c == 0x7F ? ' ' : c));
		at += here ? size : 1;
	}
	buffer_add(out, whole.data, kept(buffer_view(&whole)));
	if (kept(buffer_view(&whole)) < whole.size)
		buffer_add_text(out, "...");
	buffer_release(&whole);
}

static void add_request_id(struct buffer *out, const struct http_response *r)
{
	static const char *const names[] = {"request-id", "x-request-id"};
	struct weir_text id;

	for (size_t i = 0; r && i < 2; i++) {
		if (http_header(r, names[i], &id) == 0 && id.size > 0 && id.size <= 64) {
			buffer_printf(out, " (request %.*s)", (int)id.size, id.data);
			return;
		}
	}
}

/* "HTTP 429 rate_limit_error: text (request req_1)" */
static void describe(const struct told *t, int status, const char *code, const struct model *m,
		     const struct http_response *r, struct reply *out)
{
	const char *word = *t->code ? t->code : t->type;
	struct weir_text message = {t->message, strlen(t->message)};
	struct buffer text = BUFFER_INIT, body = BUFFER_INIT;

	if (message.size == 0 && !*word && r && r->body.size > 0) {
		body_describe(r->body, &body);
		message = buffer_view(&body);
	}
	if (status > 0)
		buffer_printf(&text, "HTTP %d%s", status, *word || message.size > 0 ? " " : "");
	buffer_printf(&text, "%.64s%s", word, *word && message.size > 0 ? ": " : "");
	add_message(&text, message, m->key);
	add_request_id(&text, r);
	weir_fail(&out->error, code, "%s", buffer_text(&text) ? text.data : "the provider failed");
	buffer_release(&text);
	buffer_release(&body);
}

/* ---- together ---- */

static int64_t error_wait_ms(const struct told *t, const struct http_response *r)
{
	int64_t ms = r ? retry_after_ms(r) : 0;

	if (ms == 0 && *t->wait)
		ms = duration_ms(t->wait, 1000);
	return ms > 0 ? ms : message_wait_ms(t->message);
}

/* A gateway's own status may hide the one of the server behind it, which the error names. */
static int status_of_both(int http, int named)
{
	if (http == 0 || named == 0)
		return http ? http : named;
	return http / 100 == 5 || (http == 400 && named / 100 == 4) ? named : http;
}

void reply_of_error(const struct model *m, int status, const json_t *error,
		    const struct http_response *r, struct reply *out)
{
	struct told t;
	struct meaning meaning;

	error_take(error, &t);
	t.status = status_of_both(status, t.status);
	meaning = meaning_of(&t, status, error_wait_ms(&t, r));
	obey(r, &meaning);
	out->kind = meaning.kind;
	out->fleet = meaning.fleet && meaning.kind == REPLY_THROTTLED;
	if (out->kind == REPLY_THROTTLED || out->kind == REPLY_RETRY)
		out->after_ms = error_wait_ms(&t, r);
	if (r && out->fleet && out->after_ms == 0) {
		struct provider_limits limits;

		provider_read_limits(m, r, &limits);
		out->after_ms = limits.reset_ms;
	}
	describe(&t, status > 0 ? status : t.status, meaning.code, m, r, out);
}

/* Ollama's own API streams, an object a line. */
static bool first_is_of_other_api(struct weir_text body, struct reply *out)
{
	json_t *first = json_loadb(body.data ? body.data : "", body.size,
				   JSON_ALLOW_NUL | JSON_DISABLE_EOF_CHECK, NULL);
	const char *other = body_of_other_api(first);

	bool is = other && !json_object_get(first, "choices");

	if (is) {
		out->kind = REPLY_STOP;
		weir_fail(&out->error, "wrong_api", "what should be an answer is %s", other);
	}
	json_decref(first);
	return is;
}

void reply_of_body(const struct model *m, const struct http_response *r, struct reply *out)
{
	struct buffer what = BUFFER_INIT, text = BUFFER_INIT;
	json_t *event = event_error(r->body);

	if (event) {
		reply_of_error(m, 0, error_in(event, true), r, out);
		json_decref(event);
		return;
	}
	if (first_is_of_other_api(r->body, out))
		return;
	body_describe(r->body, &what);
	add_message(&text, buffer_view(&what), m->key);
	out->kind = REPLY_RETRY;
	weir_fail(&out->error, "bad_response", "HTTP %d, and what should be an answer is %s",
		  r->status, buffer_text(&text) ? text.data : "something else");
	buffer_release(&what);
	buffer_release(&text);
}

/* Nothing was sent, so nothing can have been billed: the provider is away. But a certificate that
 * is not trusted will not become so by waiting. */
void reply_of_failure(const struct http_response *r, struct reply *out)
{
	static const struct {
		const char *code;
		enum reply_kind kind;
	} kinds[] = {
		{"http_connect", REPLY_THROTTLED},
		{"out_of_memory", REPLY_THROTTLED},
		{"http_tls", REPLY_STOP},
	};

	reply_set(out, REPLY_RETRY, r->failure.code, r->failure.text);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(r->failure.code, kinds[i].code) == 0)
			out->kind = kinds[i].kind;
	}
}
