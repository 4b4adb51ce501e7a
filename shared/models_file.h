/* models_file.h: a model as the file describes it. Private to libweir. */
#ifndef WEIR_MODELS_FILE_H
#define WEIR_MODELS_FILE_H

#include "yaml_fields.h"
#include "weir/models.h"

/* Reads the entry called `name` into *out, which starts zeroed. 0, or -1 after adding at least one
 * fault. In both cases the caller releases it. key: it is wanted. */
int model_read(const struct yaml_source *from, const char *name, int entry, bool key,
	       struct model *out) WEIR_MUST_CHECK;
void model_release(struct model *m); /* the key is wiped */

/* Reads the key again when its file was changed, or in any case. 0, with *changed when it is another
 * one; or -1, and it is as it was. */
int model_follow_key(struct model *m, bool in_any_case, bool *changed,
		     struct weir_error *err) WEIR_MUST_CHECK;

/* The address as people write it, by the rule in models.h: all that stands before a method's path,
 * and what stands behind that (NULL: nothing). */
struct model_address {
	char *base, *query;
};

/* NULL, and the caller releases *out; or what is wrong, in words that hold nothing of the text. */
const char *model_address_read(const char *text, enum model_provider provider,
			       struct model_address *out) WEIR_MUST_CHECK;
void model_address_release(struct model_address *a);

/* The key of an environment variable, or of the first line of a file that others cannot read. The
 * error (which never shows anything of it) says what is to be done; on success the caller wipes and
 * frees *out. */
int model_key_of_variable(const char *variable, char **out, struct weir_error *err) WEIR_MUST_CHECK;
int model_key_of_file(const char *path, char **out, struct weir_error *err) WEIR_MUST_CHECK;

#endif
