#include <CUnit/CUnit.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer.h"

/* Texts that are written in different ways, and that mean the same. */

void add_folding_suite(void);

static double score(const char *text) { return sentiment_score(text, strlen(text)).score; }

struct pair {
	const char *written, *meant;
};

static void assert_same(const struct pair *pairs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		double got = score(pairs[i].written), wanted = score(pairs[i].meant);
		if (got < wanted || got > wanted)
			printf("\n    %s: %f, not %f", pairs[i].written, got, wanted);
		CU_ASSERT(!(got < wanted || got > wanted));
	}
}

#define ASSERT_SAME(pairs) assert_same(pairs, sizeof(pairs) / sizeof(*(pairs)))

static const char *const all_apostrophes[] = {
	"\u2019",
	"\u2018",
	"\u201b",
	"\u02bc",
	"\u02b9",
	"\u02bb",
	"\u02c8",
	"\u00b4",
	"`",
	"\uff07",
	"\u2032",
	"\u2035",
	"\u055a",
	"\u275c",
	"\ua78c",
	"\u1fbf",
	"\xc2\x92",
	"\x92",
	"\ufffd",
	"''",
	"\\'",
	"?",
	"\"",
	"&#39;",
	"&#039;",
	"&#x27;",
	"&#X27;",
	"&#39",
	"&#x2019;",
	"&#8217;",
	"&#8216;",
	"&#146;",
	"&rsquo;",
	"&lsquo;",
	"&apos;",
	"&acute;",
	"&grave;",
	"&prime;",
	"&amp;#39;",
	"&#38;#39;",
	"&quot;",
	"&amp;amp;#39;",
	"&amp;rsquo;",
	"&rsquor;",
	"&#x02BC;",
	"&#700;",
	"\u00e2\u20ac\u2122",
	"\u00e2\u20ac\u02dc",
	"\u00e2\xc2\x80\xc2\x99",
	"&acirc;&euro;&trade;",
	"\u200b'\u200d",
	"&#8203;&#39;",
	"%27",
	"%E2%80%99",
	"\\u2019",
	"\\u0027",
	"\\x27",
	"=92",
	"=E2=80=99",
	"&#x60;",
	"&DiacriticalAcute;",
};

static void test_apostrophes_are_one(void)
{
	static const char *const frames[] = {"It isn%st good", "don%st like this",
					     "This WASN%sT HELPFUL at all"};
	for (size_t i = 0; i < sizeof(all_apostrophes) / sizeof(*all_apostrophes); i++) {
		for (size_t k = 0; k < sizeof(frames) / sizeof(*frames); k++) {
			const char *cut = strstr(frames[k], "%s");
			char written[96], meant[96];
			struct pair pair = {written, meant};
			snprintf(written, sizeof(written), "%.*s%s%s", (int)(cut - frames[k]),
				 frames[k], all_apostrophes[i], cut + 2);
			snprintf(meant, sizeof(meant), "%.*s'%s", (int)(cut - frames[k]), frames[k],
				 cut + 2);
			assert_same(&pair, 1);
			CU_ASSERT(score(written) < 0);
		}
	}
}

