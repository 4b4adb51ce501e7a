/* yaml.h: YAML documents as JSON values that know the line they stood on, and a list of what is
 * wrong with them, so that a person is told of every fault at once. Nothing blocks but the reading
 * of a file. */
#ifndef WEIR_YAML_H
#define WEIR_YAML_H

#include <jansson.h>
#include <stdio.h>

#include "weir/buffer.h"
#include "weir/error.h"

#define YAML_FILE_MAX (1024 * 1024) /* bytes of a file */
#define YAML_DEPTH_MAX 16
#define YAML_NODES_MAX 65536		   /* with those that aliases repeat */
#define YAML_BYTES_MAX (4 * YAML_FILE_MAX) /* of texts, likewise */

/* A text of lines "FILE:LINE: what is wrong", in the order in which they were found. */
struct faults {
	struct buffer text;
	size_t count;
};

void faults_add(struct faults *f, const char *file, int line, const char *fmt, ...)
	WEIR_FORMAT(4, 5);
/* All of them in one error with the given code, as many as fit, and how many more there are. */
int faults_fail(const struct faults *f, const char *code, struct weir_error *err);
void faults_release(struct faults *f);

struct yaml; /* one document */

/* Reads a file. Syntax errors, a document that is too large, and duplicate keys are faults.
 * 0, or -1 after adding at least one fault; on success the caller calls yaml_close(). */
int yaml_read(const char *path, struct yaml **out, struct faults *f) WEIR_MUST_CHECK;
/* The same of a text; `name` stands for the file in faults, and `line` is that of its first line.
 */
int yaml_parse(const char *text, size_t size, const char *name, int line, struct yaml **out,
	       struct faults *f) WEIR_MUST_CHECK;
void yaml_close(struct yaml *y); /* NULL is fine */

/* ---- nodes: -1 is none ---- */

enum yaml_type { YAML_NULL, YAML_TEXT, YAML_MAP, YAML_LIST };

int yaml_root(const struct yaml *y); /* -1: an empty document */
enum yaml_type yaml_type(const struct yaml *y, int node);
int yaml_line(const struct yaml *y, int node);
size_t yaml_size(const struct yaml *y, int node); /* of a MAP or LIST */
/* The i-th value; of a MAP also its key (key may be NULL). */
int yaml_at(const struct yaml *y, int node, size_t i, int *key);
int yaml_find(const struct yaml *y, int map, const char *key);
/* NUL-terminated, without U+0000; NULL when the node is no TEXT. */
const char *yaml_text(const struct yaml *y, int node);

/* Whether a plain scalar is a number, or none (.nan), that JSON cannot hold; yaml_json() makes it a
 * text. */
bool yaml_is_beyond(const struct yaml *y, int node);

/* The whole node as JSON: plain scalars that are null, true, false or numbers in YAML 1.2's core
 * schema become these, all else is text. Keys that are no text are written as text. NULL: no
 * memory. The caller json_decref()s it. */
json_t *yaml_json(const struct yaml *y, int node);

#endif
