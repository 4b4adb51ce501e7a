#include "lexicon.h"

#include <string.h>

#include "lexicon_table.h"

_Static_assert((int)LEXICON_WORD_MAX <= (int)TEXT_MAX, "TEXT_MAX is too small for the lexicon");

static uint32_t hash_text(const char *text, size_t size)
{
	uint32_t hash = 5381;
	for (size_t i = 0; i < size; i++)
		hash = hash * 33 + (unsigned char)text[i];
	return hash;
}

unsigned lexicon_find(const char *text, size_t size)
{
	uint32_t slot;
	if (size == 0 || size > LEXICON_WORD_MAX)
		return 0;
	slot = hash_text(text, size) % LEXICON_SLOTS;
	for (unsigned id; (id = lexicon_slots[slot]) != 0; slot = (slot + 1) % LEXICON_SLOTS) {
		if (lexicon_words[id].size == size && !memcmp(lexicon_words[id].text, text, size))
			return id;
	}
	return 0;
}

const struct lexicon_phrase *lexicon_phrase(const uint16_t words[PHRASE_WORDS])
{
	uint32_t slot = 0;
	for (size_t i = 0; i < PHRASE_WORDS; i++)
		slot = slot * 31 + words[i];
	slot %= PHRASE_SLOTS;
	for (unsigned id; (id = phrase_slots[slot]) != 0; slot = (slot + 1) % PHRASE_SLOTS) {
		if (!memcmp(lexicon_phrases[id].words, words, sizeof(lexicon_phrases[id].words)))
			return &lexicon_phrases[id];
	}
	return NULL;
}

const struct lexicon_word *lexicon_word(unsigned id) { return &lexicon_words[id]; }

/* ---- other forms of a word ---- */

/* Shorten every run of three equal letters to `keep`; return the new size. */
static size_t squeeze(const struct word *word, size_t keep, char *out)
{
	size_t size = 0, run = 0;
	for (size_t i = 0; i < word->size; i++) {
		run = i > 0 && word->text[i] == word->text[i - 1] ? run + 1 : 1;
		out[size++] = word->text[i];
		if (run == REPEAT_MAX)
			size -= REPEAT_MAX - keep;
	}
	return size;
}

static unsigned find_elongated(const struct word *word)
{
	char text[WORD_MAX];
	unsigned id = lexicon_find(text, squeeze(word, 2, text));
	return id ? id : lexicon_find(text, squeeze(word, 1, text));
}

static bool ends_with(const struct word *word, const char *suffix)
{
	size_t size = strlen(suffix);
	return word->size > size && !memcmp(word->text + word->size - size, suffix, size);
}

/* Forms of a word that the lexicon has only in another form. */
static const struct {
	const char *suffix, *instead;
} inflections[] = {
	{"'s", ""},   {"ly", ""},     {"ily", "y"}, {"s", ""},	    {"es", ""},
	{"ies", "y"}, {"ed", ""},     {"ed", "e"},  {"ied", "y"},   {"ing", ""},
	{"ing", "e"}, {"in'", "ing"}, {"ness", ""}, {"iness", "y"},
};

static unsigned find_inflected(const struct word *word)
{
	char text[WORD_MAX + 4];
	if (word->size < 5 || !strchr("sdgy'", word->text[word->size - 1]))
		return 0;
	for (size_t i = 0; i < sizeof(inflections) / sizeof(*inflections); i++) {
		size_t stem = word->size - strlen(inflections[i].suffix);
		size_t instead = strlen(inflections[i].instead);
		unsigned id;
		if (!ends_with(word, inflections[i].suffix) || stem < 3)
			continue;
		memcpy(text, word->text, stem);
		memcpy(text + stem, inflections[i].instead, instead);
		id = lexicon_find(text, stem + instead);
		if (id && lexicon_words[id].role == ROLE_VALENCE)
			return id;
	}
	return 0;
}

unsigned lexicon_recognise(const struct word *word)
{
	unsigned id;
	if (word->too_long)
		return 0;
	if (word->letters == 0)
		return word->text[word->size - 1] == '%' ? lexicon_find("0%", 2)
							 : lexicon_find("0", 1);
	id = lexicon_find(word->text, word->size);
	if (!id && word->elongated)
		id = find_elongated(word);
	if (!id && ends_with(word, "n't"))
		id = lexicon_find("not", 3);
	return id ? id : find_inflected(word);
}
