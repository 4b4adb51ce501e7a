#include <CUnit/CUnit.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer.h"

/* Sentences with the signs that people accept for them, of tests/cases/sentiment, and
 * those of the rules of trend.h and tone.h. */

void add_sentences_suite(void);

/* Between the two a sentence says nothing that a person would call good or bad. */
static const double CLEAR = 0.1;

static char sign_of(const char *text)
{
	double score = sentiment_score(text, strlen(text)).score;
	return score > CLEAR ? 'P' : score < -CLEAR ? 'N' : 'Z';
}

/* The row of a group that begins with "left" is what the analyzer is not made for. */
static void assert_accepted(const char *group, const char *signs, const char *text)
{
	bool good = strchr(signs, sign_of(text)) || !strncmp(group, "left", 4);
	if (!good)
		printf("\n    %c, not %s: %s", sign_of(text), signs, text);
	CU_ASSERT(good);
}

static int read_table(const char *path)
{
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t room = 0;
	int sentences = 0;
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	while (getline(&line, &room, file) > 0) {
		char *signs = strchr(line, '\t'), *text = signs ? strchr(signs + 1, '\t') : NULL;
		if (line[0] == '#' || !text)
			continue;
		*signs++ = *text++ = '\0';
		text[strcspn(text, "\n")] = '\0';
		assert_accepted(line, signs, text);
		sentences++;
	}
	free(line);
	fclose(file);
	return sentences;
}

static void test_accepted_signs(void)
{
	CU_ASSERT(read_table(WEIR_SOURCE_DIR "/tests/cases/sentiment/sentiment.tsv") > 100);
	CU_ASSERT(read_table(WEIR_SOURCE_DIR "/tests/cases/sentiment/kinds.tsv") > 500);
}

static void assert_signs(char sign, const char *const *texts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (sign_of(texts[i]) != sign)
			printf("\n    %c, not %c: %s", sign_of(texts[i]), sign, texts[i]);
		CU_ASSERT_EQUAL(sign_of(texts[i]), sign);
	}
}

#define ASSERT_SIGNS(sign, texts) assert_signs(sign, texts, sizeof(texts) / sizeof(*(texts)))

static void test_good_trends(void)
{
	static const char *const texts[] = {
		"Operating profit rose to EUR 13.1 mn from EUR 8.7 mn",
		"Net sales, excluding disposals, increased by 5 %",
		"profit doubles",
		"The net loss narrowed to 2 million",
		"falling unemployment",
		"The company reduced its debt",
		"lower costs",
		"Inflation is easing",
		"It swung to a profit of 2 million from a loss of 3 million",
		"Operating profit totalled EUR 9.0 mn, compared to EUR 7.7 mn",
		"Sales were 1.1 billion, compared to 900 million a year ago",
		"from 9 million to 36 million, the orders",
		"The lawsuit against the company was dismissed",
		"fears ease",
		"Loss smaller than expected",
		"Fewer defaults",
		"The strike was averted",
		"Charges against the company were dropped",
		"Tariffs were cut",
		"Inflation falls below 2%",
		"It beats Q2 revenue estimates",
		"back in the black",
		"Long $PCLN",
		"bought $AAPL today",
		"The FTSE moves higher",
		"recession fears ease",
	};
	ASSERT_SIGNS('P', texts);
}

static void test_bad_trends(void)
{
	static const char *const texts[] = {
		"profits down",
		"Operating profit fell from 36 to 9",
		"Net sales of EUR 30.1 mn, down from EUR 36.3 mn",
		"Operating profit was EUR -0.1 mn",
		"Temporary lay-offs affect 30 people",
		"The economy will contract this year",
		"profit halves",
		"The losses widen",
		"rising unemployment",
		"costs climbed to a record high",
		"growth slows",
		"cuts 500 jobs",
		"Operating loss totalled EUR 0.9 mn, down from a profit of EUR 2.7 mn",
		"Operating profit totalled EUR 6.7 mn, compared to EUR 7.2 mn",
		"Sales did not increase",
		"It misses Q2 revenue estimates",
		"below analysts' expectations",
		"fewer orders",
		"Layoffs widen",
		"Acme slumps 25 pct as debt fears grow",
		"short $TSLA here",
		"down from EUR 36.3 mn",
		"EUR -0.1 mn",
		"EPS came to EUR -0.33",
		"Operating profit EUR 3.1 mn (4.9)",
		"-12%",
	};
	ASSERT_SIGNS('N', texts);
}

