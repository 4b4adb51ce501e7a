#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "failing_malloc.h"
#include "weir/buffer.h"
#include "weir/models.h"

void add_models_suite(void);

#define KEY "sk-test-0123456789"

static char folder[] = "/tmp/weir-test-models.XXXXXX";
static char path[64], key_path[64];

static struct models *m;
static struct weir_error err;
static char *faults;

static void write_file(const char *name, const char *text, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	CU_ASSERT_EQUAL(fchmod(fd, mode), 0);
	close(fd);
}

static int set_up(void)
{
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/m.yaml", folder);
	snprintf(key_path, sizeof(key_path), "%s/key", folder);
	setenv("WEIR_TEST_KEY", KEY, 1);
	setenv("WEIR_TEST_EMPTY", "", 1);
	setenv("WEIR_TEST_LINES", "a\r\nx-evil: 1", 1);
	unsetenv("WEIR_TEST_UNSET");
	return 0;
}

static int tear_down(void)
{
	unlink(path);
	unlink(key_path);
	unsetenv("WEIR_TEST_KEY");
	return rmdir(folder);
}

static int open_text(const char *text)
{
	write_file(path, text, 0600);
	m = NULL;
	faults = NULL;
	return models_open(path, true, &m, &faults, &err);
}

static void release(void)
{
	models_close(m);
	m = NULL;
	free(faults);
	faults = NULL;
}

static const struct model *find(const char *name)
{
	return models_find(m, (struct weir_text){name, strlen(name)}, &err);
}

static void open_good(const char *text)
{
	int rc = open_text(text);

	if (rc < 0)
		fprintf(stderr, "    %s\n", err.text);
	CU_ASSERT_EQUAL_FATAL(rc, 0);
	CU_ASSERT_PTR_NULL(faults);
}

/* ---- what is read ---- */

static void without_a_file(void)
{
	CU_ASSERT_EQUAL_FATAL(models_open(NULL, true, &m, NULL, &err), 0);
	CU_ASSERT_EQUAL(models_count(m), 1);
	CU_ASSERT_STRING_EQUAL(models_at(m, 0)->name, "local");
	CU_ASSERT_EQUAL(models_at(m, 0)->provider, PROVIDER_LOCAL);
	CU_ASSERT_PTR_NOT_NULL(find("local"));
	release();
}

static void presets(void)
{
	const struct model *x;

	open_good("models:\n  fast:\n    provider: anthropic\n");
	x = find("fast");
	CU_ASSERT_PTR_NOT_NULL_FATAL(x);
	CU_ASSERT_EQUAL(x->line, 3);
	CU_ASSERT_EQUAL(x->provider, PROVIDER_ANTHROPIC);
	CU_ASSERT_EQUAL(x->mode, MODEL_CALL);
	CU_ASSERT_STRING_EQUAL(x->model, "fast");
	CU_ASSERT_STRING_EQUAL(x->base_url, "https://api.anthropic.com/v1");
	CU_ASSERT_PTR_NULL(x->query);
	CU_ASSERT_PTR_NULL(x->key);
	CU_ASSERT_EQUAL(x->requests, 0);
	CU_ASSERT_EQUAL(x->input_tokens, 0);
	CU_ASSERT_EQUAL(x->output_tokens, 0);
	CU_ASSERT_EQUAL(x->max_in_flight, 200);
	CU_ASSERT_EQUAL(x->max_tokens, 0);
	CU_ASSERT_FALSE(x->has_temperature);
	CU_ASSERT_EQUAL(x->response_format, FORMAT_NONE);
	CU_ASSERT_PTR_NULL(x->reasoning_effort);
	CU_ASSERT_EQUAL(x->max_tokens_field, LIMIT_BY_HOST);
	CU_ASSERT_PTR_NULL(x->extra);
	CU_ASSERT_EQUAL(x->timeout_ms, 120000);
	CU_ASSERT_EQUAL(x->input_price, PRICE_UNKNOWN);
	CU_ASSERT_EQUAL(x->cached_input_price, PRICE_UNKNOWN);
	CU_ASSERT_EQUAL(x->reasoning_price, PRICE_UNKNOWN);
	CU_ASSERT_EQUAL(models_count(m), 2);
	release();
}

