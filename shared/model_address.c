/* The address of a model's server, as people write it. The rule is in models.h. */
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "models_file.h"

/* ---- what is refused ---- */

/* Parts of names of parameters that carry secrets: "?key=", "?subscription-key=", "?access_token=".
 * An address is shown; a key is not. */
static const char *const secrets[] = {"key",  "token",	    "secret", "passw",
				      "auth", "credential", "sig",    "code"};

static bool is_secret(const char *name, size_t size)
{
	char copy[64];

	snprintf(copy, sizeof(copy), "%.*s", (int)size, name);
	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
		if (strcasestr(copy, secrets[i]) != NULL)
			return true;
	return false;
}

static bool has_secret(const char *query)
{
	while (*query != '\0') {
		size_t size = strcspn(query, "&;");

		if (is_secret(query, strcspn(query, "=&;")))
			return true;
		query += size + (query[size] != '\0');
	}
	return false;
}

static char *part_of(CURLU *url, CURLUPart part)
{
	char *text = NULL;

	return curl_url_get(url, part, &text, 0) == CURLUE_OK ? text : NULL;
}

static bool has_part(CURLU *url, CURLUPart part)
{
	char *text = part_of(url, part);
	bool there = text != NULL;

	curl_free(text);
	return there;
}

static const char *parse_fault(CURLU *url, const char *text)
{
	if (strncasecmp(text, "http://", 7) != 0 && strncasecmp(text, "https://", 8) != 0)
		return "http:// or https:// is wanted at its beginning";
	for (const char *c = text; *c != '\0'; c++)
		if (*c <= ' ' || *c == 0x7F || *c == '"' || *c == '\\')
			return "not a URL: a blank, or what cannot be in one, is in it";
	/* curl takes a third slash for a slip. */
	if (strstr(text, ":///") != NULL || curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK)
		return "not a URL";
	if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD))
		return "it must not hold a name or password: keys come from key_env or key_file";
	if (strchr(text, '#') != NULL)
		return "a fragment (#...) is never sent: take it off";
	return NULL;
}

/* ---- what is taken off ---- */

/* The methods that people find at the end of an address in a manual. */
static const char *const methods[] = {
	"/chat/completions", "/messages", "/completions", "/responses",
	"/embeddings",	     "/batches",  "/files"};

static const char *const calls[] = {
	[PROVIDER_ANTHROPIC] = "/messages", [PROVIDER_OPENAI] = "/chat/completions"};

/* Methods of APIs that are neither, with the address that speaks the one of chat completions. */
static const char ollama[] =
	"that is Ollama's own API: write the address that ends in /v1, as in http://HOST:11434/v1";
static const char gemini[] =
	"that is Gemini's own API: write the address that ends in /v1beta/openai";
static const char bedrock[] =
	"that is Bedrock's own API: write the address that ends in /openai/v1";
static const struct {
	const char *end, *fault;
} others[] = {{"/api/chat", ollama},	    {"/api/generate", ollama},
	      {"/api/embed", ollama},	    {"/api/tags", ollama},
	      {":generateContent", gemini}, {":streamGenerateContent", gemini},
	      {"/converse", bedrock},	    {"/invoke", bedrock}};

