/* Where a call goes for what stands in the models file: addresses as vendors and people write them.
 */
#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "weir/models.h"
#include "weir/provider.h"

#define A "anthropic"
#define O "openai"
#define CHAT "/chat/completions"

static const struct {
	const char *provider, *written, *called;
} rows[] = {
	/* No path: the version follows the host. */
	{O, "https://api.openai.com", "https://api.openai.com/v1" CHAT},
	{O, "https://api.openai.com/", "https://api.openai.com/v1" CHAT},
	{O, "https://api.openai.com/v1", "https://api.openai.com/v1" CHAT},
	{O, "https://api.openai.com/v1/", "https://api.openai.com/v1" CHAT},
	{O, "https://api.openai.com/v1//", "https://api.openai.com/v1" CHAT},
	{O, "https://api.openai.com/v1" CHAT, "https://api.openai.com/v1" CHAT},
	{O, "https://api.openai.com/v1" CHAT "/", "https://api.openai.com/v1" CHAT},
	{O, "https://api.openai.com/v1/models", "https://api.openai.com/v1" CHAT},
	{O, "HTTPS://API.OpenAI.com/v1", "https://api.openai.com/v1" CHAT},
	{O, "https://eu.api.openai.com/v1", "https://eu.api.openai.com/v1" CHAT},
	{O, "http://127.0.0.1:11434", "http://127.0.0.1:11434/v1" CHAT},
	{O, "http://localhost:8000/v1/", "http://localhost:8000/v1" CHAT},
	{O, "http://[::1]:8000", "http://[::1]:8000/v1" CHAT},
	{O, "http://[FE80::1%25eth0]:8000/v1", "http://[fe80::1%25eth0]:8000/v1" CHAT},
	{O, "http://vllm.internal:8000", "http://vllm.internal:8000/v1" CHAT},
	/* Vendors of chat completions, as their manuals have it. */
	{O, "https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1" CHAT},
	{O, "https://openrouter.ai/api/v1/", "https://openrouter.ai/api/v1" CHAT},
	{O, "https://openrouter.ai/api/v1" CHAT, "https://openrouter.ai/api/v1" CHAT},
	{O, "https://api.groq.com/openai/v1", "https://api.groq.com/openai/v1" CHAT},
	{O, "https://api.fireworks.ai/inference/v1", "https://api.fireworks.ai/inference/v1" CHAT},
	{O, "https://dashscope.aliyuncs.com/compatible-mode/v1",
	 "https://dashscope.aliyuncs.com/compatible-mode/v1" CHAT},
	{O, "https://generativelanguage.googleapis.com/v1beta/openai/",
	 "https://generativelanguage.googleapis.com/v1beta/openai" CHAT},
	{O, "https://ark.cn-beijing.volces.com/api/v3",
	 "https://ark.cn-beijing.volces.com/api/v3" CHAT},
	{O, "https://open.bigmodel.cn/api/paas/v4/", "https://open.bigmodel.cn/api/paas/v4" CHAT},
	{O, "https://api.z.ai/api/coding/paas/v4", "https://api.z.ai/api/coding/paas/v4" CHAT},
	{O, "https://qianfan.baidubce.com/v2", "https://qianfan.baidubce.com/v2" CHAT},
	{O, "https://api.deepinfra.com/v1/openai", "https://api.deepinfra.com/v1/openai" CHAT},
	{O, "https://api.deepseek.com", "https://api.deepseek.com/v1" CHAT},
	{O, "https://api.deepseek.com/beta", "https://api.deepseek.com/beta" CHAT},
	{O, "https://api.mistral.ai/v1", "https://api.mistral.ai/v1" CHAT},
	{O, "https://api.x.ai/v1", "https://api.x.ai/v1" CHAT},
	{O, "https://api.together.xyz/v1", "https://api.together.xyz/v1" CHAT},
	{O, "https://api.perplexity.ai", "https://api.perplexity.ai" CHAT},
	{O, "https://api.perplexity.ai/", "https://api.perplexity.ai" CHAT},
	{O, "https://models.inference.ai.azure.com", "https://models.inference.ai.azure.com" CHAT},
	{O, "https://models.github.ai/inference", "https://models.github.ai/inference" CHAT},
	{O, "https://router.huggingface.co/v1", "https://router.huggingface.co/v1" CHAT},
	{O, "https://api.cloudflare.com/client/v4/accounts/0a1b/ai/v1",
	 "https://api.cloudflare.com/client/v4/accounts/0a1b/ai/v1" CHAT},
	{O, "https://gateway.ai.cloudflare.com/v1/0a1b/main/openai",
	 "https://gateway.ai.cloudflare.com/v1/0a1b/main/openai" CHAT},
	{O, "https://dbc-1.cloud.databricks.com/serving-endpoints",
	 "https://dbc-1.cloud.databricks.com/serving-endpoints" CHAT},
	{O,
	 "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/l/endpoints/"
	 "openapi",
	 "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/l/endpoints/"
	 "openapi" CHAT},
	{O, "https://api.runpod.ai/v2/abc/openai/v1",
	 "https://api.runpod.ai/v2/abc/openai/v1" CHAT},
	{O, "http://gpustack/v1-openai", "http://gpustack/v1-openai" CHAT},
	{O, "http://webui:3000/api", "http://webui:3000/api" CHAT},
	/* The end, or all, of a known vendor's path was left out. */
	{O, "https://openrouter.ai", "https://openrouter.ai/api/v1" CHAT},
	{O, "https://openrouter.ai/api/", "https://openrouter.ai/api/v1" CHAT},
	{O, "https://api.groq.com/openai", "https://api.groq.com/openai/v1" CHAT},
	{O, "https://api.fireworks.ai", "https://api.fireworks.ai/inference/v1" CHAT},
	{O, "https://dashscope-intl.aliyuncs.com/compatible-mode",
	 "https://dashscope-intl.aliyuncs.com/compatible-mode/v1" CHAT},
	{O, "https://open.bigmodel.cn/api/paas", "https://open.bigmodel.cn/api/paas/v4" CHAT},
	{O, "https://generativelanguage.googleapis.com/v1beta",
	 "https://generativelanguage.googleapis.com/v1beta/openai" CHAT},
	{O, "https://api.deepinfra.com/v1", "https://api.deepinfra.com/v1/openai" CHAT},
	/* Azure. */
	{O, "https://r.openai.azure.com/openai/v1/", "https://r.openai.azure.com/openai/v1" CHAT},
	{O, "https://R.OpenAI.Azure.com", "https://r.openai.azure.com/openai/v1" CHAT},
	{O, "https://r.openai.azure.com/openai/v1?api-version=preview",
	 "https://r.openai.azure.com/openai/v1" CHAT "?api-version=preview"},
	{O, "https://r.openai.azure.com/openai/deployments/My-GPT?api-version=2024-10-21",
	 "https://r.openai.azure.com/openai/deployments/My-GPT" CHAT "?api-version=2024-10-21"},
	{O,
	 "https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21",
	 "https://r.openai.azure.com/openai/deployments/d" CHAT "?api-version=2024-10-21"},
	{O, "https://r.services.ai.azure.com/models?api-version=2024-05-01-preview",
	 "https://r.services.ai.azure.com/models" CHAT "?api-version=2024-05-01-preview"},
	{A, "https://r.services.ai.azure.com/anthropic",
	 "https://r.services.ai.azure.com/anthropic/v1/messages"},
	/* Proxies, which answer with and without the version. */
	{O, "http://proxy:4000/litellm/v1", "http://proxy:4000/litellm/v1" CHAT},
	{O, "http://proxy:4000/litellm/v1/", "http://proxy:4000/litellm/v1" CHAT},
	{O, "http://proxy:4000/litellm", "http://proxy:4000/litellm" CHAT},
	{O, "http://proxy:4000/litellm/", "http://proxy:4000/litellm" CHAT},
	{O, "http://proxy:4000/litellm" CHAT, "http://proxy:4000/litellm" CHAT},
	{O, "http://proxy:4000" CHAT, "http://proxy:4000" CHAT},
	{O, "http://proxy/Team-A/v1?user=x&deployment=y",
	 "http://proxy/Team-A/v1" CHAT "?user=x&deployment=y"},
	{O, "http://proxy/v1?", "http://proxy/v1" CHAT},
	/* Anthropic's API: its SDKs add the version. */
	{A, "https://api.anthropic.com", "https://api.anthropic.com/v1/messages"},
	{A, "https://api.anthropic.com/v1", "https://api.anthropic.com/v1/messages"},
	{A, "https://api.anthropic.com/v1/messages", "https://api.anthropic.com/v1/messages"},
	{A, "https://openrouter.ai/api", "https://openrouter.ai/api/v1/messages"},
	{A, "https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1/messages"},
	{A, "https://api.deepseek.com/anthropic", "https://api.deepseek.com/anthropic/v1/messages"},
	{A, "https://api.moonshot.ai/anthropic/", "https://api.moonshot.ai/anthropic/v1/messages"},
	{A, "https://open.bigmodel.cn/api/anthropic",
	 "https://open.bigmodel.cn/api/anthropic/v1/messages"},
	{A, "https://gateway.ai.cloudflare.com/v1/0a1b/main/anthropic",
	 "https://gateway.ai.cloudflare.com/v1/0a1b/main/anthropic/v1/messages"},
	{A, "http://proxy:4000/litellm", "http://proxy:4000/litellm/v1/messages"},
	{A, "http://proxy/messages", "http://proxy/messages"},
	{A, "http://proxy/v1?beta=true", "http://proxy/v1/messages?beta=true"},
};

