#include "places.h"

#define COST_PART 8 /* of the average is the last one */

uint32_t places_size(uint32_t most)
{
	uint32_t spare = most / PLACES_SHARE;
	return most + (spare > 0 ? spare : 1);
}

void places_init(struct places *p, size_t kind, uint32_t most)
{
	*p = (struct places){.kind = kind, .most = most, .size = places_size(most), .cost_us = 1};
}

bool places_let(const struct places *p, uint32_t of_job)
{
	uint32_t free = p->size > p->working ? p->size - p->working : 0;
	return p->size == 0 || (of_job < p->most && of_job < PLACES_SHARE * free);
}

bool places_crowded(const struct places *p)
{
	return p->size > 0 && p->taken >= p->size - p->size / 8;
}

void places_begun(struct places *p, int64_t now, int64_t took_us)
{
	p->begun_us = now;
	p->cost_us += (took_us - p->cost_us) / COST_PART;
	if (p->cost_us < 1)
		p->cost_us = 1;
}

bool places_spare(int64_t work_us, int64_t cost_us) { return work_us - cost_us >= PLACES_SOON_US; }

int64_t places_pause_us(int64_t may_take_us)
{
	int64_t us = may_take_us / 2;
	if (us < PLACES_PAUSE_US)
		return PLACES_PAUSE_US;
	return us < PLACES_PAUSE_CAP_US ? us : PLACES_PAUSE_CAP_US;
}

uint64_t places_turn(const struct places *p, uint64_t *last, uint64_t now)
{
	*last = (*last > now ? *last : now) + (uint64_t)p->cost_us;
	return *last;
}
