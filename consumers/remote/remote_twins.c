/* Twins: lines of results that are of one custom_id. Gateways that try again are known to write
 * both answers. What is the same is one; of what differs, both were paid for. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "remote_parts.h"
#include "weir/hash.h"

#define ROOM_LEAST 256

static uint64_t hash_of(struct weir_text one, struct weir_text other)
{
	char digits[HASH_SIZE];
	hash_texts(one, other, digits);
	digits[16] = '\0';
	uint64_t hash = strtoull(digits, NULL, 16);
	return hash ? hash : 1;
}

/* The provider's id of an answer is a part of it: two answers may well be of one text. */
static uint64_t content_of(const struct reply *r)
{
	char rest[PROVIDER_ID_MAX + sizeof r->error + 256];
	const struct usage *u = &r->usage;
	int n = snprintf(rest, sizeof rest,
			 "%d %s %s %s %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64
			 " %" PRId64,
			 (int)r->kind, r->id, r->error.code, r->error.text, u->input, u->cached,
			 u->written, u->written_1h, u->output, u->reasoning);
	return hash_of((struct weir_text){r->text.data ? r->text.data : "", r->text.size},
		       (struct weir_text){rest, (size_t)n});
}

static struct seen_line *place_of(const struct seen *s, uint64_t id)
{
	size_t at = (size_t)id & (s->room - 1);
	while (s->lines[at].id != 0 && s->lines[at].id != id)
		at = (at + 1) & (s->room - 1);
	return &s->lines[at];
}

static int grow(struct seen *s)
{
	struct seen more = *s;
	more.room = s->room ? 2 * s->room : ROOM_LEAST;
	more.lines = calloc(more.room, sizeof *more.lines);
	if (!more.lines)
		return -1;
	for (size_t i = 0; i < s->room; i++)
		if (s->lines[i].id != 0)
			*place_of(&more, s->lines[i].id) = s->lines[i];
	free(s->lines);
	*s = more;
	return 0;
}

int seen_add(struct seen *s, const char *custom_id, const struct reply *content,
	     struct sighting *out)
{
	uint64_t id = hash_of((struct weir_text){custom_id, strlen(custom_id)},
			      (struct weir_text){"", 0});
	*out = (struct sighting){.hash = content_of(content)};
	if (2 * s->size >= s->room && grow(s) < 0)
		return -1;
	struct seen_line *line = place_of(s, id);
	if (line->id != 0) {
		out->sight = line->content == out->hash ? SIGHT_SAME : SIGHT_OTHER;
		line->several = line->several || out->sight == SIGHT_OTHER;
	} else if (s->size >= s->most) {
		out->sight = SIGHT_TOO_MANY;
		return 0;
	} else {
		out->sight = SIGHT_NEW;
		*line = (struct seen_line){id, out->hash, false};
		s->size++;
	}
	out->several = line->several;
	return 0;
}

void seen_release(struct seen *s)
{
	free(s->lines);
	*s = (struct seen){0};
}
