/* checker.h: compares what a mixed load has left behind with what was promised. It asks each server
 * in its own language, uses nothing of weir's code, views or counters but to compare them, and
 * believes the log of effects only as far as it knows each of its rows. Nothing may be running. */
#ifndef WEIR_FAULTS_CHECKER_H
#define WEIR_FAULTS_CHECKER_H

#include "load.h"

/* Each difference is a failed check. Returns the number of items that were looked at. */
int check_load(const struct load *load);

#endif
