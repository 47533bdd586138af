/*
 * A disk that fails, between the tests and the kernel.
 *
 * Loaded ahead of the C library (LD_PRELOAD) it takes the calls with which SQLite and Rust write below one directory, and keeps for each
 * file, beside what the kernel's page cache shows, what a disk would really hold: the contents at the last successful fsync. Writes
 * since then are pending. A fault of fsync may drop them; a power cut lets any of them reach the disk, whole or some sectors of them, puts
 * files and names back to what the disk holds, and ends the process. So nothing is believed durable that was not synced.
 *
 * What fails, and when, stands in a small control file that the test writes (`control.rs` has the same layout). The index of the WAL
 * (`-shm`) is memory that processes share and no file that lasts: the test fills it with rubbish after a cut.
 *
 * Modelled after fsync(2) and "Can Applications Recover from fsync Failures?" (Rebello et al., USENIX ATC 2020): after a failed fsync the
 * pages count as clean, so the next one succeeds without writing them; the cache shows the new contents (ext4) or the old ones again.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DB = 1, WAL = 2, JOURNAL = 4, INDEX = 8, DIRECTORY = 16, OTHER = 32 };
enum { NONE, WRITE_EIO, WRITE_FULL, WRITE_SHORT, WRITE_PART_FULL, SYNC_KEPT, SYNC_LOST, SYNC_REVERTED, READ_EIO, TRUNCATE_EIO, CUT };
enum { ON_WRITE = 1, ON_SYNC = 2, ON_READ = 4, ON_TRUNCATE = 8, ON_NAME = 16 };
static const int calls_of[] = { 0, ON_WRITE, ON_WRITE, ON_WRITE, ON_WRITE, ON_SYNC, ON_SYNC, ON_SYNC, ON_READ, ON_TRUNCATE,
                                ON_WRITE | ON_SYNC | ON_TRUNCATE | ON_NAME };
enum { SECTOR = 512, FILES_MAX = 256, FDS_MAX = 1024, NAMES_MAX = 64, POWER_CUT = 137 };

struct control {
    uint32_t kind, countdown, burst, mask, seed; /* the next fault: after so many calls, for so many, on which files */
    uint32_t lies;                               /* files whose fsync does nothing and says that it did */
    uint32_t fired[16];                          /* by kind */
    uint32_t lost, torn, reached, names_lost;    /* what became of pending writes and names */
};
struct op { int is_truncate; off_t at; size_t length; char *data; };
struct file { dev_t dev; ino_t ino; int kind; char *path; char *disk; size_t size; struct op *ops; size_t count; uint32_t errors; };
struct name { enum { MADE, REMOVED, MADE_DIRECTORY } what; char *path; struct file *file; };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct control *control;
static const char *root;
static struct file *files[FILES_MAX];
static struct file *of_fd[FDS_MAX];
static uint32_t errors_told[FDS_MAX]; /* how many of the file's errors this descriptor was told of, or that were before it */
static struct name names[NAMES_MAX];
static size_t files_count, names_count;
static uint64_t random_state;

static ssize_t put(int fd, const void *data, size_t n, off_t at) { return syscall(SYS_pwrite64, fd, data, n, at); }
static int open_at(const char *path, int flags, int mode) { return syscall(SYS_openat, AT_FDCWD, path, flags, mode); }
static void end(int code) { syscall(SYS_exit_group, code); }

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("CARTWRIGHT_FAULTY_CONTROL");
    root = getenv("CARTWRIGHT_FAULTY_ROOT");
    int fd = path && root ? open_at(path, O_RDWR | O_CLOEXEC, 0) : -1;
    if (fd < 0) return;
    void *mapped = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped != MAP_FAILED) control = mapped;
}