static void every_field(void)
{
	const struct model *x;

	open_good("models:\n  b:\n    provider: openai\n    model: some/model\n"
		  "    base_url: http://127.0.0.1:8000/v1/\n    key_env: WEIR_TEST_KEY\n"
		  "    mode: batch\n    requests_per_minute: 1\n    input_tokens_per_minute: 2\n"
		  "    output_tokens_per_minute: 3\n    max_in_flight: 4\n    max_tokens: 5\n"
		  "    timeout: 1500ms\n    input_price: 0.000001\n    output_price: 12.5\n"
		  "    batch: {wait: 1s, requests: 6, bytes: 64KiB, tokens: 7, poll_least: 20ms,\n"
		  "            poll_most: 1h, adopt_wait: 3m}\n");
	x = find("b");
	CU_ASSERT_PTR_NOT_NULL_FATAL(x);
	CU_ASSERT_EQUAL(x->provider, PROVIDER_OPENAI);
	CU_ASSERT_EQUAL(x->mode, MODEL_BATCH);
	CU_ASSERT_STRING_EQUAL(x->model, "some/model");
	CU_ASSERT_STRING_EQUAL(x->base_url, "http://127.0.0.1:8000/v1");
	CU_ASSERT_STRING_EQUAL(x->key, KEY);
	CU_ASSERT_EQUAL(x->requests, 1);
	CU_ASSERT_EQUAL(x->input_tokens, 2);
	CU_ASSERT_EQUAL(x->output_tokens, 3);
	CU_ASSERT_EQUAL(x->max_in_flight, 4);
	CU_ASSERT_EQUAL(x->max_tokens, 5);
	CU_ASSERT_EQUAL(x->timeout_ms, 1500);
	CU_ASSERT_EQUAL(x->input_price, 1);
	CU_ASSERT_EQUAL(x->output_price, 12500000);
	CU_ASSERT_EQUAL(x->batch.wait_ms, 1000);
	CU_ASSERT_EQUAL(x->batch.requests, 6);
	CU_ASSERT_EQUAL(x->batch.bytes, 65536);
	CU_ASSERT_EQUAL(x->batch.tokens, 7);
	CU_ASSERT_EQUAL(x->batch.poll_least_ms, 20);
	CU_ASSERT_EQUAL(x->batch.poll_most_ms, 3600000);
	CU_ASSERT_EQUAL(x->batch.adopt_wait_ms, 180000);
	release();
}

static void what_is_said_in_a_call(void)
{
	const struct model *x;

	open_good("models:\n  x:\n    provider: openai\n    max_tokens: 4096\n"
		  "    temperature: 0.7\n    response_format: json_schema\n"
		  "    reasoning_effort: none\n    max_tokens_field: max_tokens\n"
		  "    extra:\n      top_p: 0.9\n      seed: 7\n      stop: ['</s>']\n"
		  "      chat_template_kwargs: {enable_thinking: false}\n");
	x = find("x");
	CU_ASSERT_PTR_NOT_NULL_FATAL(x);
	CU_ASSERT_EQUAL(x->max_tokens, 4096);
	CU_ASSERT_TRUE(x->has_temperature);
	CU_ASSERT_EQUAL(x->temperature, 700000);
	CU_ASSERT_EQUAL(x->response_format, FORMAT_JSON_SCHEMA);
	CU_ASSERT_STRING_EQUAL(x->reasoning_effort, "none");
	CU_ASSERT_EQUAL(x->max_tokens_field, LIMIT_MAX_TOKENS);
	CU_ASSERT_STRING_EQUAL(x->extra, "\"top_p\":0.9,\"seed\":7,\"stop\":[\"</s>\"],"
					 "\"chat_template_kwargs\":{\"enable_thinking\":false}");
	release();
	open_good("models:\n  x: {provider: anthropic, temperature: 0, extra: {}}\n");
	CU_ASSERT_TRUE(find("x")->has_temperature);
	CU_ASSERT_EQUAL(find("x")->temperature, 0);
	CU_ASSERT_PTR_NULL(find("x")->extra);
	release();
}

static void presets_of_a_batch(void)
{
	const struct model *x;

	open_good("models:\n  b: {provider: openai, mode: batch}\n");
	x = find("b");
	CU_ASSERT_PTR_NOT_NULL_FATAL(x);
	CU_ASSERT_STRING_EQUAL(x->base_url, "https://api.openai.com/v1");
	CU_ASSERT_EQUAL(x->batch.wait_ms, 10000);
	CU_ASSERT_EQUAL(x->batch.requests, 10000);
	CU_ASSERT_EQUAL(x->batch.bytes, 100000000);
	CU_ASSERT_EQUAL(x->batch.tokens, 0);
	CU_ASSERT_EQUAL(x->batch.poll_least_ms, 10000);
	CU_ASSERT_EQUAL(x->batch.poll_most_ms, 300000);
	CU_ASSERT_EQUAL(x->batch.adopt_wait_ms, 120000);
	release();
}