static bool ends_in(const char *text, const char *end)
{
	size_t size = strlen(text), end_size = strlen(end);

	return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

static const char *fault_of_other(const char *path)
{
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (ends_in(path, others[i].end))
			return others[i].fault;
	return NULL;
}

static void cut_slashes(char *path)
{
	size_t size = strlen(path);

	while (size > 0 && path[size - 1] == '/')
		path[--size] = '\0';
}

static void cut(char *path, const char *end)
{
	path[strlen(path) - strlen(end)] = '\0';
	cut_slashes(path);
}

/* "v1", "v1beta", "v4": v, digits, and perhaps letters behind them. */
static bool is_version(const char *segment)
{
	size_t digits = *segment == 'v' ? strspn(segment + 1, "0123456789") : 0;

	return digits > 0 && strspn(segment + 1 + digits, "abcdefghijklmnopqrstuvwxyz0123456789") ==
				     strlen(segment + 1 + digits);
}

static bool ends_in_version(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL && is_version(slash + 1);
}

/* What stands there is complete then. -1: it is another API's. */
static int cut_method(char *path, enum model_provider provider, bool *complete)
{
	*complete = true;
	if (ends_in(path, calls[provider])) {
		cut(path, calls[provider]);
		return 0;
	}
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (ends_in(path, methods[i]))
			return -1;
	*complete = false;
	if (ends_in(path, "/models")) { /* Azure has it without a version before it */
		path[strlen(path) - 7] = '\0';
		*complete = ends_in_version(path);
		if (!*complete)
			strcat(path, "/models");
	}
	return 0;
}

/* ---- what is added ---- */

/* Vendors of the API of chat completions whose version does not follow their host at once; a host
 * that begins with a dot is the end of one. From their manuals, 2026. */
static const struct {
	const char *host, *path;
} vendors[] = {
	{"openrouter.ai", "/api/v1"},
	{"api.groq.com", "/openai/v1"},
	{"api.fireworks.ai", "/inference/v1"},
	{"api.deepinfra.com", "/v1/openai"},
	{"api.cohere.ai", "/compatibility/v1"},
	{"api.cohere.com", "/compatibility/v1"},
	{"api.perplexity.ai", ""},
	{"models.inference.ai.azure.com", ""},
	{"models.github.ai", "/inference"},
	{"generativelanguage.googleapis.com", "/v1beta/openai"},
	{"dashscope.aliyuncs.com", "/compatible-mode/v1"},
	{"dashscope-intl.aliyuncs.com", "/compatible-mode/v1"},
	{"dashscope-us.aliyuncs.com", "/compatible-mode/v1"},
	{"open.bigmodel.cn", "/api/paas/v4"},
	{"api.z.ai", "/api/paas/v4"},
	{"qianfan.baidubce.com", "/v2"},
	{".volces.com", "/api/v3"},
	{".openai.azure.com", "/openai/v1"},
	{".services.ai.azure.com", "/openai/v1"},
	{".cognitiveservices.azure.com", "/openai/v1"},
};

/* What a host's whole path is. */
static const char *path_of(const char *host)
{
	for (size_t i = 0; i < sizeof(vendors) / sizeof(vendors[0]); i++)
		if (*vendors[i].host == '.' ? ends_in(host, vendors[i].host)
					    : strcmp(host, vendors[i].host) == 0)
			return vendors[i].path;
	return "/v1";
}

/* Whether a path, without a slash at its end, is a beginning of a longer one. */
static bool begins(const char *path, const char *whole)
{
	size_t size = strlen(path);

	return strncmp(whole, path, size) == 0 && whole[size] == '/';
}

static const char *missing(const char *host, const char *path, enum model_provider provider)
{
	const char *whole = path_of(host);

	if (provider == PROVIDER_ANTHROPIC)
		return ends_in_version(path) ? "" : "/v1";
	return begins(path, whole) ? whole + strlen(path) : "";
}

/* ---- together ---- */

static int write_base(CURLU *url, const char *host, const char *path, const char *more, char **out)
{
	char *zone = part_of(url, CURLUPART_ZONEID), *whole = NULL;
	int rc = -1;

	if (asprintf(&whole, "%s%s", path, more) < 0)
		whole = NULL;
	/* Setting the host forgets its zone. */
	if (whole != NULL && curl_url_set(url, CURLUPART_HOST, host, 0) == CURLUE_OK &&
	    (zone == NULL || curl_url_set(url, CURLUPART_ZONEID, zone, 0) == CURLUE_OK) &&
	    curl_url_set(url, CURLUPART_PATH, whole, 0) == CURLUE_OK &&
	    curl_url_set(url, CURLUPART_QUERY, NULL, 0) == CURLUE_OK) {
		char *text = part_of(url, CURLUPART_URL);

		*out = text != NULL ? strdup(text) : NULL;
		curl_free(text);
		rc = *out != NULL ? 0 : -1;
	}
	if (rc == 0)
		cut_slashes(*out);
	curl_free(zone);
	free(whole);
	return rc;
}

static void lower(char *host)
{
	for (; *host != '\0'; host++)
		*host = (char)(*host >= 'A' && *host <= 'Z' ? *host + ('a' - 'A') : *host);
}

static const char *build(CURLU *url, enum model_provider provider, struct model_address *out)
{
	static const char no_memory[] = "out of memory";
	char *host = part_of(url, CURLUPART_HOST), *path = part_of(url, CURLUPART_PATH);
	char *query = part_of(url, CURLUPART_QUERY);
	const char *fault = host != NULL && path != NULL ? NULL : no_memory;
	bool complete = false;

	if (fault == NULL) {
		lower(host);
		cut_slashes(path);
	}
	if (fault == NULL && query != NULL && has_secret(query))
		fault = "it must not hold a key: keys come from key_env or key_file";
	if (fault == NULL)
		fault = fault_of_other(path);
	if (fault == NULL && cut_method(path, provider, &complete) < 0)
		fault = "it ends in a method that weir does not call there: end it before that";
	if (fault == NULL && query != NULL && *query != '\0') {
		out->query = strdup(query);
		fault = out->query != NULL ? NULL : no_memory;
	}
	if (fault == NULL &&
	    write_base(url, host, path, complete ? "" : missing(host, path, provider), &out->base) <
		    0)
		fault = no_memory;
	curl_free(host);
	curl_free(path);
	curl_free(query);
	return fault;
}

const char *model_address_read(const char *text, enum model_provider provider,
			       struct model_address *out)
{
	CURLU *url = curl_url();
	const char *fault = url != NULL ? parse_fault(url, text) : "out of memory";

	*out = (struct model_address){.base = NULL};
	if (fault == NULL)
		fault = build(url, provider, out);
	curl_url_cleanup(url);
	if (fault != NULL)
		model_address_release(out);
	return fault;
}

void model_address_release(struct model_address *a)
{
	free(a->base);
	free(a->query);
	*a = (struct model_address){.base = NULL};
}
