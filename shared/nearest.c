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