static void sorted_with_local(void)
{
	open_good("models:\n  z: {provider: local}\n  A: {provider: openai}\n"
		  "  m-1.2/x:y: {provider: openai}\n");
	CU_ASSERT_EQUAL_FATAL(models_count(m), 4);
	CU_ASSERT_STRING_EQUAL(models_at(m, 0)->name, "A");
	CU_ASSERT_STRING_EQUAL(models_at(m, 1)->name, "local");
	CU_ASSERT_STRING_EQUAL(models_at(m, 2)->name, "m-1.2/x:y");
	CU_ASSERT_STRING_EQUAL(models_at(m, 3)->name, "z");
	CU_ASSERT_EQUAL(find("z")->provider, PROVIDER_LOCAL);
	release();
}

static void no_models(void)
{
	open_good("models:\n");
	CU_ASSERT_EQUAL(models_count(m), 1);
	release();
	open_good("models: {local: {provider: local}}\n");
	CU_ASSERT_EQUAL(models_count(m), 1);
	release();
}

static void unknown_names(void)
{
	static const char *const names[] = {"", "x", "fas", "fastt", "Fast"};

	open_good("models:\n  fast: {provider: openai}\n  good: {provider: openai}\n");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		CU_ASSERT_PTR_NULL(find(names[i]));
		CU_ASSERT_STRING_EQUAL(err.code, "bad_context");
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "there are: fast, good, local"));
	}
	CU_ASSERT_PTR_NULL(models_find(m, (struct weir_text){"fast\0x", 6}, &err));
	CU_ASSERT_PTR_NULL(models_find(m, (struct weir_text){NULL, 0}, &err));
	release();
}

/* ---- faults: a file each, and all that is told of it ---- */

#define ONE "models:\n  x:\n    provider: openai\n    "

