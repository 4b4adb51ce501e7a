/* oom.h: how many processes the kernel has killed for want of memory, where this process can know:
 * in its control group, else on the machine. */
#ifndef WEIR_OOM_H
#define WEIR_OOM_H

#include <stdint.h>

/* So far; -1: nobody tells. Reads small files of /proc and /sys. */
int64_t oom_kills(void);

/* The number behind `name` in a file of lines "NAME NUMBER"; -1: there is none. */
int64_t oom_read(const char *path, const char *name);

#endif
