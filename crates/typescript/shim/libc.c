// What wasi-libc would ask of WASI. The module has no WASI imports: the clock is the turn's, and there are no files.
#include <stdio.h>
#include <sys/time.h>
#include <time.h>
#include <wasi/api.h>

#include "shim.h"

static double clock_ms;

// 10 µs: small enough not to be seen in measurements, large enough that a busy wait of a second takes 100,000 reads.
#define TICK_MS 0.01

double qs_read_clock(void)
{
    return clock_ms += TICK_MS;
}

// Time never runs backwards, even if the host's does.
EXPORT("qs_clock") void qs_clock(double now)
{
    if (now > clock_ms)
        clock_ms = now;
}

int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    (void)tz;
    double us = qs_read_clock() * 1000;
    tv->tv_sec = (time_t)(us / 1000000);
    tv->tv_usec = (suseconds_t)(us - (double)tv->tv_sec * 1000000);
    return 0;
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
    (void)id;
    double ns = qs_read_clock() * 1000000;
    ts->tv_sec = (time_t)(ns / 1e9);
    ts->tv_nsec = (long)(ns - (double)ts->tv_sec * 1e9);
    return 0;
}

// The engine prints only when it is about to abort.
__wasi_errno_t __wasi_fd_write(__wasi_fd_t fd, const __wasi_ciovec_t *iovs, size_t n, __wasi_size_t *written)
{
    (void)fd;
    *written = 0;
    for (size_t i = 0; i < n; i++)
        *written += iovs[i].buf_len;
    return __WASI_ERRNO_SUCCESS;
}

__wasi_errno_t __wasi_fd_close(__wasi_fd_t fd)
{
    (void)fd;
    return __WASI_ERRNO_BADF;
}

__wasi_errno_t __wasi_fd_seek(__wasi_fd_t fd, __wasi_filedelta_t offset, __wasi_whence_t whence, __wasi_filesize_t *at)
{
    (void)fd, (void)offset, (void)whence, (void)at;
    return __WASI_ERRNO_BADF;
}

__wasi_errno_t __wasi_fd_fdstat_get(__wasi_fd_t fd, __wasi_fdstat_t *stat)
{
    (void)fd, (void)stat;
    return __WASI_ERRNO_BADF;
}

_Noreturn void __wasi_proc_exit(__wasi_exitcode_t code)
{
    (void)code;
    __builtin_trap();
}