static const struct {
	const char *yaml;
	const char *faults; /* F stands for the file's name */
} bad[] = {
	{"", "F: models is missing\n"},
	{"- a\n", "F:1: the file: a map of fields is wanted\n"},
	{"model:\n  x: {provider: openai}\n",
	 "F:1: there is no field model; did you mean models?\nF:1: models is missing\n"},
	{"models: [x]\n", "F:1: models: a map of models is wanted\n"},
	{"models:\n  x y: {provider: openai}\n",
	 "F:2: \"x y\" is no name for a model: 1 to 64 of A-Z a-z 0-9 . _ : / - beginning with a "
	 "letter or digit\n"},
	{"models:\n  local: {provider: openai}\n",
	 "F:2: \"local\" is the model of the plugins themselves: call this one otherwise\n"},
	{"models:\n  x:\n", "F:2: provider is missing\n"},
	{"models:\n  x: y\n", "F:2: x: a map of fields is wanted\n"},
	{"models:\n  x:\n    provider: other\n",
	 "F:3: provider: \"other\" is not one of local, anthropic, openai\n"},
	{"models:\n  x:\n    provider: local\n    mode: batch\n    key_env: WEIR_TEST_UNSET\n",
	 "F:4: mode: a local model has no such field\n"
	 "F:5: key_env: a local model has no such field\n"},
	{ONE "modle: y\n", "F:4: there is no field modle; did you mean mode?\n"},
	{ONE "something: y\n", "F:4: there is no field something\n"},
	{ONE "mode: calls\n", "F:4: mode: \"calls\" is not one of call, batch\n"},
	{ONE "model:\n", "F:4: model: a value is missing\n"},
	{ONE "model: [a]\n", "F:4: model: a single value is wanted, not a map or list\n"},
	{ONE "model: ''\n", "F:4: model: 0 bytes, not within 1 and 200\n"},
	{ONE "max_tokens: many\n", "F:4: max_tokens: \"many\" is not a whole number\n"},
	{ONE "max_tokens: 1.5\n", "F:4: max_tokens: \"1.5\" is not a whole number\n"},
	{ONE "max_tokens: 0\n", "F:4: max_tokens: 0 is not within 1 and 1000000\n"},
	{ONE "max_tokens: -1\n", "F:4: max_tokens: -1 is not within 1 and 1000000\n"},
	{ONE "max_in_flight: 10001\n", "F:4: max_in_flight: 10001 is not within 1 and 10000\n"},
	{ONE "requests_per_minute: 99999999999999999999\n",
	 "F:4: requests_per_minute: \"99999999999999999999\" is not a whole number\n"},
	{ONE "requests_per_minute: 0\n",
	 "F:4: requests_per_minute: 0 is not within 1 and 1000000000000\n"},
	{ONE "timeout: 10\n", "F:4: timeout: \"10\" is not a time (250ms, 5s, 10m, 1h, 30d)\n"},
	{ONE "timeout: 2h\n", "F:4: timeout: 2h is not within 100ms and 3600s\n"},
	{ONE "input_price: 0.0000001\n",
	 "F:4: input_price: \"0.0000001\" is not a decimal number with at most six places\n"},
	{ONE "input_price: -1\n",
	 "F:4: input_price: \"-1\" is not a decimal number with at most six places\n"},
	{ONE "input_price: 1e3\n",
	 "F:4: input_price: \"1e3\" is not a decimal number with at most six places\n"},
	{ONE "output_price: 1000000.000001\n",
	 "F:4: output_price: 1000000.000001 is not within 0 and 1000000\n"},
	{ONE "base_url: ftp://h\n",
	 "F:4: base_url: http:// or https:// is wanted at its beginning\n"},
	{ONE "base_url: nonsense\n",
	 "F:4: base_url: http:// or https:// is wanted at its beginning\n"},
	{ONE "base_url: http://\n", "F:4: base_url: not a URL\n"},
	{ONE "base_url: http://h:port\n", "F:4: base_url: not a URL\n"},
	{ONE "base_url: \"http://h/\\r\\nx: y\"\n",
	 "F:4: base_url: not a URL: a blank, or what cannot be in one, is in it\n"},
	{ONE "base_url: https://me:" KEY "@h\n", "F:4: base_url: it must not hold a name or "
						 "password: keys come from key_env or key_file\n"},
	{ONE "base_url: https://h?key=" KEY "\n",
	 "F:4: base_url: it must not hold a key: keys come from key_env or key_file\n"},
	{ONE "key_env: WEIR_TEST_UNSET\n",
	 "F:4: key_env: WEIR_TEST_UNSET is not set in the environment\n"},
	{ONE "key_env: WEIR_TEST_EMPTY\n",
	 "F:4: key_env: WEIR_TEST_EMPTY is not set in the environment\n"},
	{ONE "key_env: WEIR_TEST_LINES\n",
	 "F:4: key_env: WEIR_TEST_LINES holds something else than printable ASCII\n"},
	{ONE "key_env: " KEY "\n",
	 "F:4: key_env: the name of a variable of the environment is wanted, of A-Z 0-9 _\n"},
	{ONE "key_env: WEIR_TEST_KEY\n    key_file: key\n",
	 "F:5: key_env and key_file: one of them is enough\n"},
	{ONE "key_file: /nowhere/key\n",
	 "F:4: key_file: /nowhere/key: No such file or directory\n"},
	{ONE "key_file: /tmp\n", "F:4: key_file: /tmp is not a file\n"},
	{ONE "temperature: hot\n",
	 "F:4: temperature: \"hot\" is not a decimal number with at most six places\n"},
	{ONE "temperature: 2.1\n", "F:4: temperature: 2.1 is not within 0 and 2\n"},
	{ONE "response_format: json\n",
	 "F:4: response_format: \"json\" is not one of none, json_object, json_schema\n"},
	{ONE "reasoning_effort: much\n", "F:4: reasoning_effort: \"much\" is not one of none, "
					 "minimal, low, medium, high, xhigh, default\n"},
	{ONE "max_tokens_field: tokens\n",
	 "F:4: max_tokens_field: \"tokens\" is not one of max_tokens, max_completion_tokens\n"},
	{ONE "extra: top_p\n", "F:4: extra: a map of fields is wanted\n"},
	{ONE "extra: [top_p]\n", "F:4: extra: a map of fields is wanted\n"},
	{ONE "extra:\n      top_p: 1\n      model: x\n      messages: []\n",
	 "F:6: extra: model is written by weir itself, or by a field of the model's\n"
	 "F:7: extra: messages is written by weir itself, or by a field of the model's\n"},
	{ONE "extra: {seed: 12345678901234567890, stop: '12345678901234567890'}\n",
	 "F:4: extra: 12345678901234567890 is no number that JSON has; in quotes it is a text\n"},
	{ONE "extra:\n      a: [1, .nan]\n      b: {c: 1e999, d: -.Inf}\n",
	 "F:5: extra: .nan is no number that JSON has; in quotes it is a text\n"
	 "F:6: extra: 1e999 is no number that JSON has; in quotes it is a text\n"
	 "F:6: extra: -.Inf is no number that JSON has; in quotes it is a text\n"},
	{ONE "extra: {stream: true}\n",
	 "F:4: extra: stream is written by weir itself, or by a field of the model's\n"},
	{"models:\n  x:\n    provider: anthropic\n    response_format: json_object\n"
	 "    reasoning_effort: low\n    temperature: 1.5\n    max_tokens_field: max_tokens\n",
	 "F:4: response_format: there is none with provider: anthropic (what its API has besides "
	 "goes into extra)\n"
	 "F:5: reasoning_effort: there is none with provider: anthropic (what its API has besides "
	 "goes into extra)\n"
	 "F:7: max_tokens_field: there is none with provider: anthropic (what its API has besides "
	 "goes into extra)\n"
	 "F:6: temperature: at most 1 with provider: anthropic\n"},
	{ONE "batch: {wait: 1s}\n", "F:4: batch: is for mode: batch alone\n"},
	{ONE "mode: batch\n    batch:\n      wiat: 1s\n      bytes: 1TB\n      requests: 0\n",
	 "F:6: there is no field wiat; did you mean wait?\nF:8: requests: 0 is not within 1 and "
	 "100000\nF:7: bytes: \"1TB\" is not a size (4096, 64KB, 100MB, 1GiB)\n"},
	{ONE "mode: batch\n    batch: {poll_least: 10m}\n",
	 "F:5: poll_least is longer than poll_most\n"},
	{ONE "mode: batch\n    batch: 3\n", "F:5: batch: a map of fields is wanted\n"},
	{ONE "model: a\n    model: b\n", "F:5: \"model\" stands twice, on line 4 as well\n"},
	{ONE "model: *a\n", "F:4: *a: there is no such anchor before it\n"},
	/* All of them at once, in all models. */
	{ONE "max_tokens: 0\n    base_url: x\n    key_env: WEIR_TEST_UNSET\n    z: 1\n"
	     "  y: {}\n",
	 "F:7: there is no field z\nF:4: max_tokens: 0 is not within 1 and 1000000\n"
	 "F:5: base_url: http:// or https:// is wanted at its beginning\nF:6: key_env: "
	 "WEIR_TEST_UNSET is not set in the environment\n"
	 "F:8: provider is missing\n"},
};