#define SECRET "s3cret"

static const struct {
	const char *provider, *written, *fault;
} refused[] = {
	{O, "api.openai.com/v1", "http:// or https:// is wanted at its beginning"},
	{O, "localhost:8000", "http:// or https:// is wanted at its beginning"},
	{O, "ftp://h", "http:// or https:// is wanted at its beginning"},
	{O, "http:///v1", "not a URL"},
	{O, "http://h:port", "not a URL"},
	{O, "http://h:99999", "not a URL"},
	{O, "http://[::1", "not a URL"},
	{O, "http://h/my v1", "not a URL: a blank"},
	{O, "http://h/v1\\x", "not a URL: a blank, or what cannot be in one"},
	{O, "https://me:" SECRET "@h/v1", "it must not hold a name or password"},
	{O, "https://" SECRET "@h/v1", "it must not hold a name or password"},
	{O, "https://h/v1?key=" SECRET, "it must not hold a key"},
	{O, "https://h/v1?a=b&subscription-Key=" SECRET, "it must not hold a key"},
	{O, "https://h/v1?access_token=" SECRET, "it must not hold a key"},
	{O, "https://h/v1#" SECRET, "a fragment"},
	{O, "http://h:11434/api/chat",
	 "that is Ollama's own API: write the address that ends in /v1"},
	{O, "http://h:11434/api/generate/", "that is Ollama's own API"},
	{O, "https://h/v1beta/models/m:generateContent", "that is Gemini's own API"},
	{O, "https://h/v1/responses", "it ends in a method that weir does not call there"},
	{O, "https://h/v1/completions", "it ends in a method that weir does not call there"},
	{O, "https://h/v1/messages", "it ends in a method that weir does not call there"},
	{A, "https://h/v1/chat/completions", "it ends in a method that weir does not call there"},
	{A, "https://h/v1/messages/batches", "it ends in a method that weir does not call there"},
};

