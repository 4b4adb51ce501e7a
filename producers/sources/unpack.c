#include "unpack.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

enum { BLOCK = 64 * 1024 };

/* One way of packing. step() unpacks from u->packed to data: *size bytes came of it. */
struct unpacker {
	const char *name;
	bool (*begins)(const char *data, size_t size); /* that is how one begins */
	int (*open)(struct unpack *u, struct weir_error *err);
	int (*step)(struct unpack *u, char *data, size_t room, size_t *size,
		    struct weir_error *err);
	bool (*whole)(const struct unpack *u); /* the input may end here */
	void (*close)(struct unpack *u);
};

static int fill(struct unpack *u, struct weir_error *err)
{
	errno = 0;
	u->at = 0;
	u->end = fread(u->packed, 1, BLOCK, u->stream);
	u->over = u->end < BLOCK;
	return ferror(u->stream) ? weir_fail(err, "read_failed", "%s", strerror(errno)) : 0;
}

static int damaged(const struct unpack *u, const char *why, struct weir_error *err)
{
	return weir_fail(err, "read_failed", "the %s data is damaged: %s", u->how->name, why);
}

/* ---- gzip, RFC 1952 ---- */

struct gzip {
	z_stream z;
	bool between;	 /* a member has ended, or none has begun */
	bool has_member; /* one has ended */
	bool padded;	 /* zeros stand behind the last one, as on tapes: nothing else may follow */
};

static bool gzip_begins(const char *data, size_t size)
{
	return size >= 2 && memcmp(data, "\x1F\x8B\x08", size < 3 ? size : 3) == 0;
}

static int gzip_open(struct unpack *u, struct weir_error *err)
{
	struct gzip *g = calloc(1, sizeof *g);
	if (!g)
		return weir_fail_memory(err);
	if (inflateInit2(&g->z, 16 + MAX_WBITS) !=
	    Z_OK) { /* 16: with gzip's header and check sum */
		free(g);
		return weir_fail_memory(err);
	}
	g->between = true;
	u->state = g;
	return 0;
}

/* What stands behind a member. */
static int gzip_between(struct unpack *u, struct gzip *g, struct weir_error *err)
{
	while (g->has_member && u->at < u->end && u->packed[u->at] == '\0') {
		g->padded = true;
		u->at++;
	}
	if (u->at == u->end)
		return 0;
	if (g->padded || (g->has_member && u->packed[u->at] != '\x1F'))
		return damaged(u, "something else stands behind it", err);
	g->between = false;
	return inflateReset(&g->z) == Z_OK ? 0 : damaged(u, "it cannot be begun", err);
}

static int gzip_step(struct unpack *u, char *data, size_t room, size_t *size,
		     struct weir_error *err)
{
	struct gzip *g = u->state;
	*size = 0;
	if (g->between && gzip_between(u, g, err) < 0)
		return -1;
	if (g->between)
		return 0;
	g->z.next_in = (Bytef *)u->packed + u->at;
	g->z.avail_in = (uInt)(u->end - u->at);
	g->z.next_out = (Bytef *)data;
	g->z.avail_out = (uInt)(room < BLOCK ? room : BLOCK);
	uInt wanted = g->z.avail_out;
	int rc = inflate(&g->z, Z_NO_FLUSH);
	u->at = u->end - g->z.avail_in;
	*size = wanted - g->z.avail_out;
	if (rc == Z_MEM_ERROR)
		return weir_fail_memory(err);
	if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
		return damaged(u, g->z.msg ? g->z.msg : "its data cannot be read", err);
	g->between = rc == Z_STREAM_END;
	g->has_member |= g->between;
	return 0;
}

static bool gzip_whole(const struct unpack *u) { return ((const struct gzip *)u->state)->between; }

static void gzip_close(struct unpack *u)
{
	struct gzip *g = u->state;
	inflateEnd(&g->z);
	free(g);
}

/* ---- zstd, RFC 8878 ---- */

struct zstd {
	ZSTD_DCtx *context;
	size_t wants; /* 0: a frame has ended */
};

/* A frame, or one that is to be skipped. */
static bool zstd_begins(const char *data, size_t size)
{
	return size >= 4 && (memcmp(data, "\x28\xB5\x2F\xFD", 4) == 0 ||
			     (((unsigned char)data[0] & 0xF0) == 0x50 &&
			      memcmp(data + 1, "\x2A\x4D\x18", 3) == 0));
}

