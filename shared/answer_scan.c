#include "answer_scan.h"

#include <string.h>
#include <strings.h>

#include "weir/utf8.h"

#define DEPTH_MAX 32
#define TOKEN_MAX 40
#define STEPS_EACH 16 /* of each character of the text, */
#define STEPS_FREE 65536

/* ---- thoughts ---- */

static const struct thought {
	const char *open, *close;
} thoughts[] = {
	{"<think>", "</think>"},
	{"<thinking>", "</thinking>"},
	{"<thought>", "</thought>"},
	{"<thoughts>", "</thoughts>"},
	{"<reasoning>", "</reasoning>"},
	{"<reflection>", "</reflection>"},
	{"<analysis>", "</analysis>"},
	{"<scratchpad>", "</scratchpad>"},
	{"<seed:think>", "</seed:think>"},
	{"<details type=\"reasoning\"", "</details>"},
	{"<|begin_of_thought|>", "<|end_of_thought|>"},
	{"<|START_THINKING|>", "<|END_THINKING|>"},
	{"[THINK]", "[/THINK]"},
	{"\xE2\x97\x81think\xE2\x96\xB7", "\xE2\x97\x81/think\xE2\x96\xB7"},
	/* gpt-oss: <|channel|>NAME<|message|>TEXT<|end|>. */
	{"<|channel|>analysis", "<|end|>"},
	{"<|channel|>commentary", "<|end|>"},
};

#define CHANNELS 2 /* the last ones */
static const char final_channel[] = "<|channel|>final";

#define THOUGHTS (sizeof(thoughts) / sizeof(thoughts[0]))

static size_t begins(struct weir_text text, size_t at, const char *word)
{
	size_t size = strlen(word);

	return text.size - at >= size && strncasecmp(text.data + at, word, size) == 0 ? size : 0;
}

/* The size of the tag that opens or closes a thought here; 0: none. */
static size_t tag_at(struct weir_text text, size_t at, bool close, size_t *kind)
{
	for (size_t i = 0; i < THOUGHTS; i++) {
		size_t size = begins(text, at, close ? thoughts[i].close : thoughts[i].open);

		/* <|end|> alone ends a message, not a thought. */
		if (size > 0 && (!close || i < THOUGHTS - CHANNELS)) {
			*kind = i;
			return size;
		}
	}
	return 0;
}

/* The size of what ends a thought of this kind here. */
static size_t end_at(struct weir_text text, size_t at, size_t kind)
{
	size_t size = begins(text, at, thoughts[kind].close);

	return size > 0 || kind < THOUGHTS - CHANNELS ? size : begins(text, at, final_channel);
}

/* Channels of which the tokens were taken off, and the words were not: "analysis...assistantfinal".
 */
static size_t leaked_channels(struct weir_text text)
{
	static const char word[] = "assistantfinal";
	size_t end = 0;

	if (text.size < 8 || memcmp(text.data, "analysis", 8) != 0)
		return 0;
	for (const char *at = text.data;
	     (at = memmem(at, text.size - (size_t)(at - text.data), word, sizeof(word) - 1)); at++)
		end = (size_t)(at - text.data) + sizeof(word) - 1;
	return end;
}

/* The user's turn that a text begins with, up to the model's own; 0: none. */
static size_t repeated_prompt(struct weir_text text)
{
	static const char *const turns[][2] = {
		{"User:", "\nAssistant:"},
		{"Human:", "\nAssistant:"},
		{"### Instruction", "\n### Response"},
		{"### User", "\n### Assistant"},
		{"### Human", "\n### Assistant"},
		{"<|im_start|>", "<|im_start|>assistant"},
		{"<|start_header_id|>", "<|start_header_id|>assistant"},
		{"<start_of_turn>user", "<start_of_turn>model"},
		{"<|user|>", "<|assistant|>"},
		{"[INST]", "[/INST]"},
	};

	for (size_t i = 0; i < sizeof(turns) / sizeof(turns[0]); i++) {
		size_t size = strlen(turns[i][1]);
		const char *own = begins(text, 0, turns[i][0]) > 0
					  ? memmem(text.data, text.size, turns[i][1], size)
					  : NULL;

		if (own != NULL)
			return (size_t)(own - text.data) + size;
	}
	return 0;
}

