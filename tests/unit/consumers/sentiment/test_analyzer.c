#include <CUnit/CUnit.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer.h"

void add_analyzer_suite(void);

static double score(const char *text) { return sentiment_score(text, strlen(text)).score; }

static const char *label(const char *text) { return sentiment_score(text, strlen(text)).label; }

static void assert_equal(double got, double expected)
{
	CU_ASSERT_DOUBLE_EQUAL(got, expected, 1e-12);
}

static void test_nothing_is_neutral(void)
{
	static const char *const texts[] = {
		"",
		" \t\r\n ",
		"...",
		"The annual meeting takes place on Tuesday.",
		"https://good.example/great?win=love",
		"@happy_winner $LOVE",
		"12,500 34.5%",
		"\xe6\xa0\xaa\xe4\xbe\xa1\xe3\x80\x82",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		assert_equal(score(texts[i]), 0);
		CU_ASSERT_STRING_EQUAL(label(texts[i]), "neutral");
	}
	assert_equal(sentiment_score(NULL, 0).score, 0);
}

static void test_labels_follow_the_score(void)
{
	CU_ASSERT_STRING_EQUAL(label("A wonderful result"), "positive");
	CU_ASSERT_STRING_EQUAL(label("A horrible result"), "negative");
	CU_ASSERT_STRING_EQUAL(label("A result"), "neutral");
	CU_ASSERT(score("A wonderful result") >= SENTIMENT_NEUTRAL_BAND);
	CU_ASSERT(score("A horrible result") <= -SENTIMENT_NEUTRAL_BAND);
}

static void test_stronger_words_score_further_out(void)
{
	CU_ASSERT(score("an excellent report") > score("a nice report"));
	CU_ASSERT(score("a catastrophic report") < score("a bad report"));
	CU_ASSERT(score("good, great, wonderful") > score("good, great"));
}

static void test_negation_turns_the_sign(void)
{
	static const char *const texts[] = {
		"The service is not helpful",
		"The service isn't helpful",
		"The service isn\xe2\x80\x99t helpful",
		"The service isnt helpful",
		"The service was never helpful",
		"The service was hardly helpful",
		"The service is not really very helpful",
	};

	CU_ASSERT(score("The service is helpful") > 0);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		CU_ASSERT(score(texts[i]) < 0);
	CU_ASSERT(score("The service wasn't terrible") > 0);
	CU_ASSERT(score("The service wasn't terrible") < -score("The service was terrible"));
}

static void test_negation_has_a_scope(void)
{
	CU_ASSERT(score("They did not come. Helpful people!") > 0);
	CU_ASSERT(score("It is not here, wonderful staff though") > 0);
	CU_ASSERT(score("not one of the many people whom we met there was helpful") > 0);
	CU_ASSERT(score("It is not only helpful") > 0);
	CU_ASSERT(score("We did not wait :)") > 0);
}

static void test_intensifiers_and_dampeners(void)
{
	CU_ASSERT(score("The film is very good") > score("The film is good"));
	CU_ASSERT(score("The film is slightly good") < score("The film is good"));
	CU_ASSERT(score("The film is slightly good") > 0);
	CU_ASSERT(score("The film is kind of good") < score("The film is good"));
	CU_ASSERT(score("The film is extremely bad") < score("The film is bad"));
	CU_ASSERT(score("The film is somewhat bad") > score("The film is bad"));
	assert_equal(score("very extremely so"), 0);
}

static void test_what_follows_but_counts_more(void)
{
	CU_ASSERT(score("The food is good, but the staff is horrible") < 0);
	CU_ASSERT(score("The staff is horrible, but the food is good") >
		  score("The food is good, but the staff is horrible"));
	CU_ASSERT(score("The food is good, but the staff is horrible") <
		  score("The food is good, and the staff is horrible"));
}

static void test_punctuation(void)
{
	CU_ASSERT(score("They won the cup!") > score("They won the cup"));
	CU_ASSERT(score("They won the cup!!!") > score("They won the cup!"));
	CU_ASSERT(score("They lost the cup!!!") < score("They lost the cup"));
	CU_ASSERT(score("They lost the cup???") < score("They lost the cup?"));
	assert_equal(score("great!!!!"), score("great!!!!!!!!!!!!"));
}

