#include "fake.h"

#include <curl/curl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "weir/buffer.h"
#include "world.h"

#define MODELS LOGS "/models.yaml"
#define TEMPLATES LOGS "/templates"

static struct {
	struct process process; /* of no test, so that it outlives them */
	char url[64], option[32];
} fake;

/* ---- requests ---- */

static size_t take(char *data, size_t size, size_t n, void *to)
{
	buffer_add(to, data, size * n);
	return size * n;
}

/* body NULL: a GET. The caller releases the answer. */
static struct buffer ask(const char *path, const char *body)
{
	char url[128];
	long status = 0;
	struct buffer answer = BUFFER_INIT;
	CURL *c = curl_easy_init();
	snprintf(url, sizeof url, "%s%s", fake.url, path);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)PATIENCE_MS);
	curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, &answer);
	if (body)
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
	CURLcode rc = curl_easy_perform(c);
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(c);
	buffer_text(&answer);
	EXPECT(rc == CURLE_OK && status == 200, "the fake's %s: %s, %ld: %s", path,
	       curl_easy_strerror(rc), status, answer.data ? answer.data : "");
	return answer;
}

static void tell(const char *path, const char *body)
{
	struct buffer answer = ask(path, body);
	buffer_release(&answer);
}

void fake_script(const char *fmt, ...)
{
	char text[8192];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	for (char *c = text; (c = strchr(c, '\'')) != NULL; c++)
		*c = '"';
	tell("/_script", text);
}

json_t *fake_log(void)
{
	struct buffer text = ask("/_log", NULL);
	json_t *lines = json_array();
	char *rest = text.data;
	for (char *line; rest && (line = strsep(&rest, "\n")) != NULL;)
		if (*line)
			json_array_append_new(lines, json_loads(line, 0, NULL));
	buffer_release(&text);
	return lines;
}

static json_t *counts(void)
{
	struct buffer text = ask("/_counts", NULL);
	json_t *all = text.data ? json_loads(text.data, 0, NULL) : NULL;
	buffer_release(&text);
	return all;
}

int64_t fake_count(const char *name)
{
	json_t *all = counts(), *in = all;
	const char *dot = strchr(name, '.');
	if (dot) {
		in = json_object_getn(all, name, (size_t)(dot - name));
		name = dot + 1;
	}
	int64_t n = (int64_t)json_integer_value(json_object_get(in, name));
	json_decref(all);
	return n;
}

static bool is_text(const json_t *object, const char *name, const char *wanted)
{
	const char *text = json_string_value(json_object_get(object, name));
	return !wanted || (text && strcmp(text, wanted) == 0);
}

int64_t fake_answered(const char *path, const char *model, int status)
{
	size_t i;
	int64_t n = 0;
	json_t *row, *all = counts();
	json_array_foreach(json_object_get(all, "rows"), i, row)
	{
		if (is_text(row, "path", path) && is_text(row, "model", model) &&
		    json_integer_value(json_object_get(row, "status")) == status)
			n += (int64_t)json_integer_value(json_object_get(row, "n"));
	}
	json_decref(all);
	return n;
}

bool fake_await(const char *name, int64_t least)
{
	int64_t until = now_ms() + PATIENCE_MS, n;
	while ((n = fake_count(name)) < least && now_ms() < until)
		pause_ms(STEP_MS);
	return EXPECT(n >= least, "the fake's %s: %lld, not %lld", name, (long long)n,
		      (long long)least);
}

const char *fake_url(void) { return fake.url; }

/* ---- the program ---- */

/* It is taken out of the test's programs, which end with the test. */
static int fake_start(const char *option)
{
	int port = 0;
	struct process *p = start(NULL, "fake_provider", option, NULL);
	await_log(p, "fake_ready");
	fake.process = *p;
	memset(p, 0, sizeof *p);
	snprintf(fake.option, sizeof fake.option, "%s", option ? option : "");
	if (sscanf(log_of(&fake.process), "port=%d", &port) != 1)
		return -1;
	snprintf(fake.url, sizeof fake.url, "http://127.0.0.1:%d", port);
	return 0;
}

void fake_down(void) { kill_hard(&fake.process); }

void fake_restart(const char *option)
{
	fake_down();
	EXPECT(fake_start(option) == 0, "the fake did not start");
	fake_models();
}

int fake_open(void)
{
	if (world_open()) /* which makes the folder of the logs */
		return 1;
	mkdir(TEMPLATES, 0777);
	return fake_start(NULL) < 0;
}

int fake_close(void)
{
	fake_down();
	program_env("WEIR_MODELS", NULL);
	program_env("WEIR_TEMPLATES", NULL);
	return world_close();
}

void fake_clean(void)
{
	world_clean();
	if (*fake.option || !is_alive(&fake.process))
		fake_restart(NULL);
	tell("/_reset", "");
	fake_models();
}

/* ---- models and templates ---- */

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	if (!EXPECT(f != NULL, "cannot write %s", path))
		return;
	for (const char *hole; (hole = strstr(text, "$URL")) != NULL; text = hole + 4)
		fprintf(f, "%.*s%s", (int)(hole - text), text, fake.url);
	fputs(text, f);
	EXPECT(fclose(f) == 0, "%s was not written", path);
}

void models_write(const char *text)
{
	struct buffer all = BUFFER_INIT;
	buffer_printf(&all, "models:\n%s", text);
	write_file(MODELS, buffer_text(&all));
	buffer_release(&all);
	program_env("WEIR_MODELS", MODELS);
	program_env("FAKE_KEY", "a-key-of-the-tests");
}

void template_write(const char *name, const char *text)
{
	char path[512];
	snprintf(path, sizeof path, "%s/%s.yaml", TEMPLATES, name);
	write_file(path, text);
	program_env("WEIR_TEMPLATES", TEMPLATES);
}

#define PRICES "    input_price: 1\n    output_price: 5\n"
#define BATCHES                                                                                    \
	"    mode: batch\n"                                                                        \
	"    batch: {wait: 50ms, poll_least: 50ms, poll_most: 100ms, adopt_wait: 1s}\n"

static const char usual_models[] =
	"  claude:\n    provider: anthropic\n    base_url: $URL\n    key_env: FAKE_KEY\n" PRICES
	"  gpt:\n    provider: openai\n    base_url: $URL\n    key_env: FAKE_KEY\n" PRICES
	"  claude-batch:\n    provider: anthropic\n    base_url: $URL\n"
	"    key_env: FAKE_KEY\n" PRICES BATCHES
	"  gpt-batch:\n    provider: openai\n    base_url: $URL\n    key_env: FAKE_KEY\n" PRICES
		BATCHES;

static const char usual_template[] = "description: a title for what is in the payload\n"
				     "system: |\n"
				     "  You write titles.\n"
				     "  {{custom_instructions?}}\n"
				     "user: |\n"
				     "  The key is {{key}}, the amount {{amount}}.\n"
				     "fields:\n"
				     "  title: {type: text, least: 1, most: 120}\n"
				     "  score: {type: number, least: -1, most: 1}\n";

void fake_models(void)
{
	models_write(usual_models);
	template_write("idea", usual_template);
}
