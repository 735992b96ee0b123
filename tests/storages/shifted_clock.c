/* Preloaded into a server: its wall clock is the machine's plus the microseconds that stand in the file SHIFTED_CLOCK, as 8 bytes. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *shift;

static void shifted(struct timespec *now) {
    if (!shift) {
        int file = open(getenv("SHIFTED_CLOCK"), O_RDONLY);
        shift = mmap(NULL, sizeof *shift, PROT_READ, MAP_SHARED, file, 0);
        if (shift == MAP_FAILED) abort();
        close(file);
    }
    syscall(SYS_clock_gettime, CLOCK_REALTIME, now);
    int64_t micros = now->tv_sec * INT64_C(1000000) + now->tv_nsec / 1000 + *shift;
    now->tv_sec = micros / 1000000;
    now->tv_nsec = micros % 1000000 * 1000;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE) return syscall(SYS_clock_gettime, clock, now);
    shifted(now);
    return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    (void)zone;
    shifted(&exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out) {
    struct timespec exact;
    shifted(&exact);
    if (out) *out = exact.tv_sec;
    return exact.tv_sec;
}
