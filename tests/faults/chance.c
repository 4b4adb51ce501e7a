/* SplitMix64: small, and good enough to choose what to break. */
#include "chance.h"

uint64_t chance_next(struct chance *c)
{
	uint64_t x = c->state += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

struct chance chance_of(uint64_t seed, const char *purpose, int64_t position)
{
	struct chance c = {seed};
	for (; *purpose; purpose++)
		c.state = chance_next(&c) + (unsigned char)*purpose;
	c.state = chance_next(&c) + (uint64_t)position;
	chance_next(&c);
	return c;
}

int chance_between(struct chance *c, int least, int most)
{
	return least + (int)(chance_next(c) % (uint64_t)(most - least + 1));
}
