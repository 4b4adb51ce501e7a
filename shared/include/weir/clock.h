/* clock.h: time. Nothing blocks. */
#ifndef WEIR_CLOCK_H
#define WEIR_CLOCK_H

#include <stdint.h>

/* Microseconds of a clock that never jumps (CLOCK_MONOTONIC). For timers and durations. */
int64_t clock_us(void);

/* Microseconds since 1970 (CLOCK_REALTIME). For stamps that people or other programs read. */
int64_t clock_wall_us(void);

/* A pause before try number `tries` (from 0): full jitter under an exponential cap,
 * rand(0, min(cap, base * factor^tries)), but never less than base / 2 nor more than cap. 0 when
 * base or cap is not above 0. factor is at least 1.
 * Source: AWS Architecture Blog, "Exponential Backoff And Jitter" (2015). */
int64_t clock_backoff_by(int64_t base_us, int64_t cap_us, double factor, unsigned tries);

/* The same with a factor of 2. */
int64_t clock_backoff_us(int64_t base_us, int64_t cap_us, unsigned tries);

#endif
