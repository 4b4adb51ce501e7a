/* yaml_node.h: how a document is kept, between what builds it and what reads it. Private to
 * libweir. */
#ifndef WEIR_YAML_NODE_H
#define WEIR_YAML_NODE_H

#include <stdbool.h>

#include "weir/yaml.h"

struct yaml_node {
	enum yaml_type type;
	int line;
	bool plain;	 /* TEXT: it stood without quotes */
	unsigned height; /* of a MAP or LIST: how many are in each other, with itself */
	size_t total;	 /* nodes, with itself and what aliases repeat */
	size_t bytes;	 /* of texts, likewise */
	size_t first;	 /* where its text, or its first child, is */
	size_t size;	 /* children; of a MAP keys and values in turn */
};

struct yaml {
	int root;
	struct buffer nodes;	/* of struct yaml_node */
	struct buffer children; /* of int */
	struct buffer texts;	/* each closed by a NUL */
};

/* "", null and ~: as a plain scalar that is no text. */
bool yaml_is_null(const char *text);

/* The text of a scalar, of a null too; NULL: a MAP or LIST. */
const char *yaml_scalar(const struct yaml *y, int node);

#endif
