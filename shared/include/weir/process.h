/* process.h: what every program of weir has in common as a process: its standard descriptors, the
 * signals that end it, and what becomes of its output. */
#ifndef WEIR_PROCESS_H
#define WEIR_PROCESS_H

#include <stdbool.h>

/* The first thing in every main(): a standard descriptor that is closed is opened on /dev/null, so
 * that what is printed never goes into a connection that got its number. Ignores SIGPIPE. */
void process_guard(void);

/* SIGTERM, SIGINT and SIGHUP: each asks the program to end. SIGHUP stays ignored where it was
 * (nohup): who has started the program wants it to outlive the terminal. */
void process_on_stop(void (*handler)(int number));

/* Whether nobody reads standard output any more: a pipe whose other end is closed. */
bool process_has_no_reader(void);

/* What could not be written is let go: else it would be tried again when the program ends. */
void process_forget_output(void);

/* The last thing of a program that prints: the exit status, given the one it would have. Output
 * that nobody reads any more is no failure, and quiet; any other that could not be written is told
 * on standard error, and is one. */
int process_end_output(const char *program, int status);

#endif
