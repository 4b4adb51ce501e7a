/* Lines of one custom_id among the results of a remote batch. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

#include "remote_parts.h"

static struct sighting look(struct seen *s, const char *custom_id, const char *answer)
{
	struct sighting out = {.sight = SIGHT_TOO_MANY};
	const struct reply reply = {.kind = REPLY_ANSWER,
				    .text = {.data = (char *)answer, .size = strlen(answer)}};
	CU_ASSERT_EQUAL(seen_add(s, custom_id, &reply, &out), 0);
	return out;
}

static void same_and_other(void)
{
	struct seen s = {.most = 10};
	struct sighting first = look(&s, "a", "one");
	CU_ASSERT(first.sight == SIGHT_NEW && !first.several);
	CU_ASSERT(look(&s, "b", "one").sight == SIGHT_NEW);
	struct sighting again = look(&s, "a", "one");
	CU_ASSERT(again.sight == SIGHT_SAME && !again.several && again.hash == first.hash);
	struct sighting other = look(&s, "a", "two");
	CU_ASSERT(other.sight == SIGHT_OTHER && other.several && other.hash != first.hash);
	/* When all is read once more, the first is known to have another. */
	again = look(&s, "a", "one");
	CU_ASSERT(again.sight == SIGHT_SAME && again.several);
	CU_ASSERT_EQUAL(s.size, 2);
	seen_release(&s);
}

/* What it takes in is bounded, however it has grown. */
static void too_many(void)
{
	struct seen s = {.most = 1000};
	char id[16];
	for (int i = 0; i < 1000; i++) {
		snprintf(id, sizeof id, "item_%d", i);
		CU_ASSERT(look(&s, id, "x").sight == SIGHT_NEW);
	}
	CU_ASSERT(look(&s, "one_more", "x").sight == SIGHT_TOO_MANY);
	CU_ASSERT(look(&s, "item_0", "x").sight == SIGHT_SAME);
	CU_ASSERT(look(&s, "item_999", "y").sight == SIGHT_OTHER);
	CU_ASSERT_EQUAL(s.size, 1000);
	seen_release(&s);
}

void add_twins_suite(void)
{
	CU_pSuite s = CU_add_suite("lines of one custom_id", NULL, NULL);
	CU_add_test(s, "the same and others", same_and_other);
	CU_add_test(s, "too many", too_many);
}
