/* failpoint.h: named places at which a test may kill the process, to see what survives, or stop it,
 * to see what others do meanwhile. Compiled in with WEIR_FAILPOINTS only. WEIR_FAILPOINT=NAME or
 * NAME:N (the N-th time, from 1), with ":stop" behind it: SIGSTOP. A process that has a parent
 * which would make it again is killed with it, but with ":worker" behind it alone. */
#ifndef WEIR_FAILPOINT_H
#define WEIR_FAILPOINT_H

#include <sys/types.h>

#ifdef WEIR_FAILPOINTS
void failpoint(const char *name);
void failpoint_parent(pid_t pid);
#else
static inline void failpoint(const char *name) { (void)name; }
static inline void failpoint_parent(pid_t pid) { (void)pid; }
#endif

#endif