/* With the file's name for F at the beginning of each line. */
static void expand(const char *lines, struct buffer *out)
{
	buffer_reset(out);
	for (bool begin = true; *lines != '\0'; lines++) {
		if (begin && *lines == 'F')
			buffer_add_text(out, path);
		else
			buffer_add_char(out, *lines);
		begin = *lines == '\n';
	}
	CU_ASSERT_PTR_NOT_NULL_FATAL(buffer_text(out));
}

static void refused(const char *yaml, const char *wanted)
{
	struct buffer text = BUFFER_INIT;

	expand(wanted, &text);
	CU_ASSERT_EQUAL(open_text(yaml), -1);
	CU_ASSERT_PTR_NULL(m);
	CU_ASSERT_STRING_EQUAL(err.code, "models_file");
	CU_ASSERT_PTR_NOT_NULL_FATAL(faults);
	CU_ASSERT_STRING_EQUAL(faults, text.data);
	if (strcmp(faults, text.data) != 0)
		fprintf(stderr, "    %s    got %s", text.data, faults);
	CU_ASSERT_PTR_NULL(strstr(faults, KEY));
	CU_ASSERT_PTR_NULL(strstr(err.text, KEY));
	buffer_release(&text);
	release();
}

static void every_fault_with_its_line(void)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(bad[i].yaml, bad[i].faults);
}

static void all_faults_in_the_error(void)
{
	char wanted[300];

	CU_ASSERT_EQUAL(open_text("models:\n  x: {}\n  y: {provider: openai, z: 1}\n"), -1);
	snprintf(wanted, sizeof(wanted), "%s:2: provider is missing; %s:3: there is no field z",
		 path, path);
	CU_ASSERT_STRING_EQUAL(err.text, wanted);
	release();
}