/* splitmix64; drawn from the seed of the fault, so that a fault does the same again. */
static uint32_t drawn(void) {
    uint64_t z = (random_state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (uint32_t)((z ^ (z >> 31)) >> 16);
}

static int is_below_root(const char *path) {
    size_t n = strlen(root);
    return strncmp(path, root, n) == 0 && (path[n] == '/' || path[n] == 0);
}

static int ends_with(const char *path, const char *tail) {
    size_t n = strlen(path), m = strlen(tail);
    return n >= m && strcmp(path + n - m, tail) == 0;
}

static void resize(struct file *file, size_t size) {
    file->disk = realloc(file->disk, size + 1);
    if (size > file->size) memset(file->disk + file->size, 0, size - file->size);
    file->size = size;
}

/* The file behind a descriptor that was just opened; what it holds when it is first seen is on the disk. */
static struct file *find(int fd, const char *path) {
    struct stat stat;
    if (fstat(fd, &stat) != 0) return NULL;
    for (size_t i = 0; i < files_count; i++)
        if (files[i]->ino == stat.st_ino && files[i]->dev == stat.st_dev) return files[i];
    if (files_count == FILES_MAX) end(99);
    struct file *file = calloc(1, sizeof *file);
    file->dev = stat.st_dev, file->ino = stat.st_ino, file->path = strdup(path);
    file->kind = S_ISDIR(stat.st_mode) ? DIRECTORY : ends_with(path, "-wal") ? WAL : ends_with(path, "-shm") ? INDEX
               : ends_with(path, "-journal") ? JOURNAL : ends_with(path, ".db") ? DB : OTHER;
    if (file->kind & (DB | WAL | JOURNAL)) {
        resize(file, stat.st_size);
        /* Through a descriptor of its own, for this one may be for writing alone. It stays open: closing it would give the locks away. */
        int reading = open_at(path, O_RDONLY | O_CLOEXEC, 0);
        for (off_t at = 0; at < stat.st_size;) {
            ssize_t got = syscall(SYS_pread64, reading, file->disk + at, stat.st_size - at, at);
            if (got <= 0) end(98);
            at += got;
        }
    }
    return files[files_count++] = file;
}

static void remember(struct file *file, struct op op) {
    file->ops = realloc(file->ops, (file->count + 1) * sizeof op);
    file->ops[file->count++] = op;
}

static void apply(struct file *file, const struct op *op, int is_torn) {
    if (op->is_truncate) { resize(file, op->at); return; }
    if ((size_t)op->at + op->length > file->size) resize(file, op->at + op->length);
    /* Borders are those of the disk's sectors, not of the write. */
    for (size_t from = 0; from < op->length;) {
        size_t to = from + SECTOR - (op->at + from) % SECTOR;
        if (to > op->length) to = op->length;
        if (!is_torn || drawn() % 2) memcpy(file->disk + op->at + from, op->data + from, to - from);
        from = to;
    }
}

static void forget(struct file *file) {
    for (size_t i = 0; i < file->count; i++) free(file->ops[i].data);
    file->count = 0;
}

static void synced(struct file *file) {
    for (size_t i = 0; i < file->count; i++) apply(file, &file->ops[i], 0);
    forget(file);
}

/* Any of what is pending reaches the disk: none, all, or each by chance and perhaps in part. */
static void scatter(struct file *file) {
    uint32_t style = drawn() % 4;
    for (size_t i = 0; i < file->count; i++) {
        int reaches = style == 1 || (style > 1 && drawn() % 2);
        int is_torn = reaches && style > 1 && !file->ops[i].is_truncate && drawn() % 4 == 0;
        if (reaches) apply(file, &file->ops[i], is_torn);
        *(is_torn ? &control->torn : reaches ? &control->reached : &control->lost) += 1;
    }
    forget(file);
}

static void write_back(int fd, const struct file *file) {
    for (size_t at = 0; at < file->size;) {
        ssize_t done = put(fd, file->disk + at, file->size - at, at);
        if (done <= 0) end(97);
        at += done;
    }
    if (syscall(SYS_ftruncate, fd, (off_t)file->size) != 0) end(97);
}

/* Puts back a name that was not synced with its directory. Journals of file systems keep names in order, so the last ones go first. */
static void undo(const struct name *name) {
    if (name->what == REMOVED) {
        int fd = open_at(name->path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (fd < 0) end(96);
        scatter(name->file);
        write_back(fd, name->file);
    } else if (name->what == MADE) {
        syscall(SYS_unlinkat, AT_FDCWD, name->path, 0);
    } else {
        DIR *directory = opendir(name->path);
        for (struct dirent *entry; directory && (entry = readdir(directory));)
            syscall(SYS_unlinkat, dirfd(directory), entry->d_name, 0);
        syscall(SYS_unlinkat, AT_FDCWD, name->path, AT_REMOVEDIR);
    }
}

/* The lock is held and never given back: no other thread says anything any more. */
static void cut(void) {
    for (size_t i = 0; i < files_count; i++) {
        struct file *file = files[i];
        if (!file->ino || !(file->kind & (DB | WAL | JOURNAL))) continue;
        scatter(file);
        int fd = open_at(file->path, O_WRONLY, 0);
        if (fd >= 0) write_back(fd, file);
    }
    size_t stays = drawn() % (names_count + 1);
    control->names_lost += names_count - stays;
    while (names_count > stays) undo(&names[--names_count]);
    end(POWER_CUT);
}

/* Which fault this call has, if any. */
static int fault(int call, int file_kind) {
    if (!control || !control->kind || !(calls_of[control->kind] & call) || !(control->mask & file_kind)) return NONE;
    if (control->countdown) { control->countdown--; return NONE; }
    int kind = control->kind;
    random_state = control->seed++;
    control->fired[kind]++;
    /* Shown when the process finds something wrong. */
    static const char *const called[] = { "?", "write error", "disk full", "short write", "disk full within a write", "failed sync", "sync that loses",
                                          "sync that reverts", "read error", "truncation error", "power cut" };
    dprintf(2, "disk: %s, file %d, call %d\n", called[kind], file_kind, call);
    if (--control->burst == 0) control->kind = NONE;
    else if (kind == WRITE_PART_FULL) control->kind = WRITE_FULL;
    return kind;
}

static void add_name(int what, const char *path, struct file *file) {
    if (names_count == NAMES_MAX) end(95);
    names[names_count++] = (struct name){ what, strdup(path), file };
}

static struct file *tracked(int fd) { return control && fd >= 0 && fd < FDS_MAX ? of_fd[fd] : NULL; }

static int opened(const char *path, int flags, int mode) {
    if (!control || !is_below_root(path)) return open_at(path, flags, mode);
    pthread_mutex_lock(&lock);
    int is_new = (flags & O_CREAT) && syscall(SYS_faccessat, AT_FDCWD, path, F_OK) != 0;
    int fd = open_at(path, flags, mode), error = errno;
    if (fd >= FDS_MAX) end(94);
    if (fd >= 0) {
        of_fd[fd] = find(fd, path);
        errors_told[fd] = of_fd[fd]->errors;
        if (is_new) {
            add_name(MADE, path, NULL);
            if (fault(ON_NAME, OTHER) == CUT) cut();
        }
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return fd;
}

static int mode_of(int flags, va_list arguments) { return flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, int) : 0; }
#define OPEN(name) int name(const char *path, int flags, ...) { \
    va_list arguments; va_start(arguments, flags); int mode = mode_of(flags, arguments); va_end(arguments); return opened(path, flags, mode); }
#define OPENAT(name) int name(int at, const char *path, int flags, ...) { \
    va_list arguments; va_start(arguments, flags); int mode = mode_of(flags, arguments); va_end(arguments); \
    return at == AT_FDCWD || path[0] == '/' ? opened(path, flags, mode) : (int)syscall(SYS_openat, at, path, flags, mode); }
