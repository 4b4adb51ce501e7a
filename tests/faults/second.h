/* second.h: a second ledger on the same servers, with the same virtual host and the same Redis. It
 * works beside the first under a namespace; without one it has to be refused. Its jobs are called
 * as the first one's are. */
#ifndef WEIR_FAULTS_SECOND_H
#define WEIR_FAULTS_SECOND_H

#include "faults.h"

/* Its database, its tables, and the jobs that are to be submitted. */
void second_open(uint64_t seed);
/* A program of it, with its namespace or, as by mistake, without. */
struct process *second_start(const char *program, bool namespace);
/* Goes on with the submits. */
void second_tend(void);
bool second_has_ended(void);
/* What it has come to. Nothing may be running. */
void second_check(void);
void second_close(void);

#endif
