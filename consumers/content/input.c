#include "input.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "kit.h"
#include "mdx.h"
#include "weir/front.h"

#define TEXT_MAX (1024 * 1024) /* bytes of a document */

static int read_text(struct input *in, const struct weir_host *host, const struct weir_map *payload,
		     struct weir_error *err)
{
	in->text = (struct weir_text){"", 0};
	host->map_text(payload, "text", &in->text); /* the host has looked for it */
	if (in->text.size > TEXT_MAX)
		return plugin_fail(err, "bad_payload", "text is larger than 1 MiB");
	return 0;
}

/* *divided: whether the item has a line. */
static int read_line(struct input *in, const struct weir_host *host, const struct weir_map *payload,
		     bool *divided, struct weir_error *err)
{
	struct weir_text any = {NULL, 0};
	*divided = host->map_json(host, payload, "line", &any) == 0;
	in->line = 1;
	if (*divided && (host->map_integer(payload, "line", &in->line) < 0 || in->line < 1 ||
			 in->line > INT32_MAX))
		return plugin_fail(err, "bad_payload", "line must be a number from 1");
	return 0;
}

static int fail_faults(const struct faults *f, struct weir_error *err)
{
	struct buffer text = BUFFER_INIT;
	buffer_add(&text, f->text.data, f->text.size);
	const char *all = buffer_text(&text);
	int rc = !all ? plugin_fail_memory(err)
		      : plugin_fail(err, "bad_payload", "%.*s", (int)strcspn(all, "\n"), all);
	buffer_release(&text);
	return rc;
}

/* Takes the front matter off the text; *says is NULL where there is none. */
static int divide(struct input *in, json_t **says, struct weir_error *err)
{
	struct faults faults = {.count = 0};
	struct front_matter front;
	int rc = front_divide(in->text, "text", &front, &faults);
	if (rc == 0 && front.format != FRONT_NONE)
		rc = front_read(&front, "text", says, &faults);
	if (rc < 0)
		fail_faults(&faults, err);
	faults_release(&faults);
	if (rc < 0 || !*says)
		return rc;
	if (json_object_get(*says, "context"))
		return plugin_fail(err, "bad_payload",
				   "text:%d: context stands in the front matter of text; of an "
				   "item it is a field, beside text",
				   front_line_of(&front, "context"));
	json_object_del(*says, "custom_id");
	in->text = front.body;
	in->line = front.body_line;
	return 0;
}

/* What the item's own field says wins. */
static int join(json_t *says, struct weir_text own, struct weir_error *err)
{
	json_t *field = own.data ? json_loadb(own.data, own.size, 0, NULL) : NULL;
	int rc = 0;
	if (own.data && (!field || json_object_update(says, field) < 0))
		rc = plugin_fail_memory(err);
	json_decref(field);
	return rc;
}

/* A text; of a number, true or false it is that as it stands in JSON, else NULL. */
static int take_field(const json_t *front, const char *name, char **text, struct weir_error *err)
{
	const json_t *field = json_object_get(front, name);
	bool plain = json_is_number(field) || json_is_boolean(field);
	if (json_is_string(field))
		*text = strdup(json_string_value(field));
	else if (plain)
		*text = json_dumps(field, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
	return !*text && (plain || json_is_string(field)) ? plugin_fail_memory(err) : 0;
}

static int take_fields(struct input *in, struct weir_text json, struct weir_error *err)
{
	json_t *front = json.data ? json_loadb(json.data, json.size, 0, NULL) : NULL;
	int rc = take_field(front, "title", &in->title, err);
	if (rc == 0)
		rc = take_field(front, "description", &in->description, err);
	json_decref(front);
	in->front.title = in->title;
	in->front.title_size = in->title ? strlen(in->title) : 0;
	in->front.description = in->description;
	in->front.description_size = in->description ? strlen(in->description) : 0;
	return rc;
}

static int read_mdx(struct input *in, const struct weir_host *host, const struct weir_map *payload,
		    struct weir_error *err)
{
	struct weir_text path = {NULL, 0};
	host->map_text(payload, "path", &path);
	if (path.size < 4 || strncasecmp(path.data + path.size - 4, ".mdx", 4) != 0)
		return 0;
	mdx_read(in->text.data, in->text.size, &in->mdx);
	out_add(&in->mdx, "", 1);
	if (in->mdx.failed)
		return plugin_fail_memory(err);
	in->text = (struct weir_text){in->mdx.data, in->mdx.size - 1};
	return 0;
}

int input_read(struct input *in, const struct weir_host *host, const struct weir_map *payload,
	       struct weir_error *err)
{
	struct weir_text own = {NULL, 0};
	json_t *says = NULL;
	bool divided;
	*in = (struct input){.line = 1};
	if (read_text(in, host, payload, err) < 0 ||
	    read_line(in, host, payload, &divided, err) < 0)
		return -1;
	host->map_json(host, payload, "front_matter", &own);
	int rc = divided ? 0 : divide(in, &says, err);
	if (rc == 0 && says)
		rc = join(says, own, err);
	if (rc == 0 && says) {
		in->json = json_dumps(says, JSON_COMPACT | JSON_REAL_PRECISION(15));
		own = (struct weir_text){in->json, in->json ? strlen(in->json) : 0};
		rc = in->json ? 0 : plugin_fail_memory(err);
	}
	json_decref(says);
	in->front.json = own.data;
	in->front.json_size = own.size;
	if (rc == 0)
		rc = read_mdx(in, host, payload, err);
	return rc < 0 ? rc : take_fields(in, own, err);
}

void input_release(struct input *in)
{
	free(in->title);
	free(in->description);
	free(in->json);
	out_release(&in->mdx);
	*in = (struct input){.line = 1};
}