static void too_many_models(void)
{
	struct buffer text = BUFFER_INIT;

	buffer_add_text(&text, "models:\n");
	for (int i = 0; i <= MODELS_MAX; i++)
		buffer_printf(&text, "  m%d: {provider: openai}\n", i);
	CU_ASSERT_PTR_NOT_NULL_FATAL(buffer_text(&text));
	refused(text.data, "F:2: 257 models, the most is 256\n");
	buffer_release(&text);
}

/* ---- keys in files ---- */

static void key_files(void)
{
	open_text(ONE "key_file: key\n");
	release();
	write_file(key_path, KEY "\nmore\n", 0600);
	open_good(ONE "key_file: key\n");
	CU_ASSERT_STRING_EQUAL(find("x")->key, KEY);
	release();
	CU_ASSERT_EQUAL(chmod(key_path, 0640), 0);
	open_good(ONE "key_file: key\n");
	release();
}

static void bad_key(const char *text, mode_t mode, const char *why)
{
	write_file(key_path, text, mode);
	CU_ASSERT_EQUAL(open_text(ONE "key_file: key\n"), -1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(faults);
	CU_ASSERT_PTR_NOT_NULL(strstr(faults, "m.yaml:4: key_file: "));
	CU_ASSERT_PTR_NOT_NULL(strstr(faults, why));
	if (strstr(faults, why) == NULL)
		fprintf(stderr, "    %s", faults);
	CU_ASSERT_PTR_NULL(strstr(faults, KEY));
	release();
}

static void bad_key_files(void)
{
	struct buffer text = BUFFER_INIT;

	bad_key(KEY "\n", 0644, "everybody on this machine may use it (chmod o-rwx)");
	bad_key(KEY "\n", 0602, "everybody on this machine may use it (chmod o-rwx)");
	bad_key("", 0600, "is empty");
	bad_key("\n" KEY, 0600, "is empty");
	bad_key(KEY " x\n", 0600, "something else than printable ASCII");
	bad_key(KEY "\xC3\xA4\n", 0600, "something else than printable ASCII");
	for (int i = 0; i < 4097; i++)
		buffer_add_char(&text, 'k');
	bad_key(buffer_text(&text), 0600, "is longer than 4096 bytes");
	buffer_release(&text);
}

/* ---- costs ---- */

static void costs(void)
{
	static const struct {
		int64_t input_price, output_price, input, output, cost;
		const char *text;
	} rows[] = {
		{1000000, 5000000, 0, 0, 0, "0"},
		{1000000, 5000000, 1000000, 1000000, 6000000000000, "6"},
		{1000000, 5000000, 123, 0, 123000000, "0.000123"},
		{1, 0, 1, 0, 1, "0.000000000001"},
		{150000, 600000, 1, 1, 750000, "0.00000075"},
		{INT64_MAX, 0, 1, 0, INT64_MAX, "9223372.036854775807"},
		{INT64_MAX, 1, 1, 0, INT64_MAX, "9223372.036854775807"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct model x = {.input_price = rows[i].input_price,
				  .output_price = rows[i].output_price};
		char text[COST_TEXT_MAX];

		const struct usage u = {.input = rows[i].input, .output = rows[i].output};

		CU_ASSERT_EQUAL(model_cost(&x, &u), rows[i].cost);
		model_cost_text(rows[i].cost, text);
		CU_ASSERT_STRING_EQUAL(text, rows[i].text);
	}
}

/* A cost that no number here can be is not known: neither the largest there is, nor 0. */
static void costs_beyond(void)
{
	static const struct {
		int64_t input_price, output_price, input, output;
		const char *gap;
	} rows[] = {
		{1000000000000, 0, 1000000000, 0, "its cost is more than can be held"},
		{1000000000000, 1000000000000, 9000000, 9000000,
		 "its cost is more than can be held"},
		{INT64_MAX, 1, 1, 1, "its cost is more than can be held"},
		{1000000, 0, -5, 0, "one of its counts of tokens is below zero"},
		{1000000, 1000000, 7, -1, "one of its counts of tokens is below zero"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct model x = {.input_price = rows[i].input_price,
					.output_price = rows[i].output_price};
		const struct usage u = {.input = rows[i].input, .output = rows[i].output};
		const char *gap = model_cost_gap(&x, &u);

		CU_ASSERT_EQUAL(model_cost(&x, &u), COST_UNKNOWN);
		CU_ASSERT_PTR_NOT_NULL_FATAL(gap);
		CU_ASSERT_STRING_EQUAL(gap, rows[i].gap);
	}
}

/* Each kind of tokens by its own price: of a million of each, what all came to. */
static void kinds_of_tokens(void)
{
	static const struct usage u = {.input = 10000000,
				       .cached = 1000000,
				       .written = 2000000,
				       .written_1h = 3000000,
				       .output = 5000000,
				       .reasoning = 4000000};
	static const struct {
		const char *fields;
		const char *cost; /* NULL: not known */
		const char *gap;
	} rows[] = {
		/* 4 x 1 + 1 x 0.1 + 2 x 1.25 + 3 x 2 + 5 x 5: Anthropic's rule */
		{"provider: anthropic, input_price: 1, output_price: 5", "37.6", NULL},
		{"provider: anthropic, input_price: 0.80, output_price: 4", "30.08", NULL},
		{"provider: anthropic, input_price: 1, output_price: 5, cached_input_price: 0.5,"
		 " cache_write_price: 1, cache_write_1h_price: 3, reasoning_price: 6",
		 "44.5", NULL},
		{"provider: anthropic, input_price: 0, output_price: 0", "0", NULL},
		{"provider: anthropic", NULL, "its model has no input_price"},
		{"provider: anthropic, input_price: 1", NULL, "its model has no output_price"},
		{"provider: openai, input_price: 1, output_price: 5", NULL,
		 "its model has no cached_input_price, and tokens came from the cache"},
		{"provider: openai, input_price: 1, output_price: 5, cached_input_price: 0", NULL,
		 "its model has no cache_write_price, and tokens were written to the cache"},
		{"provider: openai, input_price: 1, output_price: 5, cached_input_price: 0,"
		 " cache_write_price: 1, cache_write_1h_price: 1",
		 "34", NULL},
	};
	char text[400];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *gap;
		int64_t cost;

		snprintf(text, sizeof(text), "models:\n  x: {%s}\n", rows[i].fields);
		open_good(text);
		cost = model_cost(find("x"), &u);
		gap = model_cost_gap(find("x"), &u);
		if (rows[i].cost != NULL) {
			model_cost_text(cost, text);
			CU_ASSERT_STRING_EQUAL(text, rows[i].cost);
			CU_ASSERT_PTR_NULL(gap);
		} else {
			CU_ASSERT_EQUAL(cost, COST_UNKNOWN);
			CU_ASSERT_STRING_EQUAL(gap, rows[i].gap);
		}
		release();
	}
}

static void only_what_is_there_needs_a_price(void)
{
	const struct usage plain = {.input = 1000, .output = 100};
	const struct usage faulty = {.input = 1000, .output = 100, .fault = "no usage"};

	open_good("models:\n  x: {provider: openai, input_price: 1, output_price: 5}\n");
	CU_ASSERT_EQUAL(model_cost(find("x"), &plain), 1500000000);
	CU_ASSERT_EQUAL(model_cost(find("x"), &faulty), COST_UNKNOWN);
	CU_ASSERT_STRING_EQUAL(model_cost_gap(find("x"), &faulty), "no usage");
	release();
}

static void prices_are_exact(void)
{
	static const struct {
		const char *text;
		int64_t millionths;
	} rows[] = {
		{"1", 1000000},	    {"1.00", 1000000}, {"1.", 1000000},
		{".5", 500000},	    {"0.1", 100000},   {"0.3", 300000},
		{"2.675", 2675000}, {"0.000001", 1},   {"1000000", 1000000000000},
	};
	char text[100];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), ONE "input_price: %s\n", rows[i].text);
		open_good(text);
		CU_ASSERT_EQUAL(find("x")->input_price, rows[i].millionths);
		release();
	}
}