static void test_capitals(void)
{
	CU_ASSERT(score("The food is GREAT") > score("The food is great"));
	CU_ASSERT(score("The food is HORRIBLE") < score("The food is horrible"));
	assert_equal(score("THE FOOD IS GREAT"), score("the food is great"));
	assert_equal(score("The Food Is Great"), score("the food is great"));
}

static void test_elongated_words(void)
{
	CU_ASSERT(score("this is gooood") > score("this is good"));
	CU_ASSERT(score("this is horribleeeee") < score("this is horrible"));
	CU_ASSERT(score("sooooo good") >= score("so good"));
	CU_ASSERT(score("happyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy") > 0);
}

static void test_emoticons(void)
{
	CU_ASSERT(score("see you :)") > 0);
	CU_ASSERT(score("see you :-D") > 0);
	CU_ASSERT(score("see you <3") > 0);
	CU_ASSERT(score("see you :(") < 0);
	CU_ASSERT(score("see you :-/") < 0);
	assert_equal(score("see you :))))"), score("see you :)"));
	assert_equal(score("the list:(see below)"), 0);
	assert_equal(score("see http://example.com/"), 0);
}

static void test_emoji(void)
{
	CU_ASSERT(score("\xf0\x9f\x9a\x80") > 0); /* rocket */
	CU_ASSERT(score("\xf0\x9f\x9a\x80\xf0\x9f\x9a\x80") > score("\xf0\x9f\x9a\x80"));
	CU_ASSERT(score("meeting \xf0\x9f\x98\xad") < 0);	  /* loudly crying */
	CU_ASSERT(score("\xe2\x9d\xa4\xef\xb8\x8f") > 0);	  /* heart, variation 16 */
	CU_ASSERT(score("\xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd") > 0); /* thumb, skin tone */
	assert_equal(score("\xf0\x9f\x93\x8e"), 0);		  /* paper clip */
}

static void test_finance_phrases(void)
{
	static const char *const good[] = {
		"Acme beats estimates", "Acme raises guidance",	 "Shares at record high",
		"Shares up 12%",	"Upgraded to buy",	 "short squeeze incoming",
		"diamond hands",	"to the moon",		 "all-time high",
		"buy the dip",		"shares rose 3 percent",
	};
	static const char *const bad[] = {
		"Acme misses estimates", "Acme cuts guidance",	  "Shares at record low",
		"Shares down 12%",	 "Downgraded to sell",	  "a bagholder again",
		"paper hands",		 "files for Chapter 11",  "dead cat bounce",
		"class action lawsuit",	 "shares fell 3 percent", "another dilutive offering",
		"going concern doubt",	 "guidance cut",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		CU_ASSERT(score(good[i]) >= 0.2);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CU_ASSERT(score(bad[i]) <= -0.2);
}

/* A phrase replaces what its words would add alone, also across a hyphen. */
static void test_phrases_replace_their_words(void)
{
	assert_equal(score("gross profit"), 0);
	CU_ASSERT(score("profit") > 0);
	CU_ASSERT(score("a short squeeze") > 0);
	assert_equal(score("an all-time high"), score("an all time high"));
	CU_ASSERT(score("no doubt") > 0);
	CU_ASSERT(score("price target cut") < 0);
	CU_ASSERT(score("no, doubt") < 0);
}

static void test_word_forms(void)
{
	CU_ASSERT(score("the winner's prize") > 0);
	assert_equal(score("GOOD"), score("good"));
	assert_equal(score("#fail"), score("fail"));
	assert_equal(score("goodxyz badxyz"), 0);
}

static double score_parts(const char *title, const char *body)
{
	return sentiment_score_parts(title, title ? strlen(title) : 0, body,
				     body ? strlen(body) : 0)
		.score;
}

static void test_parts_score_as_joined(void)
{
	const char *title = "Acme beats estimates", *body = "Not good for short sellers!";

	assert_equal(score_parts(title, body), score("Acme beats estimates. Not good for short "
						     "sellers!"));
	assert_equal(score_parts(title, NULL), score(title));
	assert_equal(score_parts(NULL, body), score(body));
	assert_equal(score_parts("", body), score(body));
	assert_equal(score_parts(title, ""), score(title));
	assert_equal(score_parts(NULL, NULL), 0);
	CU_ASSERT(score_parts("They did not", "wonderful") > 0);
}

static void test_only_size_bytes_are_read(void)
{
	char *text = malloc(4);

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	memcpy(text, "good", 4);
	assert_equal(sentiment_score(text, 4).score, score("good"));
	assert_equal(sentiment_score(text, 2).score, 0);
	memcpy(text, "\xf0\x9f\x9a\x80", 4);
	for (size_t size = 0; size < 4; size++)
		assert_equal(sentiment_score(text + 4 - size, size).score, 0);
	free(text);
	assert_equal(sentiment_score("so\0good", 7).score, score("so good"));
}

static void test_malformed_utf8_is_passed_over(void)
{
	assert_equal(score("\xff\xfe good \xc3"), score("good"));
	assert_equal(score("good\x80"), score("good"));
	assert_equal(score("\xe2\x80"), 0);
	assert_equal(score("\xf5\x80\x80\x80 \xc0\xaf"), 0);
}

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 16;
}

