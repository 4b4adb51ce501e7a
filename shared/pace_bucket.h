/* pace_bucket.h: a model's limits in Redis, one script call each. Private to pace.h. A call blocks
 * for at most the connection's timeout. */
#ifndef WEIR_PACE_BUCKET_H
#define WEIR_PACE_BUCKET_H

#include "redis_script.h"
#include "weir/models.h"
#include "weir/names.h"

enum { REQUESTS, INPUT, OUTPUT, DIMENSIONS };

struct amounts {
	double of[DIMENSIONS];
};

enum bucket_script { SCRIPT_BORROW, SCRIPT_TURNS, SCRIPT_HOLD, BUCKET_SCRIPTS };

struct buckets {
	struct redis_address address;
	struct redis_link link;
	struct redis_script scripts[BUCKET_SCRIPTS];
};

/* On failure too the caller calls buckets_close(). Error code: bad_url. */
int buckets_open(struct buckets *b, const char *url, int timeout_ms,
		 struct weir_error *err) WEIR_MUST_CHECK;
void buckets_close(struct buckets *b);

/* The keys of one model. */
struct bucket {
	char levels[MODEL_NAME_MAX + NAMES_MAX], hold[MODEL_NAME_MAX + NAMES_MAX];
};
struct bucket bucket_of(const struct model *m);

struct bucket_ask {
	int64_t calls;		    /* how many want to begin; 0: only gives back, and looks */
	struct amounts first, each; /* what the first of them takes, and each other one */
	struct amounts back;	    /* given back; less than 0: owed */
	double average_output;	    /* as far as the asker knows it, else -1 */
};

struct bucket_grant {
	int64_t calls;	 /* how many may begin */
	int64_t wait_us; /* until one may */
	int64_t hold_ms; /* all calls of the model are held for so long */
	int64_t output;	 /* the average output as others know it, or -1 */
};

/* 0, or -1: Redis is away. */
int bucket_borrow(struct buckets *b, const struct bucket *bucket, const struct model *m,
		  const struct bucket_ask *ask, struct bucket_grant *out) WEIR_MUST_CHECK;
/* Takes n turns so many microseconds apart; until the first of them it is so many microseconds. -1:
 * Redis is away. */
int64_t bucket_turns(struct buckets *b, const struct bucket *bucket, int64_t apart_us, size_t n);
void bucket_hold(struct buckets *b, const struct bucket *bucket, int64_t for_ms);

#endif