OPEN(open) OPEN(open64) OPENAT(openat) OPENAT(openat64)

int close(int fd) {
    pthread_mutex_lock(&lock);
    if (fd >= 0 && fd < FDS_MAX) of_fd[fd] = NULL;
    pthread_mutex_unlock(&lock);
    return syscall(SYS_close, fd);
}

static ssize_t written(struct file *file, int fd, const void *data, size_t n, off_t at) {
    int kind = fault(ON_WRITE, file->kind);
    if (kind == WRITE_EIO || kind == WRITE_FULL) { errno = kind == WRITE_EIO ? EIO : ENOSPC; return -1; }
    if ((kind == WRITE_SHORT || kind == WRITE_PART_FULL) && n > 1) n = 1 + drawn() % (n - 1);
    ssize_t done = put(fd, data, n, at);
    if (done > 0 && file->kind & (DB | WAL | JOURNAL)) {
        char *copy = malloc(done);
        remember(file, (struct op){ 0, at, done, memcpy(copy, data, done) });
    }
    if (kind == CUT) cut();
    return done;
}

static ssize_t written_at(int fd, const void *data, size_t n, off_t at) {
    struct file *file = tracked(fd);
    if (!file) return put(fd, data, n, at);
    pthread_mutex_lock(&lock);
    ssize_t done = written(file, fd, data, n, at);
    pthread_mutex_unlock(&lock);
    return done;
}
ssize_t pwrite(int fd, const void *data, size_t n, off_t at) { return written_at(fd, data, n, at); }
ssize_t pwrite64(int fd, const void *data, size_t n, off_t at) { return written_at(fd, data, n, at); }

