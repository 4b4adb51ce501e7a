/* front.h: front matter, what a Markdown document says of itself before its text: YAML, TOML or
 * JSON. A byte order mark and blank lines may stand before it. Nothing blocks.
 *
 *     ---  YAML  --- or ...         +++  TOML  +++         ;;;  JSON  ;;;         {  JSON  }
 *     ---yaml, ---toml, ---json  and so on, up to ---
 *
 * A line of --- is a rule (thematic break) of the text as well. So what begins with one is front
 * matter only if the first line that says something is a key (`title:`), and nothing but a comment
 * is no key, unless that is one itself (`# title:`), and no line is blank; if a blank line is next,
 * as prose has it, the key has to be in small letters, and the end to be there. All else is text.
 * What is front matter has to be faultless. */
#ifndef WEIR_FRONT_H
#define WEIR_FRONT_H

#include <jansson.h>

#include "weir/plugin.h"
#include "weir/yaml.h"

enum front_format { FRONT_NONE, FRONT_YAML, FRONT_TOML, FRONT_JSON };

struct front_matter {
	enum front_format format;
	struct weir_text inside; /* between the marks; of {} with the braces */
	int line;		 /* of its first line in the text, from 1 */
	struct weir_text body;	 /* what stands behind it; without one, the text as it is */
	int body_line;
};

/* Divides a text; `name` stands for it in faults. 0, or -1 after adding a fault. */
int front_divide(struct weir_text text, const char *name, struct front_matter *out,
		 struct faults *f) WEIR_MUST_CHECK;

/* What it says, as a new object (empty without front matter), which the caller json_decref()s.
 * title and custom_id, at the top, are text as written where they are numbers, dates, true or
 * false. 0, or -1 after adding faults. */
int front_read(const struct front_matter *front, const char *name, json_t **out,
	       struct faults *f) WEIR_MUST_CHECK;

/* The line of a key at the top, by its looks; else the first line. */
int front_line_of(const struct front_matter *front, const char *key);

#endif
