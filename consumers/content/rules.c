#include "rules.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "text.h"

static bool is_trimmed(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static void trim(const char **text, size_t *n)
{
	while (*n > 0 && is_trimmed((*text)[*n - 1]))
		--*n;
	for (; *n > 0 && is_trimmed(**text); --*n)
		++*text;
}

static int add_term(struct rules *r, struct terms *terms, const char *text, size_t n, char *why,
		    size_t room)
{
	trim(&text, &n);
	if (n == 0)
		return 0;
	if (n > TERM_MAX || terms->count == TERMS_MAX) {
		snprintf(why, room,
			 "custom_instructions: at most %d required sections and as many banned "
			 "terms, each of at most %d bytes",
			 TERMS_MAX, TERM_MAX);
		return -1;
	}
	out_add(&r->folded, "", 1); /* between two terms, so that each is folded for itself */
	struct term t = {.shown = text, .shown_size = n, .at = r->folded.size};
	text_fold(text, n, &r->folded);
	t.size = r->folded.size - t.at;
	if (t.size > 0)
		terms->list[terms->count++] = t;
	return 0;
}

static int add_terms(struct rules *r, struct terms *terms, const char *text, size_t n, char *why,
		     size_t room)
{
	while (n > 0) {
		const char *comma = memchr(text, ',', n);
		size_t size = comma ? (size_t)(comma - text) : n;
		if (add_term(r, terms, text, size, why, room) < 0)
			return -1;
		text += size + (comma != NULL);
		n -= size + (comma != NULL);
	}
	return 0;
}

static int read_line(struct rules *r, const char *line, size_t n, char *why, size_t room)
{
	const struct {
		const char *name;
		struct terms *terms;
	} keys[] = {{"required sections:", &r->required}, {"banned terms:", &r->banned}};
	trim(&line, &n);
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		size_t size = strlen(keys[i].name);
		if (n >= size && strncasecmp(line, keys[i].name, size) == 0)
			return add_terms(r, keys[i].terms, line + size, n - size, why, room);
	}
	return 0;
}

int rules_read(struct rules *r, const char *instructions, size_t n, char *why, size_t why_room)
{
	*why = '\0';
	while (n > 0) {
		const char *end = memchr(instructions, '\n', n);
		size_t size = end ? (size_t)(end - instructions) : n;
		if (read_line(r, instructions, size, why, why_room) < 0)
			return -1;
		instructions += size + (end != NULL);
		n -= size + (end != NULL);
	}
	return r->folded.failed ? -1 : 0;
}

void rules_release(struct rules *r) { out_release(&r->folded); }