static void test_no_trends(void)
{
	static const char *const texts[] = {
		"Earnings per share are reported on Monday",
		"The number of outstanding shares is 3 million",
		"Durable goods orders and the gross domestic product",
		"The net income of the period was EUR 3.1 mn",
		"The store is open from 9 to 5",
		"Best Buy is based in Minnesota",
		"The company has 5,000 employees in 2010, and had 2,000 before",
	};
	ASSERT_SIGNS('Z', texts);
}

static void test_reach_of_negations(void)
{
	static const char *const good[] = {
		"It could not be better",   "couldn't be happier with it",
		"does not fail to impress", "never been better",
		"nothing but praise",	    "without a doubt the right thing",
	};
	static const char *const bad[] = {
		"I don't think that this is a good product",
		"I do not believe it is helpful",
		"It could not be worse",
		"The plan fails to impress",
		"I expected it to be good, but it was not",
	};
	ASSERT_SIGNS('P', good);
	ASSERT_SIGNS('N', bad);
}

static void test_degrees(void)
{
	static const char *const good[] = {"damn good coffee", "This is crazy good",
					   "It is sick how good this is"};
	static const char *const bad[] = {"a great disappointment", "pretty awful", "damn it",
					  "perfect disaster"};
	ASSERT_SIGNS('P', good);
	ASSERT_SIGNS('N', bad);
}

static void test_other_languages(void)
{
	static const char *const texts[] = {"Ich war nicht fit", "Je suis con vaincu",
					    "No me gusta", "Das Kind will die Kiste"};
	static const char *const good[] = {"El Paso shares soar", "De La Rue wins a great contract",
					   "Ich war nicht fit \U0001F44D"};
	ASSERT_SIGNS('Z', texts);
	ASSERT_SIGNS('P', good);
}

static void test_judged(void)
{
	static const struct {
		const char *text;
		bool judged;
	} rows[] = {
		{"", false},
		{"...", false},
		{"12 %", false},
		{"Nokia Oyj", false},
		{"Ich war nicht fit und auch nicht da", false},
		{"\xE8\xBF\x99\xE4\xB8\xAA\xE5\xBE\x88\xE5\xA5\xBD", false},
		{"Ich war nicht fit \U0001F44D", true},
		{"A man walks", true},
		{"good", true},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct sentiment found = sentiment_score(rows[i].text, strlen(rows[i].text));
		CU_ASSERT_EQUAL(found.judged, rows[i].judged);
		CU_ASSERT(found.judged || strcmp(found.label, "neutral") == 0);
	}
}

static double score_as(enum sentiment_view view, const char *text)
{
	return sentiment_score_as(view, text, strlen(text), NULL, 0).score;
}

/* Words of opinion count less for whoever holds the stock, trends do not. */
static void test_views(void)
{
	static const char opinion[] = "A wonderful day for our happy guests";
	static const char trend[] = "Operating profit fell to 3 million";
	static const char both[] = "Our lovely hotels opened, and their profits are down";
	double general = score_as(SENTIMENT_GENERAL, opinion);
	double holder = score_as(SENTIMENT_HOLDER, opinion);
	CU_ASSERT(holder > 0 && holder < 0.7 * general);
	CU_ASSERT_DOUBLE_EQUAL(score_as(SENTIMENT_GENERAL, trend),
			       score_as(SENTIMENT_HOLDER, trend), 1e-12);
	CU_ASSERT(score_as(SENTIMENT_GENERAL, both) > CLEAR);
	CU_ASSERT(score_as(SENTIMENT_HOLDER, both) < -CLEAR);
	CU_ASSERT_DOUBLE_EQUAL(sentiment_score(both, strlen(both)).score,
			       score_as(SENTIMENT_GENERAL, both), 1e-12);
}

void add_sentences_suite(void)
{
	CU_pSuite suite = CU_add_suite("sentiment sentences", NULL, NULL);
	CU_add_test(suite, "accepted signs", test_accepted_signs);
	CU_add_test(suite, "good trends", test_good_trends);
	CU_add_test(suite, "bad trends", test_bad_trends);
	CU_add_test(suite, "no trends", test_no_trends);
	CU_add_test(suite, "reach of negations", test_reach_of_negations);
	CU_add_test(suite, "degrees", test_degrees);
	CU_add_test(suite, "other languages", test_other_languages);
	CU_add_test(suite, "what is not judged", test_judged);
	CU_add_test(suite, "views", test_views);
}
