/* chance.h: the same seed, the same numbers. */
#ifndef WEIR_FAULTS_CHANCE_H
#define WEIR_FAULTS_CHANCE_H

#include <stdint.h>

struct chance {
	uint64_t state;
};

/* The stream of its own that a seed has for a purpose and a position in it. */
struct chance chance_of(uint64_t seed, const char *purpose, int64_t position);
uint64_t chance_next(struct chance *c);
/* From least to most, both included. */
int chance_between(struct chance *c, int least, int most);

#endif