static char path[] = "/tmp/weir-test-addresses.XXXXXX";
static struct weir_error err;

static int set_up(void)
{
	int fd = mkstemp(path);

	return fd < 0 ? -1 : close(fd);
}

static int tear_down(void) { return unlink(path); }

static int open_one(const char *provider, const char *base_url, const char *more,
		    struct models **out)
{
	FILE *f = fopen(path, "we");

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fprintf(f, "models:\n  x:\n    provider: %s\n    base_url: '%s'\n%s", provider, base_url,
		more);
	fclose(f);
	return models_open(path, true, out, NULL, &err);
}

static void expect_called(const struct model *x, const char *wanted)
{
	struct buffer texts = BUFFER_INIT;
	struct http_request r;

	CU_ASSERT_EQUAL_FATAL(provider_call(x, "id", &texts, &r, &err), 0);
	if (strcmp(r.url, wanted) != 0)
		fprintf(stderr, "    %s\n    wanted %s\n", r.url, wanted);
	CU_ASSERT_STRING_EQUAL(r.url, wanted);
	buffer_release(&texts);
}

static void every_form(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct models *m = NULL;
		int rc = open_one(rows[i].provider, rows[i].written, "", &m);

		if (rc < 0)
			fprintf(stderr, "    %s: %s\n", rows[i].written, err.text);
		CU_ASSERT_EQUAL(rc, 0);
		if (rc == 0)
			expect_called(models_find(m, (struct weir_text){"x", 1}, &err),
				      rows[i].called);
		models_close(m);
	}
}

/* What is made of an address is an address of the same. */
static void twice_is_once(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct models *m = NULL;

		CU_ASSERT_EQUAL_FATAL(open_one(rows[i].provider, rows[i].called, "", &m), 0);
		expect_called(models_find(m, (struct weir_text){"x", 1}, &err), rows[i].called);
		models_close(m);
	}
}

static void told_with_its_line(void)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct models *m = NULL;

		CU_ASSERT_EQUAL_FATAL(open_one(refused[i].provider, refused[i].written, "", &m),
				      -1);
		if (!strstr(err.text, refused[i].fault))
			fprintf(stderr, "    %s: %s\n", refused[i].written, err.text);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, ":4: base_url: "));
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, refused[i].fault));
		CU_ASSERT_PTR_NULL(strstr(err.text, SECRET));
	}
}

/* ---- batches ---- */