static void test_bounds_for_any_bytes(void)
{
	static const char alphabet[] = "no! so :)(goodbadvery?.' \xf0\x9f\x9a\x80\xe2\x9d";
	uint32_t state = 1;

	for (int round = 0; round < 4000; round++) {
		char text[300];
		size_t size = next_random(&state) % sizeof(text);
		struct sentiment got;

		for (size_t i = 0; i < size; i++) {
			uint32_t number = next_random(&state);

			text[i] = round % 2 ? (char)number
					    : alphabet[number % (sizeof(alphabet) - 1)];
		}
		got = sentiment_score(text, size);
		CU_ASSERT_FATAL(isfinite(got.score) && fabs(got.score) <= 1);
		CU_ASSERT_FATAL(sentiment_score(text, size).score == got.score);
	}
}

/* A text of many sentences has their tone: more of the same neither saturates nor fades. */
static void test_long_texts_keep_their_tone(void)
{
	static const char good[] = "The new plant in the north is a good thing for the town. ";
	static const char plain[] = "The new plant in the north is next to the old station. ";
	enum { SENTENCES = 1000 };
	char *text = malloc(SENTENCES * sizeof(good));
	size_t size = 0;
	double tone, diluted;

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	for (int i = 0; i < SENTENCES; i++, size += sizeof(good) - 1)
		memcpy(text + size, good, sizeof(good) - 1);
	tone = sentiment_score(text, size).score;
	assert_equal(tone, sentiment_score(text, size / 2).score);
	CU_ASSERT(tone > 0.3 && tone < 0.9);

	size = 0;
	for (int i = 0; i < SENTENCES; i++) {
		const char *sentence = i % 4 ? plain : good;

		memcpy(text + size, sentence, strlen(sentence));
		size += strlen(sentence);
	}
	diluted = sentiment_score(text, size).score;
	CU_ASSERT(diluted > 0 && diluted < tone);
	free(text);
}

void add_analyzer_suite(void)
{
	CU_pSuite suite = CU_add_suite("sentiment analyzer", NULL, NULL);

	CU_add_test(suite, "nothing is neutral", test_nothing_is_neutral);
	CU_add_test(suite, "labels follow the score", test_labels_follow_the_score);
	CU_add_test(suite, "stronger words score further out",
		    test_stronger_words_score_further_out);
	CU_add_test(suite, "negation turns the sign", test_negation_turns_the_sign);
	CU_add_test(suite, "negation has a scope", test_negation_has_a_scope);
	CU_add_test(suite, "intensifiers and dampeners", test_intensifiers_and_dampeners);
	CU_add_test(suite, "what follows but counts more", test_what_follows_but_counts_more);
	CU_add_test(suite, "punctuation", test_punctuation);
	CU_add_test(suite, "capitals", test_capitals);
	CU_add_test(suite, "elongated words", test_elongated_words);
	CU_add_test(suite, "emoticons", test_emoticons);
	CU_add_test(suite, "emoji", test_emoji);
	CU_add_test(suite, "finance phrases", test_finance_phrases);
	CU_add_test(suite, "phrases replace their words", test_phrases_replace_their_words);
	CU_add_test(suite, "word forms", test_word_forms);
	CU_add_test(suite, "parts score as joined", test_parts_score_as_joined);
	CU_add_test(suite, "only size bytes are read", test_only_size_bytes_are_read);
	CU_add_test(suite, "malformed UTF-8 is passed over", test_malformed_utf8_is_passed_over);
	CU_add_test(suite, "bounds for any bytes", test_bounds_for_any_bytes);
	CU_add_test(suite, "long texts keep their tone", test_long_texts_keep_their_tone);
}
