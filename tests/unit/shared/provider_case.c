#include "provider_case.h"

#include <stdlib.h>
#include <string.h>

static char key[] = KEY, haiku[] = "claude-haiku", mini[] = "gpt-mini";
static char at_anthropic[] = "https://api.anthropic.com/v1",
	    at_openai[] = "https://api.openai.com/v1";
static char at_home[] = "http://127.0.0.1:8000/api/v3";

const struct model claude = {.name = "claude",
			     .provider = PROVIDER_ANTHROPIC,
			     .model = haiku,
			     .base_url = at_anthropic,
			     .key = key,
			     .max_tokens = 1000,
			     .timeout_ms = 1000};
const struct model gpt = {.name = "gpt",
			  .provider = PROVIDER_OPENAI,
			  .model = mini,
			  .base_url = at_openai,
			  .key = key,
			  .max_tokens = 1000,
			  .timeout_ms = 1000};
const struct model compatible = {.name = "compatible",
				 .provider = PROVIDER_OPENAI,
				 .model = mini,
				 .base_url = at_home,
				 .max_tokens = 1000,
				 .timeout_ms = 1000};

struct weir_text text_of(const char *text) { return (struct weir_text){text, strlen(text)}; }

static char *replaced(const char *text, char from, char to)
{
	char *copy = strdup(text);

	for (char *c = copy; c && (c = strchr(c, from)); c++)
		*c = to;
	return copy;
}

struct http_response response_of(int status, const char *headers, const char *body)
{
	struct http_response r = {.status = status, .sent = true};
	char *lines = replaced(headers, '|', '\n');

	buffer_add_text(&r.headers, "HTTP/1.1 200 OK\r\n");
	buffer_add_text(&r.headers, lines ? lines : "");
	buffer_add_text(&r.headers, "\r\n");
	free(lines);
	r.body = text_of(replaced(body, '\'', '"'));
	return r;
}

void response_release(struct http_response *r)
{
	buffer_release(&r->headers);
	free((void *)(uintptr_t)r->body.data);
}

void read_case(const struct model *m, int status, const char *headers, const char *body,
	       struct reply *out)
{
	struct http_response r = response_of(status, headers, body);

	provider_read(m, &r, out);
	response_release(&r);
}