static const struct {
	const char *written, *batches, *endpoint;
} batch_rows[] = {
	{"https://api.openai.com", "https://api.openai.com/v1/batches",
	 "\"endpoint\":\"/v1/chat/completions\""},
	{"https://api.groq.com/openai/v1", "https://api.groq.com/openai/v1/batches",
	 "\"endpoint\":\"/v1/chat/completions\""},
	{"https://dashscope.aliyuncs.com/compatible-mode/v1",
	 "https://dashscope.aliyuncs.com/compatible-mode/v1/batches",
	 "\"endpoint\":\"/v1/chat/completions\""},
	{"https://generativelanguage.googleapis.com/v1beta/openai",
	 "https://generativelanguage.googleapis.com/v1beta/openai/batches",
	 "\"endpoint\":\"/v1/chat/completions\""},
	{"https://open.bigmodel.cn/api/paas/v4", "https://open.bigmodel.cn/api/paas/v4/batches",
	 "\"endpoint\":\"/v4/chat/completions\""},
	{"https://r.openai.azure.com/openai/v1?api-version=preview",
	 "https://r.openai.azure.com/openai/v1/batches?api-version=preview",
	 "\"endpoint\":\"/v1/chat/completions\""},
};

static void batches(void)
{
	for (size_t i = 0; i < sizeof(batch_rows) / sizeof(batch_rows[0]); i++) {
		struct models *m = NULL;
		struct buffer texts = BUFFER_INIT;
		struct http_request r;
		const struct model *x;

		CU_ASSERT_EQUAL_FATAL(open_one(O, batch_rows[i].written, "    mode: batch\n", &m),
				      0);
		x = models_find(m, (struct weir_text){"x", 1}, &err);
		CU_ASSERT_EQUAL_FATAL(provider_create(x, "f", "i", &texts, &r, &err), 0);
		CU_ASSERT_STRING_EQUAL(r.url, batch_rows[i].batches);
		CU_ASSERT_PTR_NOT_NULL(memmem(r.body.data, r.body.size, batch_rows[i].endpoint,
					      strlen(batch_rows[i].endpoint)));
		buffer_release(&texts);
		models_close(m);
	}
}

static void a_query_stands_behind_ours(void)
{
	struct models *m = NULL;
	struct buffer texts = BUFFER_INIT;
	struct http_request r;

	CU_ASSERT_EQUAL_FATAL(open_one(O, "http://h/v1?a=b", "    mode: batch\n", &m), 0);
	CU_ASSERT_EQUAL_FATAL(provider_list(models_find(m, (struct weir_text){"x", 1}, &err), "b_9",
					    &texts, &r, &err),
			      0);
	CU_ASSERT_STRING_EQUAL(r.url, "http://h/v1/batches?limit=100&after=b_9&a=b");
	buffer_release(&texts);
	models_close(m);
}

static void no_batches_of_a_deployment(void)
{
	struct models *m = NULL;

	CU_ASSERT_EQUAL(open_one(O, "https://r.openai.azure.com/openai/deployments/d",
				 "    mode: batch\n", &m),
			-1);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "batches are not under a deployment"));
}

/* ---- keys ---- */

static void azure_has_a_header_of_its_own(void)
{
	static const struct {
		const char *written, *header;
	} keys[] = {
		{"https://r.openai.azure.com/openai/v1", "api-key: k"},
		{"https://apim.example.com/openai/deployments/d?api-version=1", "api-key: k"},
		{"https://models.inference.ai.azure.com", "Authorization: Bearer k"},
		{"https://api.openai.com", "Authorization: Bearer k"},
	};

	setenv("WEIR_TEST_ADDRESS_KEY", "k", 1);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct models *m = NULL;
		struct buffer texts = BUFFER_INIT;
		struct http_request r;

		CU_ASSERT_EQUAL_FATAL(
			open_one(O, keys[i].written, "    key_env: WEIR_TEST_ADDRESS_KEY\n", &m),
			0);
		CU_ASSERT_EQUAL_FATAL(
			provider_call(models_find(m, (struct weir_text){"x", 1}, &err), "id",
				      &texts, &r, &err),
			0);
		CU_ASSERT_STRING_EQUAL(r.headers[0], keys[i].header);
		buffer_release(&texts);
		models_close(m);
	}
	unsetenv("WEIR_TEST_ADDRESS_KEY");
}

void add_addresses_suite(void);

void add_addresses_suite(void)
{
	CU_pSuite suite = CU_add_suite("addresses", set_up, tear_down);

	CU_add_test(suite, "every form", every_form);
	CU_add_test(suite, "twice is once", twice_is_once);
	CU_add_test(suite, "told with its line", told_with_its_line);
	CU_add_test(suite, "batches", batches);
	CU_add_test(suite, "a query stands behind ours", a_query_stands_behind_ours);
	CU_add_test(suite, "no batches of a deployment", no_batches_of_a_deployment);
	CU_add_test(suite, "Azure has a header of its own", azure_has_a_header_of_its_own);
}
