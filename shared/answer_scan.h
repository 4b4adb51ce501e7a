/* answer_scan.h: the JSON objects in what a model said, which says more than that. Private to
 * libweir. Time is linear in the text, and nothing calls itself.
 *
 * First what is not for the reader goes (answer_visible): thoughts between the tags that models
 * have for them, with their opening tag or without it (a closing one that was not opened ends a
 * thought that began with the text), and the channels of gpt-oss but `final` (all that stands
 * before the first of these). A thought that is not closed is all that follows. A text that begins
 * with a turn of the user's repeats what the model was told, up to its own turn.
 *
 * In the rest an object begins at a brace and ends at the one that closes it (answer_next). What is
 * around it does not matter: sentences, fences, special tokens, brackets, marks of byte order. It
 * is written anew as strict JSON where it is one of these, which have one meaning only:
 *   - a comma before a closing bracket; comments;
 *   - line breaks and other control characters within a text; \' within a text;
 *   - texts between ' or between curly quotes; keys that are bare words;
 *   - True, False and None; a plus before a number; blanks of Unicode between the parts.
 * All else is broken: missing commas, quotes that are not escaped, an object that the text ends in.
 * What is broken hides what is in it: an object that stands within one is not the answer.
 *
 * Behind an object that may be the answer nothing is read any more where the model's turn ends
 * (answer_turn_ends): at any special token, such as </s>, <|eot_id|> or <end_of_turn>, and at a
 * line that begins another's turn ("User:"). Servers that do not stop there let the model go on
 * with questions and answers of its own (transformers#23175, exllama#99, llm-reasoners#131).
 *
 * Sources of the forms: vllm#12999, #13375, #6905; openai/harmony (format.md); json_repair
 * (README); langchain#23297; ggml-org/llama.cpp#15181; docs of Magistral, Kimi, Seed-OSS and
 * Cohere. */
#ifndef WEIR_ANSWER_SCAN_H
#define WEIR_ANSWER_SCAN_H

#include <stdbool.h>

#include "weir/buffer.h"
#include "weir/error.h"

/* Appends what is for the reader. *open: the text ends within a thought. */
void answer_visible(struct weir_text text, struct buffer *out, bool *open);

struct answer_scan {
	struct weir_text text; /* visible */
	size_t at;
	size_t steps; /* characters that were looked at; bounded */
	bool found; /* set by the caller, when an answer was found: the turn's end is the text's */
};

enum scanned {
	SCANNED_END,
	SCANNED_OBJECT,
	SCANNED_BROKEN, /* it begins with a key, but is no object */
	SCANNED_CUT,	/* the same, as the text ends within it */
	SCANNED_TANGLED /* there is no end to it: it is given up */
};

/* The next one, from *begin to *end; json is emptied, and becomes an OBJECT as strict JSON, as far
 * as its outline goes: numbers, escapes and UTF-8 are the parser's to check. */
enum scanned answer_next(struct answer_scan *s, struct buffer *json, size_t *begin, size_t *end);

/* Whether the turn ends at this place of the text. */
bool answer_turn_ends(struct weir_text text, size_t at);

#endif