/* ---- the example ---- */

static char *read_example(void)
{
	static char text[16384];
	FILE *in = fopen(WEIR_SOURCE_DIR "/deploy/models.yaml", "re");

	CU_ASSERT_PTR_NOT_NULL_FATAL(in);
	text[fread(text, 1, sizeof(text) - 1, in)] = '\0';
	fclose(in);
	return text;
}

/* "  #   field: value" becomes "    field: value", and "  # name:" becomes "  name:". */
static void uncomment(const char *text, struct buffer *out)
{
	for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
		int size = (int)strcspn(line, "\n");
		bool model = strncmp(line, "  # ", 4) == 0 &&
			     (line[4] == ' ' || memchr(line, ':', (size_t)size) != NULL);

		buffer_printf(out, "%s%.*s\n", model ? "  " : "", model ? size - 4 : size,
			      model ? line + 4 : line);
	}
	CU_ASSERT_PTR_NOT_NULL_FATAL(buffer_text(out));
}

static void the_example_is_valid(void)
{
	struct buffer text = BUFFER_INIT;
	char vllm[64];

	CU_ASSERT_EQUAL_FATAL(
		models_open(WEIR_SOURCE_DIR "/deploy/models.yaml", true, &m, NULL, &err), 0);
	CU_ASSERT_PTR_NOT_NULL(find("ollama"));
	release();
	setenv("ANTHROPIC_API_KEY", KEY, 1);
	setenv("OPENAI_API_KEY", KEY, 1);
	setenv("OPENROUTER_API_KEY", KEY, 1);
	setenv("AZURE_OPENAI_API_KEY", KEY, 1);
	snprintf(vllm, sizeof(vllm), "%s/vllm.key", folder);
	write_file(vllm, KEY "\n", 0600);
	uncomment(read_example(), &text);
	open_good(text.data);
	CU_ASSERT_EQUAL(models_count(m), 9);
	CU_ASSERT_EQUAL(find("gpt-batch")->input_price, 75000);
	CU_ASSERT_EQUAL(find("claude-batch")->mode, MODEL_BATCH);
	release();
	buffer_release(&text);
	unlink(vllm);
	unsetenv("ANTHROPIC_API_KEY");
	unsetenv("OPENAI_API_KEY");
	unsetenv("OPENROUTER_API_KEY");
	unsetenv("AZURE_OPENAI_API_KEY");
}

