#include "weir/templates.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "template_parts.h"

struct templates {
	struct template *list[TEMPLATES_MAX];
	size_t count;
};

/* ---- the list ---- */

static size_t find(const struct templates *t, const char *name)
{
	size_t i = 0;

	while (i < t->count && strcmp(t->list[i]->name, name) != 0)
		i++;
	return i;
}

static void drop(struct template *t)
{
	if (t != NULL)
		template_release(t);
	free(t);
}

/* One of the same name goes. */
static int put(struct templates *t, struct template *made)
{
	size_t at = find(t, made->name);

	if (at == TEMPLATES_MAX)
		return -1;
	if (at < t->count)
		drop(t->list[at]);
	else
		t->count++;
	t->list[at] = made;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct template *const *)a)->name, (*(struct template *const *)b)->name);
}

/* ---- reading ---- */

static int fault(struct faults *f, const char *file, const char *what)
{
	faults_add(f, file, 0, "%s", what);
	return -1;
}

/* path NULL: built in. */
static int add(struct templates *t, const char *name, const char *path, const char *file,
	       const struct yaml *y, struct faults *f)
{
	struct template *made = calloc(1, sizeof(*made));

	if (made == NULL)
		return fault(f, file, "out of memory");
	snprintf(made->name, sizeof(made->name), "%s", name);
	made->file = path != NULL ? strdup(path) : NULL;
	if (path != NULL && made->file == NULL) {
		drop(made);
		return fault(f, file, "out of memory");
	}
	if (template_read(y, file, made, f) < 0) {
		drop(made);
		return -1;
	}
	if (put(t, made) == 0)
		return 0;
	drop(made);
	return fault(f, file, "too many templates");
}

/* "NAME.yaml" to its name. */
static int name_of(const char *file, char name[TEMPLATE_NAME_MAX + 1])
{
	size_t size = strlen(file);

	if (size < 6 || size - 5 > TEMPLATE_NAME_MAX || strcmp(file + size - 5, ".yaml") != 0)
		return -1;
	memcpy(name, file, size - 5);
	name[size - 5] = '\0';
	return template_name_ok(name) ? 0 : -1;
}

static int add_builtin(struct templates *t, const struct builtin_template *b, struct faults *f)
{
	char name[TEMPLATE_NAME_MAX + 1];
	struct yaml *y;
	int rc;

	if (name_of(b->file, name) < 0)
		return fault(f, b->file, "no name for a template");
	if (yaml_parse(b->text, strlen(b->text), b->file, 1, &y, f) < 0)
		return -1;
	rc = add(t, name, NULL, b->file, y, f);
	yaml_close(y);
	return rc;
}

static int add_file(struct templates *t, const char *dir, const char *file, struct faults *f)
{
	char name[TEMPLATE_NAME_MAX + 1], *path;
	struct yaml *y;
	int rc = -1;

	if (asprintf(&path, "%s/%s", dir, file) < 0)
		return fault(f, file, "out of memory");
	if (name_of(file, name) < 0)
		fault(f, path,
		      "is to be called NAME.yaml, with a name of a-z 0-9 _ that begins with a "
		      "letter");
	else if (yaml_read(path, &y, f) == 0) {
		rc = add(t, name, path, path, y, f);
		yaml_close(y);
	}
	free(path);
	return rc;
}

