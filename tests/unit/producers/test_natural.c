/* Names of items elsewhere, and what --id-hash makes of them. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

#include "natural.h"
#include "sha256.h"

static struct weir_text text_of(const char *text) { return (struct weir_text){text, strlen(text)}; }

static void expect_digest(const char *data, size_t size, const char *wanted)
{
	uint8_t digest[32];
	char hex[65];
	sha256(data, size, digest);
	for (size_t i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	CU_ASSERT_STRING_EQUAL(hex, wanted);
}

/* Source: NIST, examples with intermediate values of SHA-256; FIPS 180-2, appendix B; sha256sum. */
static void digests(void)
{
	static char as[1000000];
	expect_digest("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	expect_digest("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	expect_digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
		      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	memset(as, 'a', sizeof as);
	expect_digest(as, sizeof as,
		      "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	/* Around the end of a block. */
	expect_digest(as, 55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
	expect_digest(as, 56, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a");
	expect_digest(as, 64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
}

/* As printf %s KEY | openssl dgst -sha256 -binary | basenc --base64url | tr -d = prints it. */
static void hashed_names(void)
{
	char out[NATURAL_HASHED + 1];
	natural_hash(text_of("https://example.com/a?b=c"), out);
	CU_ASSERT_STRING_EQUAL(out, "sha256-4FEvKRgNEa3MI487rhr5X2wVfLiXOpBO9z1ijGhKulg");
	natural_hash(text_of("Caf\xC3\xA9 au lait"), out);
	CU_ASSERT_STRING_EQUAL(out, "sha256-eT52Q85Vgln2_nH57KryaKy80BGiu0x_Vh3wWhM9TQg");
	CU_ASSERT_EQUAL(strlen(out), NATURAL_HASHED);
	CU_ASSERT_EQUAL(natural_check(text_of(out), false, NULL), 0);
}

static void names_that_stay(void)
{
	char hashed[NATURAL_HASHED + 1];
	natural_hash(text_of("a b"), hashed);
	CU_ASSERT(natural_stays(text_of("news_id_42")));
	CU_ASSERT(natural_stays(text_of("sha256-a")));
	CU_ASSERT(!natural_stays(text_of("a b")));
	CU_ASSERT(!natural_stays(text_of("")));
	CU_ASSERT(!natural_stays(text_of(hashed))); /* or it could be another's */
}

static void refuse(struct weir_text id, bool hash, const char *words)
{
	struct weir_error err = {.text = ""};
	CU_ASSERT_EQUAL(natural_check(id, hash, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "bad_name");
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, words));
	if (!strstr(err.text, words))
		fprintf(stderr, "    \"%s\" has no \"%s\"\n", err.text, words);
}

static void refusals(void)
{
	static char large[NATURAL_MAX + 1];
	memset(large, 'x', sizeof large);
	refuse(text_of(""), false, "is empty");
	refuse(text_of(""), true, "is empty");
	refuse(text_of("a/b"), false, "--id-hash makes one of any key");
	refuse(text_of(" a"), false, "a blank at its begin or end");
	refuse(text_of(" a"), true, "a blank at its begin or end");
	refuse(text_of("a\xC2\xA0"), true, "a blank at its begin or end");
	refuse(text_of("\xE2\x80\x8B"), true, "a blank at its begin or end");
	refuse((struct weir_text){large, sizeof large}, true, "more than 1024 bytes");
	CU_ASSERT_EQUAL(natural_check((struct weir_text){large, sizeof large - 1}, true, NULL), 0);
	CU_ASSERT_EQUAL(natural_check(text_of("a b/c.d"), true, NULL), 0);
}

void add_natural_suite(void);

void add_natural_suite(void)
{
	CU_pSuite suite = CU_add_suite("natural keys", NULL, NULL);
	CU_add_test(suite, "digests", digests);
	CU_add_test(suite, "hashed names", hashed_names);
	CU_add_test(suite, "names that stay", names_that_stay);
	CU_add_test(suite, "refusals", refusals);
}