static void test_contractions_without_apostrophe(void)
{
	static const char *const texts[] = {
		"It isnt good",	   "It isn t good",    "It is n't good", "It didn ' t help",
		"We dont like it", "We don t like it", "It cant help",	 "It ain t good",
		"It shouldnt win", "It doesn good",
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		CU_ASSERT(score(texts[i]) < 0);
	CU_ASSERT(score("isn?t it great") > score("isn?tx bad"));
	CU_ASSERT(score("What is wrong with him? terrible") < 0);
}

static void test_entities_are_characters(void)
{
	static const struct pair pairs[] = {
		{"good &amp; cheap", "good & cheap"},
		{"good&nbsp;or&#160;bad", "good or bad"},
		{"see you &lt;3", "see you <3"},
		{"see you :&#41;", "see you :)"},
		{"great&excl;&#33;", "great!!"},
		{"great&hellip;", "great..."},
		{"&quot;great&quot;", "\"great\""},
		{"great &hearts;", "great \u2665"},
		{"great &#x1F680;", "great \U0001F680"},
		{"AT&T is great", "AT and T is great"},
		{"R&D; great & bad&", "R D, great & bad"},
		{"no&shy;thing good", "nothing good"},
		{"&#0; good &#99999999999; &#xD800; &#;", "good"},
		{"&perp; &sube; good", "good"},
	};
	ASSERT_SAME(pairs);
}

static void test_tags_are_no_words(void)
{
	static const struct pair pairs[] = {
		{"<b>not</b> good", "not good"},
		{"It is <em class=\"great love\">not</em> good", "It is not good"},
		{"not<br>good", "not\ngood"},
		{"not <br/>good", "not \ngood"},
		{"<p>They did not come</p><p>Helpful people</p>",
		 "They did not come\n\nHelpful people"},
		{"They did not come</li><LI>Helpful people", "They did not come\n\nHelpful people"},
		{"good<!-- bad bad -->news", "good news"},
		{"<script>var love = '</b>';</script>good news", "good news"},
		{"<style>.bad { color: red }</style>good news", "good news"},
		{"<a href='https://x.example/?a=1&b=love'>bad</a>", " bad "},
		{"&lt;b&gt;not&lt;/b&gt; good", "not good"},
		{"<o:p>not</o:p> good", "not good"},
		{"<![CDATA[not good]]>", "not good"},
		{"<!DOCTYPE html><html><body>not good", "not good"},
		{"terri<wbr>ble", "terrible"},
		{"<love> it", "love it"},
		{"a <b and good", "a b and good"},
		{"i <3 this <", "i <3 this"},
		{"bad <a href=\"x", "bad a href x"},
	};
	ASSERT_SAME(pairs);
}

static void test_compatibility_forms_are_letters(void)
{
	static const struct pair pairs[] = {
		{"\uff22\uff21\uff24", "BAD"},
		{"\uff4e\uff4f\uff54 \uff47\uff4f\uff4f\uff44\uff01", "not good!"},
		{"\U0001D427\U0001D428\U0001D42D \U0001D420\U0001D428\U0001D428\U0001D41D",
		 "not good"},
		{"\U0001D5D5\U0001D5D4\U0001D5D7", "BAD"},
		{"\U0001D4B7\U0001D4B6\U0001D4B9 \u212Fven", "bad even"},
		{"\u24d1\u24d0\u24d3", "bad"},
		{"\U0001F171\U0001F170\U0001F173", "BAD"},
		{"\U0001F171\uFE0Fad", "Bad"},
		{"\u0299\u1d00\u1d05", "bad"},
		{"a \ufb01ne \ufb00\ufb03 di\ufb03cult case", "a fine fffi difficult case"},
		{"up 5\uff05", "up 5%"},
		{"great\u2026", "great..."},
		{"na\u0131\u0308ve na\u00efve", "na\u0131ve na\u00efve"},
		{"nai\u0308ve", "na\u00efve"},
		{"n\u0336o\u0336t\u0336 good", "not good"},
		{"great\u2122 news\u00b9", "great news"},
	};
	ASSERT_SAME(pairs);
	CU_ASSERT(score("see \u2116 5, good") > 0);
	CU_ASSERT(score("N\u00ba 5 good") > 0);
	CU_ASSERT(score("\U0001F1F3\U0001F1F4 good") > 0); /* the flag of Norway */
}

static void test_what_is_not_seen_is_dropped(void)
{
	static const struct pair pairs[] = {
		{"no\u200bt go\u200cod", "not good"},
		{"ter\u00adrible", "terrible"},
		{"ter&shy;rible", "terrible"},
		{"\ufeffterrible", "terrible"},
		{"\u202aterrible\u202c", "terrible"},
		{"\u2066not\u2069 \u200egood\u200f", "not good"},
		{"not\u2060good", "notgood"},
		{"g\u034food\ufe0f", "good"},
		{"not\u2003good\u3000news", "not good news"},
		{"not\u2028good", "not\ngood"},
		{"bad\U000E0062\U000E007F", "bad"},
	};
	ASSERT_SAME(pairs);
}

/* ---- harmless changes to any text ---- */

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 16;
}

static size_t put(char *out, const char *text)
{
	memcpy(out, text, strlen(text));
	return strlen(text);
}

/* A sentence of words that mean something, and of ends and apostrophes. */
static void make_text(uint32_t *state, char *out)
{
	static const char *const words[] = {
		"not",	    "isn't",	 "good",  "bad",     "very",	 "terrible", "the",
		"profit",   "fell",	 "rose",  "5%",	     "3.5",	 "but",	     "no",
		"doubt",    "net",	 "loss",  "narrows", "without",	 "GREAT",    "winner's",
		"all-time", "high",	 "so",	  "soooo",   "slightly", "don't",    "think",
		"shares",   "record",	 ":)",	  "EUR",     "million",	 "from",     "to",
		"lawsuit",  "dismissed", "happy", "wasn't",  "it",
	};
	static const char *const ends[] = {" ", " ", " ", " ", ", ", ". ", "! ", " & ", "... "};
	size_t n = 3 + next_random(state) % 20;
	for (size_t i = 0; i < n; i++) {
		out += put(out, words[next_random(state) % (sizeof(words) / sizeof(*words))]);
		out += put(out, ends[next_random(state) % (sizeof(ends) / sizeof(*ends))]);
	}
	*out = '\0';
}

