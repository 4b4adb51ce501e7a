/* How long the plainest way of booking takes: one line, one query after the other
 * (tests/reference).
 *
 *   bench_reference COUNT LINES
 *
 * Books COUNT invoices of so many lines, all of known items, after one that makes them known,
 * through WEIR_PG_URL. Prints two numbers: the median of the milliseconds that an invoice took, and
 * that of its queries, each of which is a round trip. */
#include <reference.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define COUNT_MOST 100
#define LINES_MOST 500

static struct {
	char number[16], description[64];
} texts[LINES_MOST];

static struct reference_line lines[LINES_MOST];

static double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void make_lines(int n)
{
	for (int i = 0; i < n; i++) {
		snprintf(texts[i].number, sizeof texts[i].number, "N%d", i);
		snprintf(texts[i].description, sizeof texts[i].description,
			 "Known thing of number %d", i);
		lines[i] = (struct reference_line){.item_number = texts[i].number,
						   .description = texts[i].description,
						   .quantity = "3",
						   .unit_price = "12.50",
						   .pack_size = "6/5 LB",
						   .pack_count = "6",
						   .pack_each = "5",
						   .unit_factor = "453.59237",
						   .base_unit = "g"};
	}
}

static int book(struct reference *ref, int i, int n)
{
	char id[32], date[32];
	snprintf(id, sizeof id, "invoice_id_%d", i);
	snprintf(date, sizeof date, "2024-%02d-%02d", 1 + i / 28, 1 + i % 28);
	struct reference_invoice invoice = {.user_id = "bench",
					    .invoice_id = id,
					    .vendor_name = "Northfield Foods",
					    .invoice_number = id,
					    .invoice_date = date,
					    .currency = "USD",
					    .lines = lines,
					    .size = (size_t)n};
	return reference_book(ref, &invoice);
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static double median(double *values, int n)
{
	qsort(values, (size_t)n, sizeof *values, by_value);
	return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

static int measure(struct reference *ref, int count, int n)
{
	double ms[COUNT_MOST], queries[COUNT_MOST];
	if (reference_empty(ref) < 0 || book(ref, 0, n) < 0)
		return -1;
	for (int i = 0; i < count; i++) {
		double began = now_s();
		int64_t before = reference_queries(ref);
		if (book(ref, i + 1, n) < 0)
			return -1;
		ms[i] = (now_s() - began) * 1000;
		queries[i] = (double)(reference_queries(ref) - before);
	}
	printf("%.1f %.1f\n", median(ms, count), median(queries, count));
	return 0;
}

int main(int argc, char **argv)
{
	int count = argc == 3 ? atoi(argv[1]) : 0, n = argc == 3 ? atoi(argv[2]) : 0;
	if (count < 1 || count > COUNT_MOST || n < 1 || n > LINES_MOST) {
		fprintf(stderr, "usage: bench_reference COUNT LINES\n");
		return 2;
	}
	const char *url = getenv("WEIR_PG_URL");
	struct reference *ref = reference_open(url ? url : "");
	if (!ref)
		return 1;
	make_lines(n);
	int rc = measure(ref, count, n);
	reference_close(ref);
	return rc < 0;
}
