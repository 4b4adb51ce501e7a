#include "answer_opening.h"

#include <string.h>

#include "weir/utf8.h"

#define WORD_MAX 15
#define PHRASE_MAX 40
#define LABEL_WORDS 3 /* "Kind of text: ..." */

/* ---- words ---- */

enum {
	KNOWN = 1,
	ANSWER = 2,
	FINAL = 4,
	DRAFT = 8,
	LET = 16,   /* "let me" do what... */
	VERB = 32,  /* ...a verb of correction says */
	HEY = 64,   /* may stand before any sentence that takes something back */
	OTHER = 128 /* of another case, or another text: nothing behind it is certain */
};

static const struct {
	const char *word;
	unsigned kinds;
} words[] = {
	{"a", KNOWN},
	{"an", KNOWN},
	{"the", KNOWN},
	{"my", KNOWN},
	{"this", KNOWN},
	{"that", KNOWN},
	{"is", KNOWN},
	{"it", KNOWN},
	{"it's", KNOWN},
	{"for", KNOWN},
	{"e", KNOWN},
	{"g", KNOWN},
	{"as", KNOWN},
	{"in", KNOWN},
	{"i", KNOWN},
	{"me", KNOWN},
	{"valid", KNOWN},
	{"only", KNOWN},
	{"boxed", KNOWN},
	{"assistant", KNOWN},
	{"answer", ANSWER},
	{"json", ANSWER},
	{"object", ANSWER},
	{"output", ANSWER},
	{"result", ANSWER},
	{"response", ANSWER},
	{"version", ANSWER},
	{"here", ANSWER},
	{"here's", ANSWER},
	{"so", ANSWER},
	{"therefore", ANSWER},
	{"thus", ANSWER},
	{"now", ANSWER},
	{"final", FINAL},
	{"finally", FINAL},
	{"corrected", FINAL},
	{"correction", FINAL},
	{"revised", FINAL},
	{"revision", FINAL},
	{"amended", FINAL},
	{"updated", FINAL},
	{"fixed", FINAL},
	{"improved", FINAL},
	{"actually", FINAL | HEY},
	{"let", LET},
	{"correct", VERB},
	{"fix", VERB},
	{"revise", VERB},
	{"amend", VERB},
	{"redo", VERB},
	{"update", VERB},
	{"draft", DRAFT},
	{"first", DRAFT},
	{"initial", DRAFT},
	{"initially", DRAFT},
	{"preliminary", DRAFT},
	{"tentative", DRAFT},
	{"attempt", DRAFT},
	{"try", DRAFT},
	{"guess", DRAFT},
	{"thought", DRAFT},
	{"perhaps", DRAFT},
	{"maybe", DRAFT},
	{"example", DRAFT | OTHER},
	{"instance", DRAFT | OTHER},
	{"wait", HEY},
	{"hmm", HEY},
	{"oh", HEY},
	{"oops", HEY},
	{"no", HEY},
	{"sorry", HEY},
	{"but", HEY},
	{"okay", HEY},
	{"ok", HEY},
	{"if", OTHER},
	{"would", OTHER},
	{"i'd", OTHER},
	{"it'd", OTHER},
	{"were", OTHER},
	{"could", OTHER},
	{"might", OTHER},
	{"another", OTHER},
	{"next", OTHER},
	{"other", OTHER},
	{"different", OTHER},
	{"alternative", OTHER},
	{"alternatively", OTHER},
	{"suppose", OTHER},
	{"imagine", OTHER},
	{"unlike", OTHER},
	{"hypothetical", OTHER},
	{"hypothetically", OTHER},
};

/* Whole sentences that take back what was said before, without what is HEY in them. */
static const char *const back[] = {
	"that is wrong",
	"that's wrong",
	"that was wrong",
	"this is wrong",
	"it is wrong",
	"that is incorrect",
	"that's incorrect",
	"that was incorrect",
	"that is not right",
	"that's not right",
	"that isn't right",
	"that was not right",
	"that is not correct",
	"that's not correct",
	"that isn't correct",
	"that was a mistake",
	"i made a mistake",
	"i made an error",
	"i was wrong",
	"my mistake",
	"scratch that",
	"strike that",
	"hold on",
	"on second thought",
	"let me reconsider",
	"let me try again",
	"let me correct that",
	"let me fix that",
	"ignore that",
	"disregard that",
};