/* One character in another spelling, or with something beside it that is not seen. */
static size_t disguise(uint32_t *state, char *out, const char *text, size_t at)
{
	static const char *const unseen[] = {"\u200b", "&zwnj;",   "&#8203;", "\u00ad",
					     "\ufe0f", "&#x200D;", "\u2060",  "&amp;shy;"};
	static const char *const apostrophes[] = {"&#39;", "\u2019", "&rsquo;", "\u02bc",
						  "&amp;#39;"};
	char c = text[at];
	switch (next_random(state) % 4) {
	case 0:
		return (size_t)sprintf(out, "%s%c", unseen[next_random(state) % 8], c);
	case 1:
		if (c == '&')
			return put(out, "&amp;");
		return (size_t)sprintf(out, next_random(state) % 2 ? "&#%d;" : "&#x%x;", c);
	case 2:
		if (c == '\'')
			return put(out, apostrophes[next_random(state) % 5]);
		if (c == ' ')
			return put(out, next_random(state) % 2 ? "&nbsp;" : "\u00a0");
		if (c > '!' && c <= '~') /* full width */
			return (size_t)sprintf(out, "\xef%c%c", 0xbc + (c - 0x20) / 64,
					       0x80 + (c - 0x20) % 64);
		break;
	}
	*out = c;
	return 1;
}

static void test_harmless_changes_change_nothing(void)
{
	uint32_t state = 20;
	for (int round = 0; round < 2000; round++) {
		char text[512], changed[8192];
		struct pair pair = {changed, text};
		size_t size = 0;
		make_text(&state, text);
		for (size_t i = 0; text[i]; i++) {
			if (next_random(&state) % 8)
				changed[size++] = text[i];
			else
				size += disguise(&state, changed + size, text, i);
		}
		changed[size] = '\0';
		assert_same(&pair, 1);
	}
}

/* Pieces of a long text are cut between words: what is folded scores as what is plain. */
static void test_long_texts_are_folded_in_pieces(void)
{
	static const char sentence[] =
		"It wasn't a good idea, was it? The net loss narrows by 5%! ";
	enum { SENTENCES = 500 };
	size_t plain_size = SENTENCES * (sizeof(sentence) - 1);
	char *plain = malloc(plain_size), *fancy = malloc(plain_size * 3);
	size_t size = 0;
	CU_ASSERT_FATAL(plain && fancy);
	for (size_t i = 0; i < plain_size; i++) {
		plain[i] = sentence[i % (sizeof(sentence) - 1)];
		if (plain[i] == '\'')
			size += put(fancy + size, "\u2019");
		else
			fancy[size++] = plain[i];
	}
	CU_ASSERT(sentiment_score(plain, plain_size).score <= sentiment_score(fancy, size).score);
	CU_ASSERT(sentiment_score(plain, plain_size).score >= sentiment_score(fancy, size).score);
	free(plain);
	free(fancy);
}

static const char *const markup_parts[] = {
	"<",
	">",
	"&",
	";",
	"#",
	"x",
	"&#",
	"&#x",
	"&amp",
	"&amp;",
	"amp;",
	"lt;",
	"39",
	"<b",
	"</",
	"<!--",
	"-->",
	"<script>",
	"</script",
	"\"",
	"'",
	" ",
	"\n",
	"good",
	"\xe2",
	"\x80",
	"\x99",
	"\u2019",
	"\u00e2\u20ac",
	"\U0001F171",
	"\u200b",
	"\u0301",
	"n",
	"t",
	"(",
	"-",
	"5",
	"%",
	".",
	",",
	"$",
	"EUR",
	"\ufdfa",
	"\u00bd",
	"=",
	"<![CDATA[",
	"]]>",
};

/* Markup and characters broken in every way: no read beyond the end, and a score of some kind. */
static void test_any_markup_is_survived(void)
{
	uint32_t state = 7;
	char *text = malloc(5000);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	for (int round = 0; round < 1500; round++) {
		size_t size = 0, most = next_random(&state) % (round % 20 ? 200 : 4900);
		char *exact;
		double got;
		while (size < most)
			size += put(text + size,
				    markup_parts[next_random(&state) %
						 (sizeof(markup_parts) / sizeof(*markup_parts))]);
		exact = malloc(size + 1);
		CU_ASSERT_PTR_NOT_NULL_FATAL(exact);
		memcpy(exact + 1, text, size);
		got = sentiment_score(exact + 1, size).score;
		free(exact);
		CU_ASSERT_FATAL(got >= -1 && got <= 1);
	}
	free(text);
}

void add_folding_suite(void)
{
	CU_pSuite suite = CU_add_suite("sentiment folding", NULL, NULL);
	CU_add_test(suite, "apostrophes are one", test_apostrophes_are_one);
	CU_add_test(suite, "contractions without apostrophe", test_contractions_without_apostrophe);
	CU_add_test(suite, "entities are characters", test_entities_are_characters);
	CU_add_test(suite, "tags are no words", test_tags_are_no_words);
	CU_add_test(suite, "compatibility forms are letters", test_compatibility_forms_are_letters);
	CU_add_test(suite, "what is not seen is dropped", test_what_is_not_seen_is_dropped);
	CU_add_test(suite, "harmless changes change nothing", test_harmless_changes_change_nothing);
	CU_add_test(suite, "long texts are folded in pieces", test_long_texts_are_folded_in_pieces);
	CU_add_test(suite, "any markup is survived", test_any_markup_is_survived);
}
