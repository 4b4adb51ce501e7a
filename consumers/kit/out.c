#include "out.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void out_release(struct out *o)
{
	free(o->data);
	*o = OUT_INIT;
}

static bool grow(struct out *o, size_t n)
{
	size_t room = o->room ? o->room : 1024;
	if (o->failed)
		return false;
	while (room - o->size < n)
		room *= 2;
	char *data = realloc(o->data, room);
	o->failed = !data;
	if (data) {
		o->data = data;
		o->room = room;
	}
	return data != NULL;
}

static bool reserve(struct out *o, size_t n)
{
	return (o->room - o->size >= n && !o->failed) || grow(o, n);
}

void out_add(struct out *o, const void *data, size_t n)
{
	if (n == 0 || !reserve(o, n))
		return;
	memcpy(o->data + o->size, data, n);
	o->size += n;
}

void out_string(struct out *o, const char *text) { out_add(o, text, strlen(text)); }

/* ---- JSON ---- */

static bool is_plain(char c) { return (unsigned char)c >= ' ' && c != '"' && c != '\\'; }

static size_t run_of_plain(const char *text, size_t n)
{
	size_t i = 0;
	while (i < n && is_plain(text[i]))
		i++;
	return i;
}

static void escape(struct out *o, char c)
{
	char escaped[8];
	snprintf(escaped, sizeof escaped, (unsigned char)c < ' ' ? "\\u%04x" : "\\%c", c);
	out_string(o, escaped);
}

static void quote(struct out *o, const char *text, size_t n)
{
	size_t run;
	if (!reserve(o, n + 2)) /* nearly always all of it */
		return;
	out_add(o, "\"", 1);
	for (size_t at = 0; at < n; at += run + 1) {
		run = run_of_plain(text + at, n - at);
		out_add(o, text + at, run);
		if (at + run < n)
			escape(o, text[at + run]);
	}
	out_add(o, "\"", 1);
}

static void add_key(struct out *o, const char *key)
{
	if (!key)
		return;
	quote(o, key, strlen(key));
	out_add(o, ":", 1);
}

void out_open(struct out *o, const char *key, char bracket)
{
	add_key(o, key);
	out_add(o, &bracket, 1);
}

void out_close(struct out *o, char bracket)
{
	if (o->size > 0 && o->data[o->size - 1] == ',')
		o->size--;
	out_add(o, &bracket, 1);
	out_add(o, ",", 1);
}

void out_end(struct out *o)
{
	if (o->size > 0)
		o->size--;
}

void out_text(struct out *o, const char *key, const char *text, size_t n)
{
	if (!text) {
		out_raw(o, key, "null", 4);
		return;
	}
	add_key(o, key);
	quote(o, text, n);
	out_add(o, ",", 1);
}

void out_count(struct out *o, const char *key, int64_t v)
{
	char digits[24];
	out_raw(o, key, digits, (size_t)snprintf(digits, sizeof digits, "%" PRId64, v));
}

void out_tenths(struct out *o, const char *key, int64_t tenths)
{
	char digits[32];
	out_raw(o, key, digits,
		(size_t)snprintf(digits, sizeof digits, "%" PRId64 ".%d", tenths / 10,
				 (int)(tenths % 10)));
}

void out_flag(struct out *o, const char *key, bool v)
{
	out_raw(o, key, v ? "true" : "false", v ? 4 : 5);
}

void out_raw(struct out *o, const char *key, const char *json, size_t n)
{
	add_key(o, key);
	out_add(o, json, n);
	out_add(o, ",", 1);
}

/* ---- lists ---- */

void out_begin(struct out *o, struct out_list *list) { list->at = o->size; }

void out_keep(struct out *o, struct out_list *list)
{
	if (o->size <= list->limit)
		return;
	o->size = list->at;
	list->left_out++;
}
