/* JSON as models write it who were not held to its grammar. */
#include <stdio.h>
#include <string.h>

#include "fake.h"

struct writer {
	struct buffer *out;
	const struct odd *odd;
	bool told; /* the comment stands */
};

static void write_value(struct writer *w, json_t *value);

static void add_or(struct writer *w, const char *odd, const char *usual)
{
	buffer_add_text(w->out, odd ? odd : usual);
}

static void write_quoted(struct writer *w, const char *data, size_t size)
{
	struct buffer quoted = BUFFER_INIT;
	buffer_add_json(&quoted, (struct weir_text){data, size});
	if (quoted.size > 2)
		buffer_add(w->out, quoted.data + 1, quoted.size - 2);
	buffer_release(&quoted);
}

/* A text between the marks that stand for quotes. Of several words, the first is followed by what
 * should not stand in a text. */
static void write_text(struct writer *w, const char *data, size_t size)
{
	const char *space = w->odd->amid ? memchr(data, ' ', size) : NULL;
	size_t first = space ? (size_t)(space - data) : size;
	add_or(w, w->odd->open, "\"");
	write_quoted(w, data, first);
	if (space)
		buffer_add_text(w->out, w->odd->amid);
	write_quoted(w, data + first, size - first);
	add_or(w, w->odd->close, "\"");
}

static void write_key(struct writer *w, const char *name)
{
	if (w->odd->bare_keys)
		buffer_add_text(w->out, name);
	else
		write_text(w, name, strlen(name));
	buffer_add_text(w->out, w->odd->gap ? w->odd->gap : ": ");
}

static void write_number(struct writer *w, json_t *value)
{
	char text[64];
	int n = json_is_integer(value)
			? snprintf(text, sizeof text, "%lld", (long long)json_integer_value(value))
			: snprintf(text, sizeof text, "%.12g", json_real_value(value));
	char *point = w->odd->point ? strchr(text, '.') : NULL;
	if (point)
		*point = *w->odd->point;
	add_or(w, w->odd->before, "");
	if (w->odd->number)
		buffer_add_text(w->out, w->odd->number);
	else
		buffer_add(w->out, text, (size_t)n);
	if (w->odd->after && (*w->odd->after != '.' || json_is_integer(value)))
		buffer_add_text(w->out, w->odd->after);
}

static void write_simple(struct writer *w, json_t *value)
{
	if (json_is_string(value))
		write_text(w, json_string_value(value), json_string_length(value));
	else if (json_is_number(value))
		write_number(w, value);
	else if (json_is_null(value))
		add_or(w, w->odd->null_, "null");
	else
		add_or(w, json_is_true(value) ? w->odd->true_ : w->odd->false_,
		       json_is_true(value) ? "true" : "false");
}

static void write_comment(struct writer *w)
{
	if (w->odd->comment && !w->told)
		buffer_add_text(w->out, w->odd->comment);
	w->told = true;
}

static void write_list(struct writer *w, json_t *list)
{
	size_t i;
	json_t *value;
	buffer_add_char(w->out, '[');
	json_array_foreach(list, i, value)
	{
		buffer_add_text(w->out, i ? ", " : "");
		write_value(w, value);
	}
	buffer_add_text(w->out, w->odd->trailing && json_array_size(list) ? ",]" : "]");
}

static void write_object(struct writer *w, json_t *object)
{
	const char *name, *comma = w->odd->comma ? w->odd->comma : ",";
	json_t *value;
	bool first = true;
	buffer_add_char(w->out, '{');
	json_object_foreach(object, name, value)
	{
		buffer_add_text(w->out, first ? "" : comma);
		if (!first)
			write_comment(w);
		buffer_add_text(w->out, "\n  ");
		first = false;
		if (w->odd->twice) {
			write_key(w, name);
			buffer_add_text(w->out, "\"draft\",\n  ");
		}
		write_key(w, name);
		write_value(w, value);
	}
	write_comment(w);
	buffer_add_text(w->out, w->odd->trailing && !first ? ",\n}" : "\n}");
}

static void write_value(struct writer *w, json_t *value)
{
	if (json_is_object(value))
		write_object(w, value);
	else if (json_is_array(value))
		write_list(w, value);
	else
		write_simple(w, value);
}

void odd_write(struct buffer *out, json_t *value, const struct odd *odd)
{
	write_value(&(struct writer){.out = out, .odd = odd}, value);
}