ssize_t write(int fd, const void *data, size_t n) {
    /* What a process says after its power was cut must not be heard, so every write waits for the lock. */
    pthread_mutex_lock(&lock);
    struct file *file = tracked(fd);
    ssize_t done;
    if (file) {
        off_t at = syscall(SYS_lseek, fd, 0, SEEK_CUR);
        done = written(file, fd, data, n, at);
        if (done > 0) syscall(SYS_lseek, fd, at + done, SEEK_SET);
        pthread_mutex_unlock(&lock);
    } else {
        pthread_mutex_unlock(&lock);
        done = syscall(SYS_write, fd, data, n);
    }
    return done;
}

static int read_fails(int fd) {
    struct file *file = tracked(fd);
    if (!file) return 0;
    pthread_mutex_lock(&lock);
    int kind = fault(ON_READ, file->kind);
    pthread_mutex_unlock(&lock);
    if (kind) errno = EIO;
    return kind;
}
ssize_t read(int fd, void *data, size_t n) { return read_fails(fd) ? -1 : syscall(SYS_read, fd, data, n); }
ssize_t pread(int fd, void *data, size_t n, off_t at) { return read_fails(fd) ? -1 : syscall(SYS_pread64, fd, data, n, at); }
ssize_t pread64(int fd, void *data, size_t n, off_t at) { return read_fails(fd) ? -1 : syscall(SYS_pread64, fd, data, n, at); }

static void names_synced(const char *directory) {
    size_t n = strlen(directory), kept = 0;
    while (n && directory[n - 1] == '/') n--;
    for (size_t i = 0; i < names_count; i++) {
        const char *slash = strrchr(names[i].path, '/');
        if ((size_t)(slash - names[i].path) != n || strncmp(names[i].path, directory, n)) names[kept++] = names[i];
    }
    names_count = kept;
}

/* What is synced here is synced in the model alone: no real disk is waited for. */
static int sync_file(int fd, long call) {
    struct file *file = tracked(fd);
    if (!file) return syscall(call, fd);
    pthread_mutex_lock(&lock);
    int result = 0, kind = fault(ON_SYNC, file->kind);
    if (kind == CUT) cut();
    if (kind != NONE) {
        file->errors++;
        if (kind != SYNC_KEPT) scatter(file);
        if (kind == SYNC_REVERTED && file->kind & (DB | WAL | JOURNAL)) write_back(fd, file);
        result = -1;
    } else if (!(control->lies & file->kind)) {
        if (file->kind == DIRECTORY) names_synced(file->path);
        else synced(file);
    }
    /* Linux tells each descriptor that was open once of an error, whoever met it first (errseq_t, since 4.13). */
    if (errors_told[fd] != file->errors) result = -1;
    errors_told[fd] = file->errors;
    pthread_mutex_unlock(&lock);
    if (result) errno = EIO;
    return result;
}
int fsync(int fd) { return sync_file(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_file(fd, SYS_fdatasync); }

static int truncated(int fd, off_t length) {
    struct file *file = tracked(fd);
    if (!file) return syscall(SYS_ftruncate, fd, length);
    pthread_mutex_lock(&lock);
    int kind = fault(ON_TRUNCATE, file->kind), result = -1, error = EIO;
    if (kind != TRUNCATE_EIO) {
        result = syscall(SYS_ftruncate, fd, length), error = errno;
        if (result == 0 && file->kind & (DB | WAL | JOURNAL)) remember(file, (struct op){ 1, length, 0, NULL });
    }
    if (kind == CUT) cut();
    pthread_mutex_unlock(&lock);
    if (result) errno = error;
    return result;
}
int ftruncate(int fd, off_t length) { return truncated(fd, length); }
int ftruncate64(int fd, off_t length) { return truncated(fd, length); }

int unlink(const char *path) {
    if (!control || !is_below_root(path)) return syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    pthread_mutex_lock(&lock);
    int result = syscall(SYS_unlinkat, AT_FDCWD, path, 0), error = errno;
    for (size_t i = 0; result == 0 && i < files_count; i++) {
        struct file *file = files[i];
        if (!file->ino || strcmp(file->path, path)) continue;
        file->ino = 0;
        if (file->kind & (DB | WAL | JOURNAL)) add_name(REMOVED, path, file);
    }
    if (result == 0 && fault(ON_NAME, OTHER) == CUT) cut();
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

int mkdir(const char *path, mode_t mode) {
    int result = syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    if (result || !control || !is_below_root(path)) return result;
    pthread_mutex_lock(&lock);
    add_name(MADE_DIRECTORY, path, NULL);
    if (fault(ON_NAME, OTHER) == CUT) cut();
    pthread_mutex_unlock(&lock);
    return 0;
}