static int zstd_open(struct unpack *u, struct weir_error *err)
{
	struct zstd *z = calloc(1, sizeof *z);
	if (!z)
		return weir_fail_memory(err);
	z->context = ZSTD_createDCtx();
	if (!z->context) {
		free(z);
		return weir_fail_memory(err);
	}
	u->state = z;
	return 0;
}

static int zstd_failed(const struct unpack *u, size_t rc, struct weir_error *err)
{
	switch (ZSTD_getErrorCode(rc)) {
	case ZSTD_error_memory_allocation:
		return weir_fail_memory(err);
	case ZSTD_error_dictionary_wrong:
		return weir_fail(
			err, "read_failed",
			"the zstd data was packed with a dictionary: unpack it first, with "
			"that (unzstd -D DICTIONARY FILE)");
	case ZSTD_error_frameParameter_windowTooLarge:
		return weir_fail(
			err, "read_failed",
			"the zstd data takes a window of more than 128 MiB: unpack it first "
			"(unzstd --long=31 FILE)");
	case ZSTD_error_prefix_unknown:
		return damaged(u, "something else stands behind it", err);
	default:
		return damaged(u, ZSTD_getErrorName(rc), err);
	}
}

/* The window that a frame asks for is at most 128 MiB: the library's own bound. */
static int zstd_step(struct unpack *u, char *data, size_t room, size_t *size,
		     struct weir_error *err)
{
	struct zstd *z = u->state;
	ZSTD_inBuffer in = {u->packed, u->end, u->at};
	ZSTD_outBuffer out = {data, room, 0};
	*size = 0;
	if (z->wants == 0 && in.pos == in.size) /* else it begins to wait for another frame */
		return 0;
	size_t rc = ZSTD_decompressStream(z->context, &out, &in);
	if (ZSTD_isError(rc))
		return zstd_failed(u, rc, err);
	u->at = in.pos;
	*size = out.pos;
	z->wants = rc;
	return 0;
}

static bool zstd_whole(const struct unpack *u)
{
	return ((const struct zstd *)u->state)->wants == 0;
}

static void zstd_close(struct unpack *u)
{
	struct zstd *z = u->state;
	ZSTD_freeDCtx(z->context);
	free(z);
}

/* ---- the stream ---- */

static const struct unpacker unpackers[] = {
	{"gzip", gzip_begins, gzip_open, gzip_step, gzip_whole, gzip_close},
	{"zstd", zstd_begins, zstd_open, zstd_step, zstd_whole, zstd_close},
};

int unpack_init(struct unpack *u, FILE *stream, struct weir_error *err)
{
	*u = (struct unpack){.stream = stream};
	u->packed = malloc(BLOCK);
	if (!u->packed)
		return weir_fail_memory(err);
	if (fill(u, err) < 0)
		return -1;
	for (size_t i = 0; i < sizeof unpackers / sizeof *unpackers && !u->how; i++)
		if (unpackers[i].begins(u->packed, u->end))
			u->how = &unpackers[i];
	return u->how ? u->how->open(u, err) : 0;
}

void unpack_release(struct unpack *u)
{
	if (u->state)
		u->how->close(u);
	free(u->packed);
	*u = (struct unpack){.stream = NULL};
}

/* First what was read to look at it, and then straight from the stream. */
static int read_plain(struct unpack *u, char *data, size_t room, size_t *size,
		      struct weir_error *err)
{
	size_t left = u->end - u->at;
	*size = left < room ? left : room;
	memcpy(data, u->packed + u->at, *size);
	u->at += *size;
	if (*size > 0 || u->over)
		return 0;
	errno = 0;
	*size = fread(data, 1, room, u->stream);
	return ferror(u->stream) && *size == 0
		       ? weir_fail(err, "read_failed", "%s", strerror(errno))
		       : 0;
}

int unpack_read(struct unpack *u, char *data, size_t room, size_t *size, struct weir_error *err)
{
	if (!u->how)
		return read_plain(u, data, room, size, err);
	do {
		if (u->at == u->end && !u->over && fill(u, err) < 0)
			return -1;
		if (u->how->step(u, data, room, size, err) < 0)
			return -1;
	} while (*size == 0 && (u->at < u->end || !u->over));
	if (*size > 0 || u->how->whole(u))
		return 0;
	return weir_fail(err, "read_failed", "the %s data is cut off: the file is not whole",
			 u->how->name);
}
