#include "weir/nearest.h"

#include <stdio.h>
#include <string.h>

/* Levenshtein's distance, row by row. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t row[NEAREST_NAME_MAX + 1];
	size_t columns = strlen(b);

	for (size_t j = 0; j <= columns; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < columns; j++) {
			size_t change = diagonal + (a[i] != b[j]);

			diagonal = row[j + 1];
			if (row[j] < row[j + 1])
				row[j + 1] = row[j];
			row[j + 1]++;
			if (change < row[j + 1])
				row[j + 1] = change;
		}
	}
	return row[columns];
}

/* Further away than a third it is no typing error. */
void nearest_init(struct nearest *n, const char *wanted)
{
	size_t size = strlen(wanted);

	*n = (struct nearest){.wanted = wanted,
			      .least = size < NEAREST_NAME_MAX ? size / 3 + 2 : 0};
}

void nearest_try(struct nearest *n, const char *name)
{
	size_t distance;

	if (n->least == 0 || strlen(name) >= NEAREST_NAME_MAX)
		return;
	distance = edit_distance(n->wanted, name);
	if (distance >= n->least)
		return;
	n->least = distance;
	snprintf(n->name, sizeof(n->name), "%s", name);
}

/* ---- spelling ---- */

/* The next character that counts, in lower case; '\0' behind the last. */
static char next_letter(const char **at, const char *end)
{
	while (*at < end && (**at == ' ' || **at == '_' || **at == '-' || **at == '\t'))
		++*at;
	if (*at == end)
		return '\0';
	char c = *(*at)++;
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool same_letters(struct weir_text key, const char *name, bool or_plural)
{
	const char *a = key.data, *b = name;
	const char *a_end = a + key.size, *b_end = b + strlen(b);
	char x, y;
	do {
		x = next_letter(&a, a_end);
		y = next_letter(&b, b_end);
	} while (x == y && x);
	if (x == y || !or_plural)
		return x == y;
	if (!x)
		return y == 's' && !next_letter(&b, b_end);
	return !y && x == 's' && !next_letter(&a, a_end);
}

bool nearest_is_spelt(struct weir_text key, const char *name)
{
	return same_letters(key, name, false);
}

bool nearest_is_spelt_or_plural(struct weir_text key, const char *name)
{
	return same_letters(key, name, true);
}