static size_t begins_at(struct weir_text text)
{
	size_t at = leaked_channels(text);

	return at > 0 ? at : repeated_prompt(text);
}

void answer_visible(struct weir_text text, struct buffer *out, bool *open)
{
	size_t at = begins_at(text), begin = out->size, kind = 0, size;
	bool final = false;

	*open = false;
	while (at < text.size) {
		bool mark = text.data[at] == '<' || text.data[at] == '[' || text.data[at] == '\xE2';

		size = 0;
		if (mark && !final && (!*open || kind >= THOUGHTS - CHANNELS) &&
		    begins(text, at, final_channel) > 0) {
			final = true;
			*open = false;
			out->size = begin;
			size = strlen(final_channel);
		} else if (mark && *open) {
			size = end_at(text, at, kind);
			*open = size == 0;
		} else if (mark && (size = tag_at(text, at, false, &kind)) > 0) {
			*open = true;
			buffer_add_char(out, '\n');
		} else if (mark && (size = tag_at(text, at, true, &kind)) > 0) {
			out->size = begin;
		}
		if (size == 0 && !*open)
			buffer_add_char(out, text.data[at]);
		at += size > 0 ? size : 1;
	}
}

/* ---- an object, written anew ---- */

struct rewriting {
	const char *at, *end;
	struct buffer *out;
	bool pair; /* a key in quotes has been seen, or one with its colon */
	unsigned depth;
	struct {
		char close;
		bool any; /* element */
	} levels[DEPTH_MAX];
};

static bool is(const struct rewriting *r, const char *word)
{
	size_t size = strlen(word);

	return (size_t)(r->end - r->at) >= size && memcmp(r->at, word, size) == 0;
}

static const char *line_end(const struct rewriting *r)
{
	const char *end = memchr(r->at, '\n', (size_t)(r->end - r->at));

	return end != NULL ? end : r->end;
}

static const char *comment_end(const struct rewriting *r)
{
	const char *end = memmem(r->at, (size_t)(r->end - r->at), "*/", 2);

	return end != NULL ? end + 2 : r->end;
}

/* Blanks, and comments as JavaScript, C and Python have them. */
static void skip_blanks(struct rewriting *r)
{
	for (const char *from = NULL; r->at < r->end && r->at != from;) {
		from = r->at;
		if (*r->at == '#' || is(r, "//"))
			r->at = line_end(r);
		else if (is(r, "/*"))
			r->at = comment_end(r);
		else
			r->at += utf8_blank_step(r->at, (size_t)(r->end - r->at));
	}
}

/* One character of a text, or an escape. */
static void write_character(struct rewriting *r)
{
	unsigned char c = (unsigned char)*r->at++;

	if (c == '\\' && r->at < r->end && *r->at == '\'')
		buffer_add_char(r->out, *r->at++);
	else if (c == '\\' && r->at < r->end)
		buffer_printf(r->out, "\\%c", *r->at++);
	else if (c == '"')
		buffer_add_text(r->out, "\\\"");
	else if (c < 0x20)
		buffer_printf(r->out, "\\u%04x", c);
	else
		buffer_add_char(r->out, (char)c);
}

/* Between a pair of quotes. */
static bool write_text(struct rewriting *r, const char *open, const char *close)
{
	if (!is(r, open))
		return false;
	r->at += strlen(open);
	buffer_add_char(r->out, '"');
	while (r->at < r->end && !is(r, close))
		write_character(r);
	if (r->at == r->end)
		return false;
	r->at += strlen(close);
	buffer_add_char(r->out, '"');
	return true;
}

static bool is_text(const struct rewriting *r)
{
	return is(r, "\"") || is(r, "'") || is(r, "\xE2\x80\x9C");
}