/* 0: it is none of them. */
static unsigned kinds_of(const char *word)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].word, word) == 0)
			return words[i].kinds;
	return 0;
}

/* ---- sentences ---- */

struct sentence {
	unsigned words;
	unsigned kinds;
	bool unknown;
	bool colon;		     /* ended so */
	bool label;		     /* began a line, ended with a colon, and the line goes on */
	char phrase[PHRASE_MAX + 1]; /* without what is HEY; unknown where it is longer */
	size_t size;
};

struct reading {
	struct weir_text text;
	size_t at;
	bool line; /* nothing of the line has been read yet */
	bool odd;  /* there was something else than words, blanks and fences */
};

static bool is_word(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c >= 0x80;
}

static size_t here(const struct reading *r, const char *mark)
{
	size_t size = strlen(mark);

	return r->text.size - r->at >= size && memcmp(r->text.data + r->at, mark, size) == 0 ? size
											     : 0;
}

/* The size of what ends a sentence. */
static size_t end_here(const struct reading *r)
{
	static const char *const marks[] = {"\xE2\x80\x94", "\xE2\x80\x93", "\xE2\x80\xA6",
					    "\xE3\x80\x82", "\xEF\xBC\x9A", "\xE2\x86\x92"};
	char c = r->text.data[r->at];

	if (c != '\0' && strchr(".!?:;\n", c) != NULL)
		return 1;
	for (size_t i = 0; c < 0 && i < sizeof(marks) / sizeof(marks[0]); i++)
		if (here(r, marks[i]) > 0)
			return strlen(marks[i]);
	return 0;
}

/* Three or more of a fence's characters, and the word behind them. */
static size_t fence_here(const struct reading *r)
{
	const char *from = r->text.data + r->at, *end = r->text.data + r->text.size, *at = from;

	while (at < end && (*at == '`' || *at == '~') && *at == *from)
		at++;
	if (at - from < 3)
		return 0;
	while (at < end && is_word((unsigned char)*at))
		at++;
	return (size_t)(at - from);
}

/* Signs and emoji, which decorate: U+2600 to U+27BF, U+FE0F, U+1F000 and more. */
static size_t sign_here(const struct reading *r)
{
	const unsigned char *at = (const unsigned char *)r->text.data + r->at;
	size_t left = r->text.size - r->at;

	if (left >= 4 && at[0] == 0xF0 && at[1] == 0x9F)
		return 4;
	if (left >= 3 && at[0] == 0xE2 && at[1] >= 0x98 && at[1] <= 0x9E)
		return 3;
	return here(r, "\xEF\xB8\x8F");
}

static size_t apostrophe(const struct reading *r)
{
	return here(r, "'") > 0 ? 1 : here(r, "\xE2\x80\x99");
}

