/* models.h: the language models that items of a mixed load ask, behind the fake of their providers,
 * which fails in every way at times; and what they were asked and paid for in the end. It honours
 * the Idempotency-Key of calls: what a killed consumer had on the wire is not billed again then.
 * What is in a remote batch is billed as often as it is in one that ends. */
#ifndef WEIR_FAULTS_MODELS_H
#define WEIR_FAULTS_MODELS_H

#include "load.h"

#define MODELS_KEY "a-key-of-the-tests"

/* What an item was asked and what for. */
struct bill {
	int billed;
	int left_out;  /* remote batches that came back without its answer */
	int strange;   /* calls with another model, other instructions, or another question */
	char hash[17]; /* of its question: an answer begins with it */
};

/* The provider takes its time so that calls are on their way for much of the time. */
void models_open(const struct load *l);
/* Reads what was asked; before models_bill() and models_report(). Nobody may ask any more. */
void models_count(const struct load *l);
const struct bill *models_bill(const struct order *o, int ordinal);
void models_report(void);
void models_close(void);
/* Programs that are started in between know no template of the load's, and only some models. */
void models_forget(void);
void models_remember(void);

#endif