static bool write_any_text(struct rewriting *r)
{
	if (is(r, "\""))
		return write_text(r, "\"", "\"");
	return is(r, "'") ? write_text(r, "'", "'") : write_text(r, "\xE2\x80\x9C", "\xE2\x80\x9D");
}

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

static size_t run_of(const struct rewriting *r, const char *allowed)
{
	size_t n = 0;

	while (r->at + n < r->end && r->at[n] != '\0' && strchr(allowed, r->at[n]) != NULL)
		n++;
	return n;
}

static bool write_key(struct rewriting *r)
{
	size_t n;

	if (is_text(r))
		return write_any_text(r);
	n = strchr(DIGITS, *r->at) == NULL ? run_of(r, LETTERS DIGITS "_") : 0;
	buffer_add_char(r->out, '"');
	buffer_add(r->out, r->at, n);
	buffer_add_char(r->out, '"');
	r->at += n;
	return n > 0;
}

/* A number, or a word that stands for a value. What a number is, is the parser's to say. */
static bool write_word(struct rewriting *r)
{
	static const char *const words[][2] = {{"true", "true"},   {"True", "true"},
					       {"false", "false"}, {"False", "false"},
					       {"null", "null"},   {"None", "null"}};
	size_t n = run_of(r, LETTERS DIGITS "+-._"), plus;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (n != strlen(words[i][0]) || !is(r, words[i][0]))
			continue;
		buffer_add_text(r->out, words[i][1]);
		r->at += n;
		return true;
	}
	if (n == 0 || strchr(LETTERS "_.", *r->at) != NULL)
		return false;
	plus = *r->at == '+';
	if (plus && (n == 1 || strchr(DIGITS, r->at[1]) == NULL))
		return false;
	buffer_add(r->out, r->at + plus, n - plus);
	r->at += n;
	return true;
}

static bool push(struct rewriting *r)
{
	if (r->depth == DEPTH_MAX)
		return false;
	r->levels[r->depth].close = *r->at == '{' ? '}' : ']';
	r->levels[r->depth++].any = false;
	buffer_add_char(r->out, *r->at++);
	return true;
}

/* A key, if it is an object's, and the beginning of its value. *done: the value is whole. */
static bool write_item(struct rewriting *r, bool *done)
{
	if (r->levels[r->depth - 1].any)
		buffer_add_char(r->out, ',');
	r->levels[r->depth - 1].any = true;
	if (r->levels[r->depth - 1].close == '}') {
		r->pair |= is_text(r);
		if (!write_key(r))
			return false;
		skip_blanks(r);
		if (r->at == r->end || *r->at != ':')
			return false;
		r->pair = true;
		r->at++;
		buffer_add_char(r->out, ':');
		skip_blanks(r);
	}
	if (r->at == r->end)
		return false;
	*done = *r->at != '{' && *r->at != '[';
	if (!*done)
		return push(r);
	return is_text(r) ? write_any_text(r) : write_word(r);
}

/* Up to the brace that closes the one that r->at is at. */
static bool write_object(struct rewriting *r)
{
	bool item = true; /* may come next; else a comma */

	if (!push(r))
		return false;
	while (r->depth > 0) {
		skip_blanks(r);
		if (r->at == r->end)
			return false;
		if (*r->at == r->levels[r->depth - 1].close) {
			buffer_add_char(r->out, *r->at++);
			r->depth--;
			item = false;
		} else if (!item) {
			if (*r->at++ != ',')
				return false;
			item = true;
		} else if (!write_item(r, &item)) {
			return false;
		} else {
			item = !item;
		}
	}
	return true;
}

/* ---- in a text ---- */

/* Where what has begun as an object may end: behind the brace that closes it, whether or not braces
 * within texts count; the later one, as nobody knows where its texts end. */
static size_t broken_end(struct weir_text text, size_t at)
{
	size_t naive = text.size, aware = text.size;
	long depth = 0, depth_aware = 0;
	bool within = false;

	for (; at < text.size && (naive == text.size || aware == text.size); at++) {
		char c = text.data[at];

		if (c == '\\' && within) {
			at++;
			continue;
		}
		within ^= c == '"';
		depth += (c == '{') - (c == '}');
		depth_aware += within ? 0 : (c == '{') - (c == '}');
		if (c == '}' && depth == 0 && naive == text.size)
			naive = at + 1;
		if (c == '}' && !within && depth_aware == 0 && aware == text.size)
			aware = at + 1;
	}
	return naive > aware ? naive : aware;
}

