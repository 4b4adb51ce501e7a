#include "lexicon.h"

#include <string.h>

#include "lexicon_table.h"

_Static_assert((int)LEXICON_WORD_MAX <= (int)WORD_MAX, "no text has a word that long");

static uint32_t hash_text(const char *text, size_t size)
{
	uint32_t hash = 5381;
	for (size_t i = 0; i < size; i++)
		hash = hash * 33 + (unsigned char)text[i];
	return hash;
}

unsigned lexicon_find(const char *text, size_t size)
{
	uint32_t hash, slot, entry;
	if (size == 0 || size > LEXICON_WORD_MAX)
		return 0;
	hash = hash_text(text, size);
	for (slot = hash % LEXICON_SLOTS; (entry = lexicon_slots[slot]) != 0;
	     slot = (slot + 1) % LEXICON_SLOTS) {
		const struct lexicon_word *word = &lexicon_words[entry & 0xffff];
		if (entry >> 16 == hash >> 16 && word->size == size &&
		    !memcmp(lexicon_texts + word->at, text, size))
			return entry & 0xffff;
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

static bool ends_with(const struct word *word, const char *suffix, size_t size)
{
	return word->size > size && !memcmp(word->text + word->size - size, suffix, size);
}

/* Forms of a word that the lexicon has only in another form; of the last letter `last`. */
#define FORM(suffix, instead)                                                                      \
	{                                                                                          \
		suffix, instead, sizeof(suffix) - 1, sizeof(instead) - 1                           \
	}
static const struct inflection {
	char suffix[6], instead[4];
	uint8_t size, instead_size;
} inflections[] = {
	FORM("'s", ""),	  FORM("ly", ""),     FORM("ily", "y"), FORM("s", ""),	    FORM("es", ""),
	FORM("ies", "y"), FORM("ed", ""),     FORM("ed", "e"),	FORM("ied", "y"),   FORM("ing", ""),
	FORM("ing", "e"), FORM("in'", "ing"), FORM("ness", ""), FORM("iness", "y"),
};

static bool is_rated(unsigned id)
{
	unsigned role = lexicon_words[id].role;
	return id && (role == ROLE_VALENCE || role == ROLE_DEGREE || role == ROLE_GOOD ||
		      role == ROLE_BAD || role == ROLE_IMPOSED);
}

static unsigned find_inflected(const struct word *word)
{
	char text[WORD_MAX + 4], last = word->text[word->size - 1];
	if (word->size < 5 ||
	    !(last == 's' || last == 'd' || last == 'g' || last == 'y' || last == '\''))
		return 0;
	for (size_t i = 0; i < sizeof(inflections) / sizeof(*inflections); i++) {
		const struct inflection *form = &inflections[i];
		size_t stem = word->size - form->size;
		unsigned id;
		if (form->suffix[form->size - 1] != last || stem < 3 ||
		    !ends_with(word, form->suffix, form->size))
			continue;
		memcpy(text, word->text, stem);
		memcpy(text + stem, form->instead, form->instead_size);
		id = lexicon_find(text, stem + form->instead_size);
		if (is_rated(id))
			return id;
	}
	return 0;
}

unsigned lexicon_recognise(const struct word *word)
{
	unsigned id;
	if (word->too_long)
		return 0;
	if (word->is_number)
		return word->percent ? lexicon_find("0%", 2) : lexicon_find("0", 1);
	id = lexicon_find(word->text, word->size);
	if (!id && word->elongated)
		id = find_elongated(word);
	if (!id && ends_with(word, "n't", 3))
		id = lexicon_find("not", 3);
	return id ? id : find_inflected(word);
}
