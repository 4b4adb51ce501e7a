#include <stdlib.h>
#include <string.h>

#include "review.h"

/* Returns what follows the number, or NULL: there is none from 1 to INT64_MAX. */
static const char *read_id(const char *at, int64_t *out)
{
	int64_t id = 0;
	if (*at < '0' || *at > '9')
		return NULL;
	for (; *at >= '0' && *at <= '9'; at++) {
		int digit = *at - '0';
		if (id > (INT64_MAX - digit) / 10)
			return NULL;
		id = 10 * id + digit;
	}
	*out = id;
	return id > 0 ? at : NULL;
}

/* The same for a word in place of a number, which is then 0. */
static const char *read_id_or(const char *word, const char *at, int64_t *out)
{
	size_t n = strlen(word);
	if (strncmp(at, word, n) != 0)
		return read_id(at, out);
	*out = 0;
	return at + n;
}

static const char *read_accept(const char *at, struct decision *out)
{
	return read_id_or("all", at, &out->mapping_id);
}

static const char *read_remap(const char *at, struct decision *out)
{
	out->remap = true;
	at = read_id(at, &out->mapping_id);
	return at && *at == '=' ? read_id_or("new", at + 1, &out->item_id) : NULL;
}

static int add(struct decisions *d, const struct decision *row, struct weir_error *err)
{
	struct decision *rows = realloc(d->rows, (d->count + 1) * sizeof *rows);
	if (!rows)
		return weir_fail_memory(err);
	d->rows = rows;
	d->rows[d->count++] = *row;
	return 0;
}

typedef const char *read_decision(const char *at, struct decision *out);

static int add_each(struct decisions *d, read_decision *read, const char *text, const char *wanted,
		    struct weir_error *err)
{
	for (const char *at = text;; at++) {
		struct decision row = {0};
		at = read(at, &row);
		if (!at || (*at && *at != ','))
			return weir_fail(err, "usage", "%s, not \"%.80s\"", wanted, text);
		if (add(d, &row, err) < 0)
			return -1;
		if (!*at)
			return 0;
	}
}

int decisions_accept(struct decisions *d, const char *text, struct weir_error *err)
{
	return add_each(d, read_accept, text, "--accept is the number of a mapping, or all", err);
}

int decisions_remap(struct decisions *d, const char *text, struct weir_error *err)
{
	return add_each(d, read_remap, text, "--remap is MAPPING=ITEM or MAPPING=new", err);
}

void decisions_release(struct decisions *d)
{
	free(d->rows);
	*d = (struct decisions){NULL, 0};
}