/* ---- turns ---- */

/* <|NAME|>, also with the wide bars of DeepSeek's. */
static bool is_bar_token(struct weir_text text, size_t at)
{
	static const char *const bars[][2] = {{"<|", "|>"}, {"<\xEF\xBD\x9C", "\xEF\xBD\x9C>"}};
	size_t left = text.size - at < TOKEN_MAX ? text.size - at : TOKEN_MAX;

	for (size_t i = 0; i < 2; i++) {
		size_t size = begins(text, at, bars[i][0]);
		const char *from = text.data + at + size, *end;

		if (size == 0)
			continue;
		end = memmem(from, left - size, bars[i][1], strlen(bars[i][1]));
		if (end != NULL && memchr(from, '\n', (size_t)(end - from)) == NULL)
			return true;
	}
	return false;
}

/* The other special tokens that end a turn, or begin one. Sources: tokenizer_config.json of Llama
 * 2, Gemma, Command R, Granite and MiniMax; chat templates of Hugging Face. */
static bool is_plain_token(struct weir_text text, size_t at)
{
	static const char *const tokens[] = {
		"</s>",	  "<s>",	  "<eos>",	   "<bos>",	      "[EOS]",	 "[BOS]",
		"<EOT>",  "[EOT]",	  "<end_of_turn>", "<start_of_turn>", "<turn|>", "<|turn>",
		"[INST]", "[/INST]",	  "<eot>",	   "<eod>",	      "<end>",	 "[END]",
		"<eom>",  "</assistant>", "[e~["};

	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++)
		if (begins(text, at, tokens[i]) > 0)
			return true;
	return false;
}

/* A line that begins a message of somebody else's, whom the model goes on to play. */
static bool is_turn_line(struct weir_text text, size_t at)
{
	static const char *const lines[] = {"User:",	       "Human:",    "### User",
					    "### Instruction", "### Human", "###Human"};

	if ((at > 0 && text.data[at - 1] != '\n') || strchr("uUhH#", text.data[at]) == NULL)
		return false;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (begins(text, at, lines[i]) > 0)
			return true;
	return false;
}

bool answer_turn_ends(struct weir_text text, size_t at)
{
	char c = text.data[at];

	if (c == '<' || c == '[')
		return is_bar_token(text, at) || is_plain_token(text, at);
	return is_turn_line(text, at);
}

/* An attempt at the brace at s->at, which moves behind what was found. */
static enum scanned try_object(struct answer_scan *s, struct buffer *json, size_t *end)
{
	const char *begin = s->text.data + s->at;
	struct rewriting r = {.at = begin, .end = s->text.data + s->text.size, .out = json};
	bool whole;

	buffer_reset(json);
	whole = write_object(&r);
	s->steps += (size_t)(r.at - begin);
	*end = (size_t)(r.at - s->text.data);
	if (whole)
		return SCANNED_OBJECT;
	if (!r.pair)
		return SCANNED_END;
	if (r.at == r.end) {
		*end = s->text.size;
		return SCANNED_CUT;
	}
	*end = broken_end(s->text, s->at);
	return SCANNED_BROKEN;
}

enum scanned answer_next(struct answer_scan *s, struct buffer *json, size_t *begin, size_t *end)
{
	for (; s->at < s->text.size; s->at++) {
		enum scanned found;

		if (s->found && answer_turn_ends(s->text, s->at))
			return SCANNED_END;
		if (s->text.data[s->at] != '{')
			continue;
		if (s->steps > STEPS_EACH * s->text.size + STEPS_FREE)
			return SCANNED_TANGLED;
		*begin = s->at;
		found = try_object(s, json, end);
		if (found == SCANNED_END)
			continue;
		s->at = *end;
		return found;
	}
	return SCANNED_END;
}
