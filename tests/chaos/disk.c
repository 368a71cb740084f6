/* Preloaded into a process, makes one operation on files below a folder fail, or every one from some point on.
 *
 * W2S_DISK_ROOT names the folder; w2s_disk_arm and w2s_disk_count are called through ctypes by the process itself. Only
 * operations on regular files and names below the folder count; others pass as they are.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE = 1, SYNC = 2, RENAME = 4, CREATE = 8, TRUNCATE = 16 };

static atomic_long seen, fired, target;
static atomic_int armed, error_number, kinds, lasting;

/* number: which operation fails, from 1; 0 disarms. forever: every later one fails too, as on a full disk. */
void w2s_disk_arm(long number, int error, int which, int forever) {
    armed = 0;
    seen = 0;
    fired = 0;
    target = number;
    error_number = error;
    kinds = which;
    lasting = forever;
    armed = number > 0;
}

long w2s_disk_seen(void) { return seen; }
long w2s_disk_fired(void) { return fired; }

static int below(const char *path) {
    const char *root = getenv("W2S_DISK_ROOT");
    size_t length = root ? strlen(root) : 0;
    return length && !strncmp(path, root, length) && path[length] == '/';
}

static int ours(int file) {
    char name[64], path[PATH_MAX];
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    ssize_t length = readlink(name, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return below(path);
}

/* 0: let it pass; 1: fail it; 2: it is the first of a lasting fault, which a write meets half way. */
static int fails(int kind) {
    if (!armed || !(kind & kinds)) return 0;
    long now = ++seen;
    if (now != target && !(lasting && now > target)) return 0;
    fired++;
    return lasting && now == target ? 2 : 1;
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define REFUSE return errno = error_number, -1

ssize_t write(int file, const void *data, size_t size) {
    REAL(write);
    int how = armed && ours(file) ? fails(WRITE) : 0;
    if (how == 2 && size > 1) return real(file, data, size / 2);
    if (how) REFUSE;
    return real(file, data, size);
}

ssize_t writev(int file, const struct iovec *parts, int count) {
    REAL(writev);
    if (armed && ours(file) && fails(WRITE)) REFUSE;
    return real(file, parts, count);
}

#define PWRITE(name, offset_type)                                            \
    ssize_t name(int file, const void *data, size_t size, offset_type at) {  \
        REAL(name);                                                          \
        int how = armed && ours(file) ? fails(WRITE) : 0;                    \
        if (how == 2 && size > 1) return real(file, data, size / 2, at);     \
        if (how) REFUSE;                                                     \
        return real(file, data, size, at);                                   \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define SYNCING(name)                                   \
    int name(int file) {                                \
        REAL(name);                                     \
        if (armed && ours(file) && fails(SYNC)) REFUSE; \
        return real(file);                              \
    }
SYNCING(fsync)
SYNCING(fdatasync)

int rename(const char *from, const char *to) {
    REAL(rename);
    if (armed && below(to) && fails(RENAME)) REFUSE;
    return real(from, to);
}

int renameat(int here, const char *from, int there, const char *to) {
    REAL(renameat);
    if (armed && below(to) && fails(RENAME)) REFUSE;
    return real(here, from, there, to);
}

#define TRUNCATING(name, offset_type)                       \
    int name(int file, offset_type size) {                  \
        REAL(name);                                         \
        if (armed && ours(file) && fails(TRUNCATE)) REFUSE; \
        return real(file, size);                            \
    }
TRUNCATING(ftruncate, off_t)
TRUNCATING(ftruncate64, off64_t)

#define OPENING(name)                                                           \
    int name(const char *path, int flags, ...) {                                \
        REAL(name);                                                             \
        va_list rest;                                                           \
        va_start(rest, flags);                                                  \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest);                                                           \
        if (armed && flags & O_CREAT && below(path) && access(path, F_OK) &&    \
            fails(CREATE))                                                      \
            REFUSE;                                                             \
        return real(path, flags, mode);                                         \
    }
OPENING(open)
OPENING(open64)
