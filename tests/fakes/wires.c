/* What happens to a response on its way: encodings, lengths, types. */
#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "fake.h"

/* ---- gzip, RFC 1952, of stored blocks ---- */

static uint32_t crc_of(const char *data, size_t size)
{
	uint32_t crc = 0xffffffffu;
	for (size_t i = 0; i < size; i++) {
		crc ^= (unsigned char)data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static void add_little(struct buffer *out, uint32_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		buffer_add_char(out, (char)(value >> 8 * i & 0xff));
}

static void zip(struct buffer *body)
{
	static const char header[] = {31, (char)139, 8, 0, 0, 0, 0, 0, 0, (char)255};
	struct buffer out = BUFFER_INIT;
	size_t at = 0;
	buffer_add(&out, header, sizeof header);
	do {
		size_t n = body->size - at < 0xffff ? body->size - at : 0xffff;
		buffer_add_char(&out, at + n == body->size);
		add_little(&out, (uint32_t)n, 2);
		add_little(&out, (uint32_t)n ^ 0xffff, 2);
		buffer_add(&out, body->data + at, n);
		at += n;
	} while (at < body->size);
	add_little(&out, crc_of(body->data, body->size), 4);
	add_little(&out, (uint32_t)body->size, 4);
	buffer_release(body);
	*body = out;
}

/* ---- other bytes ---- */

static void put_before(struct buffer *body, const char *text)
{
	struct buffer out = BUFFER_INIT;
	buffer_add_text(&out, text);
	buffer_add(&out, body->data, body->size);
	buffer_release(body);
	*body = out;
}

static void add_mark(struct buffer *body) { put_before(body, "\xef\xbb\xbf"); }
static void add_blanks(struct buffer *body) { put_before(body, "\n\n  \n\n"); }
static void add_comment(struct buffer *body) { put_before(body, ": keep-alive\n\n"); }
static void add_guard(struct buffer *body) { put_before(body, ")]}',\n"); }

/* Each byte one character: right for ASCII, which is what json_dumps is asked for here. */
static void widen(struct buffer *body)
{
	struct buffer out = BUFFER_INIT;
	buffer_add(&out, "\xff\xfe", 2);
	for (size_t i = 0; i < body->size; i++)
		add_little(&out, (unsigned char)body->data[i], 2);
	buffer_release(body);
	*body = out;
}

static void spoil(struct buffer *body)
{
	size_t at = body->size / 2;
	while (at + 1 < body->size && !(isalpha((unsigned char)body->data[at]) &&
					isalpha((unsigned char)body->data[at + 1])))
		at++;
	if (at + 1 < body->size)
		body->data[at] = (char)0xff;
}

static void halve(struct buffer *body) { body->size -= body->size / 2; }

static void zip_half(struct buffer *body)
{
	zip(body);
	halve(body);
}

static const struct wire {
	const char *name, *header, *value, *type;
	void (*turn)(struct buffer *body);
	enum framing framing;
	const char *source;
} wires[] = {
	{"gzip", "content-encoding", "gzip", NULL, zip, WHOLE,
	 "agent-vision-toolkit#36: whatever was accepted"},
	{"gzip_unlabelled", NULL, NULL, NULL, zip, WHOLE, "llm_proxy#18: the header was lost"},
	{"gzip_labelled", "content-encoding", "gzip", NULL, NULL, WHOLE,
	 "freelens-ai-extension#272: the header stayed, and the body is plain"},
	{"gzip_cut", "content-encoding", "gzip", NULL, zip_half, WHOLE, "a proxy that broke off"},
	{"brotli_labelled", "content-encoding", "br", NULL, NULL, WHOLE, "the same with brotli"},
	{"length_short", NULL, NULL, NULL, NULL, CLAIMS_LESS, "proxies that rewrite bodies"},
	{"length_twice", NULL, NULL, NULL, NULL, CLAIMS_TWO, "RFC 9112 6.3: two lengths"},
	{"length_long", NULL, NULL, NULL, NULL, CLAIMS_MORE, "proxies that rewrite bodies"},
	{"chunked", NULL, NULL, NULL, NULL, CHUNKED, "RFC 9112: right, and the usual"},
	{"chunked_cut", NULL, NULL, NULL, NULL, CHUNKED_CUT, "no last chunk"},
	{"half", NULL, NULL, NULL, halve, WHOLE, "half of it, and its length says that is all"},
	{"byte_order_mark", NULL, NULL, NULL, add_mark, WHOLE, "servers on Windows"},
	{"utf16", NULL, NULL, "application/json; charset=utf-16", widen, WHOLE,
	 "servers on Windows"},
	{"not_utf8", NULL, NULL, NULL, spoil, WHOLE, "a byte that is no character"},
	{"blank_lines", NULL, NULL, NULL, add_blanks, WHOLE,
	 "DeepSeek rate_limit: empty lines until there is an answer"},
	{"comment", NULL, NULL, NULL, add_comment, WHOLE, "gateways"},
	{"guard", NULL, NULL, NULL, add_guard, WHOLE, "XSSI guards"},
	{"type_text", NULL, NULL, "text/plain", NULL, WHOLE, "gateways"},
	{"type_html", NULL, NULL, "text/html; charset=utf-8", NULL, WHOLE, "gateways"},
	{"type_upper", NULL, NULL, "Application/JSON;Charset=UTF-8", NULL, WHOLE, "RFC 9110 8.3.1"},
	{"type_octets", NULL, NULL, "application/octet-stream", NULL, WHOLE, "object stores"},
	{"type_empty", NULL, NULL, "", NULL, WHOLE, "gateways"},
};

const struct form_list wire_forms = {"wire", wires, sizeof wires / sizeof *wires, sizeof *wires,
				     offsetof(struct wire, source)};

void wire_place(struct reply *r, json_t *rule)
{
	const struct wire *w = form_of(&wire_forms, rule);
	if (!w)
		return;
	if (w->header)
		reply_header(r, w->header, w->value);
	if (w->type)
		r->type = w->type;
	if (w->turn)
		w->turn(&r->body);
	r->framing = w->framing;
}
