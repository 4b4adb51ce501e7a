#include "meter.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "print.h"

#define BAR_LEAST 10
#define BAR_MOST 40
#define RED "\x1b[31m"
#define PLAIN "\x1b[0m"

/* ---- the rate ---- */

static struct meter_sample *sample(struct meter *m, int i)
{
	return &m->samples[(m->first + i) % METER_SAMPLES];
}

static void drop_first(struct meter *m)
{
	m->first = (m->first + 1) % METER_SAMPLES;
	m->count--;
}

void meter_add(struct meter *m, int64_t now_us, int64_t done)
{
	if (m->count > 0 && done < sample(m, m->count - 1)->done)
		m->count = 0;
	/* The newest moves until it is far enough from the one before it. */
	if (m->count > 1 && now_us - sample(m, m->count - 2)->at_us < METER_SPACING_US)
		m->count--;
	if (m->count == METER_SAMPLES)
		drop_first(m);
	*sample(m, m->count++) = (struct meter_sample){now_us, done};
	while (m->count > 2 && now_us - sample(m, 1)->at_us >= METER_WINDOW_US)
		drop_first(m);
}

double meter_rate(const struct meter *m)
{
	if (m->count < 2)
		return 0;
	const struct meter_sample *from = &m->samples[m->first];
	const struct meter_sample *to = &m->samples[(m->first + m->count - 1) % METER_SAMPLES];
	int64_t us = to->at_us - from->at_us;
	return us > 0 ? (double)(to->done - from->done) * 1e6 / (double)us : 0;
}

/* ---- the line ---- */

/* Rounded down: 100 % is said when it is reached. */
static int permille(const struct progress_line *line)
{
	if (line->total <= 0 || line->done < 0)
		return 0;
	return line->done >= line->total ? 1000
					 : (int)((double)line->done * 1000 / (double)line->total);
}

static void add_counts(const struct progress_line *line, struct buffer *out)
{
	int p = permille(line);
	buffer_printf(out, " %3d.%d %%  %" PRId64 "/%" PRId64 "%s", p / 10, p % 10, line->done,
		      line->total, line->sealed ? "" : "+");
}

static void add_failed(const struct progress_line *line, bool colour, struct buffer *out)
{
	if (line->failed > 0)
		buffer_printf(out, "  %s%" PRId64 " failed%s", colour ? RED : "", line->failed,
			      colour ? PLAIN : "");
}

static void add_pace(const struct progress_line *line, struct buffer *out)
{
	int64_t left = line->total - line->done;
	if (line->rate > 0) {
		buffer_add_text(out, "  ");
		print_real(out, line->rate, line->rate < 10 ? 1 : 0);
		buffer_add_text(out, " items/s");
	}
	bool at_work = strcmp(line->status, "running") == 0;
	if (line->rate > 0 && line->sealed && left > 0 && at_work) {
		buffer_add_text(out, "  ETA ");
		print_duration(out, (double)left / line->rate);
	}
	if (!at_work)
		buffer_printf(out, "  %s", line->status);
	if (line->note)
		buffer_printf(out, "  (%s)", line->note);
}

static void add_rest(const struct progress_line *line, bool colour, struct buffer *out)
{
	add_counts(line, out);
	add_failed(line, colour, out);
	add_pace(line, out);
}

static void add_bar(const struct progress_line *line, int width, struct buffer *out)
{
	int full = permille(line) * width / 1000;
	buffer_add_text(out, " [");
	for (int i = 0; i < width; i++)
		buffer_add_char(out, i < full ? '#' : ' ');
	buffer_add_char(out, ']');
}

/* Not within a character. */
static void cut(struct buffer *out, size_t size)
{
	while (size > 0 && (out->data[size] & 0xC0) == 0x80)
		size--;
	out->size = size;
}

void progress_line(const struct progress_line *line, int columns, bool colour, struct buffer *out)
{
	struct buffer rest = BUFFER_INIT;
	size_t begin = out->size;
	add_rest(line, false, &rest);
	buffer_add_text(out, line->job_id);
	if (line->stage)
		buffer_printf(out, "  %s", line->stage);
	int width = columns - 1 - (int)(out->size - begin + rest.size) - 3;
	if (width >= BAR_LEAST)
		add_bar(line, width < BAR_MOST ? width : BAR_MOST, out);
	bool fits = columns <= 0 || out->size - begin + rest.size < (size_t)columns;
	if (fits)
		add_rest(line, colour, out);
	else
		buffer_add(out, rest.data, rest.size);
	if (!fits && out->size > begin + (size_t)columns - 1)
		cut(out, begin + (size_t)columns - 1);
	buffer_release(&rest);
}