/* ---- garbage and memory ---- */

static void garbage(void)
{
	static const char good[] =
		"models:\n  x:\n    provider: openai\n    mode: batch\n    key_env: WEIR_TEST_KEY\n"
		"    timeout: 5s\n    input_price: 1.5\n    batch: {bytes: 1MB}\n";
	unsigned seed = 11;

	for (int round = 0; round < 1000; round++) {
		char text[sizeof(good)];

		memcpy(text, good, sizeof(good));
		for (int i = 0; i < 2; i++) {
			seed = seed * 1103515245u + 12345u;
			text[(seed >> 16) % (sizeof(good) - 1)] = (char)(32 + (seed >> 8) % 95);
		}
		if (open_text(text) < 0)
			CU_ASSERT_PTR_NOT_NULL(faults);
		release();
	}
}

static void every_allocation_may_fail(void)
{
	bool failed = true;

	write_file(path,
		   "models:\n  x: {provider: openai, base_url: 'http://h/v1', key_env: "
		   "WEIR_TEST_KEY, mode: batch}\n  y: {provider: anthropic}\n",
		   0600);
	for (long n = 1; failed && n < 2000; n++) {
		int rc;

		m = NULL;
		failing_malloc_arm(n);
		rc = models_open(path, true, &m, &faults, &err);
		failed = failing_malloc_disarm();
		if (rc == 0)
			CU_ASSERT_PTR_NOT_NULL(find("x")->base_url);
		if (!failed)
			CU_ASSERT_EQUAL(rc, 0);
		release();
	}
	CU_ASSERT_FALSE(failed);
}

void add_models_suite(void)
{
	CU_pSuite suite = CU_add_suite("models", set_up, tear_down);

	CU_ADD_TEST(suite, without_a_file);
	CU_ADD_TEST(suite, presets);
	CU_ADD_TEST(suite, every_field);
	CU_ADD_TEST(suite, what_is_said_in_a_call);
	CU_ADD_TEST(suite, presets_of_a_batch);
	CU_ADD_TEST(suite, sorted_with_local);
	CU_ADD_TEST(suite, no_models);
	CU_ADD_TEST(suite, unknown_names);
	CU_ADD_TEST(suite, every_fault_with_its_line);
	CU_ADD_TEST(suite, all_faults_in_the_error);
	CU_ADD_TEST(suite, too_many_models);
	CU_ADD_TEST(suite, key_files);
	CU_ADD_TEST(suite, bad_key_files);
	CU_ADD_TEST(suite, costs);
	CU_ADD_TEST(suite, costs_beyond);
	CU_ADD_TEST(suite, kinds_of_tokens);
	CU_ADD_TEST(suite, only_what_is_there_needs_a_price);
	CU_ADD_TEST(suite, prices_are_exact);
	CU_ADD_TEST(suite, the_example_is_valid);
	CU_ADD_TEST(suite, garbage);
	CU_ADD_TEST(suite, every_allocation_may_fail);
}
