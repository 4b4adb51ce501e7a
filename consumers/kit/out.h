/* out.h: bytes that grow, and JSON written into them. A failed allocation is remembered: check
 * out.failed once, at the end. The owner calls out_release(). */
#ifndef KIT_OUT_H
#define KIT_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct out {
	char *data;
	size_t size, room;
	bool failed;
};

#define OUT_INIT ((struct out){.data = NULL})

void out_release(struct out *o);
void out_add(struct out *o, const void *data, size_t n);
void out_string(struct out *o, const char *text); /* NUL-terminated; without the NUL */

/* ---- JSON: members and elements each bring the comma behind them; out_close() takes it away ----
 */

void out_open(struct out *o, const char *key, char bracket); /* key NULL: an element */
void out_close(struct out *o, char bracket);
/* The outermost one: no comma behind it. */
void out_end(struct out *o);
void out_text(struct out *o, const char *key, const char *text, size_t n); /* UTF-8; NULL: null */
void out_count(struct out *o, const char *key, int64_t v);
void out_tenths(struct out *o, const char *key, int64_t tenths); /* 35: 3.5 */
void out_flag(struct out *o, const char *key, bool v);
void out_raw(struct out *o, const char *key, const char *json, size_t n);

/* A list whose elements are kept as long as the whole is within `limit` bytes. */
struct out_list {
	size_t limit, at;
	int64_t left_out; /* elements that there was no room for */
};

/* Around each element, whatever it is made of: */
void out_begin(struct out *o, struct out_list *list);
void out_keep(struct out *o, struct out_list *list);

#endif
