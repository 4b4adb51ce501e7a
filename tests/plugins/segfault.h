/* segfault.h: how an item of the kind `segfault` ends its process: the number in its "crash". */
#ifndef WEIR_SEGFAULT_H
#define WEIR_SEGFAULT_H

enum {
	SEGV = 1,
	ABORT,
	OVERFLOW,
	EXIT,
	EXIT_AT_ONCE,
	LOOP,
	KILL,
	KILL_ALL,
	IN_STORE,
	EAT,
	IN_TIMER
};

#endif
