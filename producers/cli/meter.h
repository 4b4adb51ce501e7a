/* meter.h: how fast something goes, and the line that shows it. Nothing blocks or allocates but the
 * buffer that is written to. */
#ifndef WEIR_METER_H
#define WEIR_METER_H

#include <stdbool.h>
#include <stdint.h>

#include "weir/buffer.h"

#define METER_WINDOW_US 10000000
#define METER_SPACING_US 100000
#define METER_SAMPLES (METER_WINDOW_US / METER_SPACING_US + 2)

/* The rate over the last METER_WINDOW_US. Start from zero. */
struct meter {
	struct meter_sample {
		int64_t at_us, done;
	} samples[METER_SAMPLES]; /* a ring */
	int first, count;
};

/* Times must not go back. A count that does begins the window anew: it was counted again. */
void meter_add(struct meter *m, int64_t now_us, int64_t done);
double meter_rate(const struct meter *m); /* per second; 0 while it cannot be told */

/* What one line of progress shows. */
struct progress_line {
	const char *job_id, *status;
	int64_t total, done, failed;
	bool sealed; /* the total is final */
	double rate;
	const char *stage; /* which one this is about; NULL: there is only one */
	const char *note;  /* NULL: none */
};

/* Writes the line, without a newline: "JOB [####    ]  45.2 %  45200/100000  500 failed  ...", with
 * the stage behind JOB. With
 * columns > 0 there is a bar when it fits, and the line is kept shorter than that; colour: what
 * failed is red. */
void progress_line(const struct progress_line *line, int columns, bool colour, struct buffer *out);

#endif
