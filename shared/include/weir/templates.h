/* templates.h: what a model is told and what it has to answer, for each model_key. YAML, one file a
 * template, NAME.yaml; some are built in, and a folder of the user's adds to them or replaces them.
 *
 *     description: titles for an idea
 *     system: |
 *       You write titles.
 *       {{custom_instructions?}}
 *     user: |
 *       The idea: {{idea}}
 *     max_tokens: 200
 *     fields:
 *       title:   {type: text, least: 1, most: 120}      # characters
 *       score:   {type: number, least: -1, most: 1}
 *       count:   {type: integer, least: 0}
 *       good:    {type: boolean}
 *       label:   {type: text, values: [positive, neutral, negative]}
 *       tags:    {type: list, of: text, most: 10}        # elements
 *       extra:   {type: object, optional: true}
 *
 * `values` holds for a text, or for each element of a list of texts; `of` is text when it is not
 * given. `user` and `fields` are required.
 *
 * A text whose values stand for parts of a number's range says so:
 *
 *       label: {type: text, values: [bad, fair, good], follows: score, steps: [-0.1, 0.1]}
 *
 * The values are in the number's order, and each but the first begins at its step. Models round, so
 * a value that is next to the right one is let through; one with another in between is a
 * contradiction, and the answer is asked for again.
 *
 * A placeholder is a path into the payload (title, front_matter.author, input.idea,
 * results.title.title), or `payload` (all of it), `custom_instructions`, or `context.NAME`. With a
 * question mark it may be absent, and then becomes nothing; without, a text of the payload has to
 * say something. Texts stand as they are, all else as JSON. What the fields are is told to the
 * model behind the system text, from the same rows that check its answer. */
#ifndef WEIR_TEMPLATES_H
#define WEIR_TEMPLATES_H

#include "weir/buffer.h"
#include "weir/error.h"
#include "weir/message.h"

#define TEMPLATE_NAME_MAX 64
#define TEMPLATES_MAX 1000
#define TEMPLATE_FIELDS_MAX 64
#define PROMPT_MAX (1024 * 1024) /* bytes of system and user text together */

struct templates;
struct template;

/* The built-in ones, and those of dir (NULL: no other). 0, or -1 with every fault and its line in
 * err, code "templates"; with faults not NULL, also all of them in full, which the caller frees. */
int templates_open(const char *dir, struct templates **out, char **faults,
		   struct weir_error *err) WEIR_MUST_CHECK;
void templates_close(struct templates *t); /* NULL is fine */

size_t templates_count(const struct templates *t);
const struct template *templates_at(const struct templates *t, size_t i); /* sorted by name */
const char *template_name(const struct template *t);
const char *template_description(const struct template *t);
const char *template_file(const struct template *t);   /* NULL: built in */
int64_t template_max_tokens(const struct template *t); /* 0: as the model's */

/* The template of an item's context: model_key_STEP in a stage that has a step, where there is one;
 * else model_key. NULL: err (code bad_context) names those that there are. */
const struct template *templates_find(const struct templates *t, const struct weir_map *context,
				      struct weir_error *err);

/* What is said to the model. */
struct prompt {
	struct buffer system, user;
	/* A second try: what it answered, and what was wrong with that. Absent at the first. */
	struct weir_text answer, fault;
	int64_t max_tokens; /* of the answer; 0: the model's, or MODEL_MAX_TOKENS */
	/* Of the template, which outlives this: its name, and the JSON Schema of its fields, in the
	 * form that OpenAI calls strict where its fields let it: all of them are required, those
	 * that are optional may be null, and there are no bounds. */
	const char *name, *schema;
	bool strict;
};

void prompt_release(struct prompt *p); /* zero it before the first use */

/* Whether an item has anything to ask about. Of the places of the payload that the template has at
 * least one has to say something, however deep (map_says()), and if not all of them are fields that
 * the kind has as WEIR_ASIDE, one of the others; those without a question mark have to be there in
 * any case. A template without places of the payload asks about something else. Of results of
 * earlier stages nothing is wanted: they may not exist yet. 0, or -1: bad_payload (what is read,
 * and what is there). fields: of the kind, closed by a name of NULL; NULL: not told. */
int template_check_payload(const struct template *t, const struct weir_item *item,
			   const struct weir_field *fields, struct weir_error *err) WEIR_MUST_CHECK;

/* Fills the system and user text of an item. 0, or -1: bad_payload (a placeholder's value is
 * absent, naming it), oversized, out_of_memory. */
int template_render(const struct template *t, const struct weir_item *item, struct prompt *out,
		    struct weir_error *err) WEIR_MUST_CHECK;

/* Takes the answer out of what the model said. It is
 *   - the text, if that is an object; else the last object in the text (answer_scan.h says what of
 *     it is thinking, where the model's turn ends, and in which ways JSON may be wrong) that has a
 *     field of the template's, or in which, up to three objects and arrays deep, there is one that
 *     has:
 *     also as a text that is JSON. If all of the text is JSON that was escaped once more, what that
 *     says;
 *   - of several that fit, in which what is kept differs, the last one where that is plain:
 *       . the sentence before it says that it is final or a correction, or takes back what was
 *         before (answer_opening.h): "Final answer:", "Let me correct that:", "That is wrong.";
 *       . it is called the answer ("Here is the JSON:"), and those before it a draft or an example;
 *       . there are two, nothing stands between them but blanks and fences, and what the template
 *         does not name (a company, a key around it) is the same in both;
 *   - none, if it is not plain: after other words, in an array, in a list of more than two; if the
 *     last one is taken back behind it; if it does not fit, though another one before it may; if
 *     something that is broken comes after it, or the text ends within an object or a thought; if
 *     it holds several that differ; if a key stands twice in it with different values.
 * Of its values, a text that is one number from its first to its last character, or "true" or
 * "false", is that where a number, or a boolean, is wanted (but "3.000" is in doubt, as it may be
 * three thousand); 3.0 is 3 where an integer is. A text of blanks has no characters. Nothing is
 * clipped, cut or completed. Fields that the template does not name, and optional ones that are
 * null, are left out. What is larger or deeper than a result in a later stage's payload may be is a
 * bad answer too.
 *
 * cut: the model reached a limit; then only blanks may stand behind the object, up to the end of
 * the model's turn. 0, and the object in the template's order of fields appended to json; or -1:
 * bad_answer (the text says to the model what is wrong), out_of_memory. */
int template_check(const struct template *t, struct weir_text answer, bool cut, struct buffer *json,
		   struct weir_error *err) WEIR_MUST_CHECK;

#endif