/* In small letters; what is too long is none that is known. */
static void read_word(struct reading *r, char out[WORD_MAX + 1])
{
	size_t size = 0;

	while (r->at < r->text.size && end_here(r) == 0) {
		size_t quote = apostrophe(r);
		char c = quote > 0 ? '\'' : r->text.data[r->at];

		if (quote == 0 && !is_word((unsigned char)c))
			break;
		if (utf8_blank_step(r->text.data + r->at, r->text.size - r->at) > 0)
			break;
		if (size <= WORD_MAX)
			out[size++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
		r->at += quote > 0 ? quote : 1;
	}
	if (size > WORD_MAX)
		size = 0;
	out[size] = '\0';
}

static void add_word(struct sentence *s, const char *word)
{
	unsigned kinds = kinds_of(word);
	size_t size = strlen(word);

	s->words++;
	s->kinds |= kinds;
	s->unknown |= kinds == 0 || (kinds & (OTHER | DRAFT)) == OTHER;
	if (kinds & HEY)
		return;
	if (size == 0 || s->size + size + 1 > PHRASE_MAX) {
		s->size = PHRASE_MAX; /* too long for a phrase that is known */
		return;
	}
	if (s->size > 0)
		s->phrase[s->size++] = ' ';
	memcpy(s->phrase + s->size, word, size + 1);
	s->size += size;
}

/* Behind a colon: whether the line goes on. */
static bool goes_on(const struct reading *r)
{
	for (size_t at = r->at; at < r->text.size && r->text.data[at] != '\n'; at++)
		if (is_word((unsigned char)r->text.data[at]))
			return true;
	return false;
}

static void end_sentence(struct reading *r, size_t size, struct sentence *out)
{
	char c = r->text.data[r->at];

	out->colon = c == ':' || here(r, "\xEF\xBC\x9A") > 0;
	r->at += size;
	out->label &= out->colon && out->words <= LABEL_WORDS && goes_on(r);
	r->line = c == '\n';
}

/* The next one that has words. false: there is none. */
static bool next_sentence(struct reading *r, struct sentence *out)
{
	char word[WORD_MAX + 1];

	*out = (struct sentence){.label = r->line};
	while (r->at < r->text.size) {
		const char *at = r->text.data + r->at;
		size_t end = end_here(r), blank = utf8_blank_step(at, r->text.size - r->at);

		if (end > 0 && out->words > 0) {
			end_sentence(r, end, out);
			return true;
		}
		if (end > 0 || blank > 0) {
			r->odd |= end > 0 && *at != '\n';
			r->line |= *at == '\n';
			r->at += end > 0 ? end : blank;
			out->label = r->line;
		} else if (fence_here(r) > 0) {
			r->at += fence_here(r);
		} else if (sign_here(r) > 0) {
			r->odd = true;
			r->at += sign_here(r);
		} else if (is_word((unsigned char)*at)) {
			read_word(r, word);
			add_word(out, word);
			r->line = false;
		} else {
			r->odd |= strchr("`", *at) == NULL;
			r->at++;
		}
	}
	out->label = false;
	return out->words > 0;
}

/* ---- what they say ---- */

static bool takes_back(const struct sentence *s)
{
	if (s->colon) /* "That is wrong: ..." is about what comes */
		return false;
	if (s->size == 0)
		return (s->kinds & HEY) != 0;
	for (size_t i = 0; i < sizeof(back) / sizeof(back[0]); i++)
		if (strlen(back[i]) == s->size && memcmp(back[i], s->phrase, s->size) == 0)
			return true;
	return false;
}

static enum opening opening_of(const struct sentence *s)
{
	if (takes_back(s))
		return OPENING_FINAL;
	if (s->unknown)
		return OPENING_OTHER;
	if (s->kinds & DRAFT)
		return OPENING_DRAFT;
	if ((s->kinds & FINAL) || (s->kinds & (LET | VERB)) == (LET | VERB))
		return OPENING_FINAL;
	return s->kinds & ANSWER ? OPENING_ANSWER : OPENING_OTHER;
}

enum opening answer_opening(struct weir_text before)
{
	struct reading r = {.text = before, .line = true};
	struct sentence one, last = {.words = 0};
	bool other = false;
	enum opening found;

	while (next_sentence(&r, &one)) {
		other |= (one.kinds & OTHER) != 0 || (one.label && one.unknown);
		last = one;
	}
	if (last.words == 0)
		return r.odd ? OPENING_OTHER : OPENING_NONE;
	found = opening_of(&last);
	return other && found != OPENING_DRAFT ? OPENING_OTHER : found;
}

bool answer_taken_back(struct weir_text behind)
{
	struct reading r = {.text = behind, .line = true};
	struct sentence one;

	while (next_sentence(&r, &one))
		if (one.size > 0 && takes_back(&one))
			return true;
	return false;
}