static bool is_yaml(const char *file)
{
	const char *dot = strrchr(file, '.');

	return *file != '.' && dot != NULL &&
	       (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int wanted(const struct dirent *e) { return is_yaml(e->d_name); }

/* Other files than .yaml and .yml are passed over. */
static int add_dir(struct templates *t, const char *dir, struct faults *f)
{
	struct dirent **entries;
	int count = scandir(dir, &entries, wanted, compare_names), rc = 0;

	if (count < 0)
		return fault(f, dir, strerror(errno));
	for (int i = 0; i < count; i++) {
		if (i < TEMPLATES_MAX && add_file(t, dir, entries[i]->d_name, f) < 0)
			rc = -1;
		free(entries[i]);
	}
	free(entries);
	return count > TEMPLATES_MAX ? fault(f, dir, "too many templates") : rc;
}

static int fill(struct templates *t, const char *dir, struct faults *f)
{
	int rc = 0;

	for (const struct builtin_template *b = builtin_templates; b->file != NULL; b++)
		if (add_builtin(t, b, f) < 0)
			rc = -1;
	if (dir != NULL && add_dir(t, dir, f) < 0)
		rc = -1;
	qsort(t->list, t->count, sizeof(t->list[0]), by_name);
	return rc;
}

int templates_open(const char *dir, struct templates **out, char **faults, struct weir_error *err)
{
	struct templates *t = calloc(1, sizeof(*t));
	struct faults found = {.count = 0};
	int rc;

	if (faults != NULL)
		*faults = NULL;
	if (t == NULL)
		return weir_fail_memory(err);
	rc = fill(t, dir, &found);
	if (rc < 0) {
		faults_fail(&found, "templates", err);
		if (faults != NULL && buffer_text(&found.text) != NULL)
			*faults = strdup(found.text.data);
		templates_close(t);
	} else {
		*out = t;
	}
	faults_release(&found);
	return rc;
}

void templates_close(struct templates *t)
{
	for (size_t i = 0; t != NULL && i < t->count; i++)
		drop(t->list[i]);
	free(t);
}

/* ---- finding ---- */

size_t templates_count(const struct templates *t) { return t->count; }

const struct template *templates_at(const struct templates *t, size_t i) { return t->list[i]; }

const char *template_name(const struct template *t) { return t->name; }

const char *template_description(const struct template *t)
{
	return t->description != NULL ? t->description : "";
}

const char *template_file(const struct template *t) { return t->file; }

int64_t template_max_tokens(const struct template *t) { return t->max_tokens; }

static const struct template *find_sorted(const struct templates *t, const char *name)
{
	struct template key, *wanted_one = &key, **found;

	if (strlen(name) > TEMPLATE_NAME_MAX)
		return NULL;
	memcpy(key.name, name, strlen(name) + 1);
	found = bsearch(&wanted_one, t->list, t->count, sizeof(t->list[0]), by_name);
	return found != NULL ? *found : NULL;
}

static void fail_unknown(const struct templates *t, const char *key, const char *step,
			 struct weir_error *err)
{
	struct buffer list = BUFFER_INIT;

	for (size_t i = 0; i < t->count; i++)
		buffer_printf(&list, "%s%s", i > 0 ? ", " : "", t->list[i]->name);
	weir_fail(err, "bad_context",
		  "model_key \"%.64s\"%s%.40s%s names no template (--templates adds more); there "
		  "are: %s",
		  key, *step != '\0' ? " with the step \"" : "", step, *step != '\0' ? "\"" : "",
		  buffer_text(&list) != NULL ? list.data : "");
	buffer_release(&list);
}

/* "" when the context has none. What is too long for a name is no template's either. */
static void get_text(const struct weir_map *context, const char *key, char out[128])
{
	struct weir_text text = {.data = "", .size = 0};

	if (map_text(context, key, &text) < 0 || memchr(text.data, '\0', text.size) != NULL)
		text.size = 0;
	snprintf(out, 128, "%.*s", (int)(text.size < 127 ? text.size : 127), text.data);
}

const struct template *templates_find(const struct templates *t, const struct weir_map *context,
				      struct weir_error *err)
{
	char key[128], step[128], both[256];
	const struct template *found = NULL;

	get_text(context, "model_key", key);
	get_text(context, "step", step);
	snprintf(both, sizeof(both), "%s_%s", key, step);
	if (*key != '\0' && *step != '\0')
		found = find_sorted(t, both);
	if (found == NULL)
		found = find_sorted(t, key);
	if (found == NULL)
		fail_unknown(t, key, step, err);
	return found;
}
