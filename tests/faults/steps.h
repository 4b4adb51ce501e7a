/* steps.h: what several cases do. */
#ifndef WEIR_FAULTS_STEPS_H
#define WEIR_FAULTS_STEPS_H

#include "faults.h"

#define HEARTBEATS_MS 75000 /* within which a dead connection must be known, with room */

struct process *start_relay(void);
struct process *start_suspicious_relay(void); /* messages are soon lost to it */
struct process *start_consumer(const char *kind);
/* A job that takes a second or two, some of whose items fail, with both at work on it, seen in its
 * middle. */
struct job *in_the_middle(void);
/* Publishes the job, and leaves no relay behind. */
void publish_all(struct job *job);
/* finish(), but not before the copies of messages are gone, too. */
void end_well(const struct job *job);
/* SIGTERM at any moment, ready or not: it must end within the grace, with this status. */
void end_within_grace(struct process *p, int status);
/* Waits longer than await_log(). */
void await_log_for(struct process *p, const char *part, int timeout_ms);
int times_logged(const struct process *p, const char *part);
/* CPU time that it uses in so many ms must be little. */
void expect_rest(struct process *p, int ms);
/* rabbitmqctl with these arguments, as a shell reads them. */
void rabbit(const char *arguments);
/* Both are ready when it returns. The consumer works on two kinds. */
void start_both(const char *kind, const char *other);
/* Ten items beside whatever goes on, and how long they took from the end of their submit on: in the
 * row. They have to succeed. */
void ten_of(const char *job, const char *kind);
void see_them_end(const struct job *job);
/* The same of items that were there before, and of which `count` must be done. */
void see_done(const char *job, int count);
/* Who waits for a time that has grown does not any more. */
void hasten_retries(void);
/* Ends all sessions of the database but that of the tests. */
void end_sessions(void);

#endif
