/* failpoint.h: named places at which a test may kill the process, to see what survives, or stop it,
 * to see what others do meanwhile. Compiled in with WEIR_FAILPOINTS only. WEIR_FAILPOINT=NAME or
 * NAME:N (the N-th time, from 1), with ":stop" behind it: SIGSTOP. */
#ifndef WEIR_FAILPOINT_H
#define WEIR_FAILPOINT_H

#ifdef WEIR_FAILPOINTS
void failpoint(const char *name);
#else
static inline void failpoint(const char *name) { (void)name; }
#endif

#endif
