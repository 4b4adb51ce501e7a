#include "analyzer.h"

#include "scan.h"
#include "tone.h"

static const char *label_of(double score)
{
	if (score >= SENTIMENT_NEUTRAL_BAND)
		return "positive";
	return score <= -SENTIMENT_NEUTRAL_BAND ? "negative" : "neutral";
}

struct sentiment sentiment_score_as(enum sentiment_view view, const char *title, size_t title_size,
				    const char *body, size_t body_size)
{
	struct tone tone = {.view = view};
	double score;
	if (title)
		scan_text(&tone, title, title_size);
	if (body)
		scan_text(&tone, body, body_size);
	score = tone_score(&tone);
	return (struct sentiment){
		.score = score, .label = label_of(score), .judged = tone_judged(&tone)};
}

struct sentiment sentiment_score_parts(const char *title, size_t title_size, const char *body,
				       size_t body_size)
{
	return sentiment_score_as(SENTIMENT_GENERAL, title, title_size, body, body_size);
}

struct sentiment sentiment_score(const char *text, size_t size)
{
	return sentiment_score_parts(text, size, NULL, 0);
}
