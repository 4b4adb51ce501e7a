/* yaml_fields.h: maps of a YAML document by rows: what fields there are, of which type, within
 * which bounds. Every fault is told, with its line; a field that is not known with the nearest that
 * is. Private to libweir. */
#ifndef WEIR_YAML_FIELDS_H
#define WEIR_YAML_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/yaml.h"

enum yaml_field_type {
	FIELD_END = 0,
	FIELD_TEXT,    /* char *, allocated */
	FIELD_INTEGER, /* int64_t */
	FIELD_TIME,    /* int64_t, milliseconds: 250ms, 5s, 10m, 1h, 30d */
	FIELD_BYTES,   /* int64_t: 4096, 64KB, 100MB, 1GB, 64KiB, 100MiB, 1GiB */
	FIELD_MONEY,   /* int64_t, millionths: 1.25 */
	FIELD_WORD,    /* int, the number of the word */
	FIELD_FLAG,    /* bool: true, false */
	FIELD_NODE     /* int: whatever it is; -1 when it is not there */
};

struct yaml_field {
	const char *name;
	enum yaml_field_type type;
	size_t offset;
	const char *preset;	  /* written as in the file; NULL: the field stays as it was */
	int64_t least, most;	  /* of numbers; of a TEXT its bytes */
	const char *const *words; /* of a WORD; closed by NULL */
	bool required;
};

/* Where the maps are from. */
struct yaml_source {
	const struct yaml *yaml;
	const char *file;
	struct faults *faults;
};

/* Adds a fault on the line of a node. Always -1. */
int yaml_fault(const struct yaml_source *from, int node, const char *fmt, ...) WEIR_FORMAT(3, 4);

/* Fills `into` from a map (none, and null, are an empty one); what: what it is called in faults. 0,
 * or -1 after adding at least one fault. Frees the texts that `into` held; those that it holds
 * afterwards, in both cases, are the caller's. */
int yaml_fields_read(const struct yaml_source *from, int map, const char *what,
		     const struct yaml_field *rows, void *into) WEIR_MUST_CHECK;

void yaml_fields_release(const struct yaml_field *rows, void *into); /* frees the texts */

/* A decimal number with at most six places, in millionths; never through a float. */
int yaml_money(const char *text, int64_t *out) WEIR_MUST_CHECK;

#endif
