/*
 * Runs a program, and kills its process just before the nth change that it, a thread of it or a child makes to a file system: `at-call N LOG program
 * arguments`. N 0: never. Each change's call is a line of LOG. Children that are still there live on, as after any kill.
 * Source: seccomp_unotify(2). Linux 5.19 or later.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The descriptor that calls are heard of by: as long as both processes share their table, the same in both. */
#define LISTENER 200

/* What makes a call a change: nothing more, that it makes or empties a file (by its flags), or that it goes to a regular file. */
enum condition { ALWAYS, IF_MAKES, TO_FILE };

struct call {
  const char *name;
  unsigned number;
  enum condition condition;
  int argument;
};

static const struct call CALLS[] = {
#ifdef SYS_rename
    {"rename", SYS_rename, ALWAYS, 0},
    {"link", SYS_link, ALWAYS, 0},
    {"unlink", SYS_unlink, ALWAYS, 0},
    {"mkdir", SYS_mkdir, ALWAYS, 0},
    {"rmdir", SYS_rmdir, ALWAYS, 0},
    {"symlink", SYS_symlink, ALWAYS, 0},
    {"chmod", SYS_chmod, ALWAYS, 0},
    {"open", SYS_open, IF_MAKES, 1},
    {"creat", SYS_creat, ALWAYS, 0},
#endif
#ifdef SYS_renameat
    {"renameat", SYS_renameat, ALWAYS, 0},
#endif
    {"renameat2", SYS_renameat2, ALWAYS, 0},
    {"linkat", SYS_linkat, ALWAYS, 0},
    {"unlinkat", SYS_unlinkat, ALWAYS, 0},
    {"mkdirat", SYS_mkdirat, ALWAYS, 0},
    {"symlinkat", SYS_symlinkat, ALWAYS, 0},
    {"openat", SYS_openat, IF_MAKES, 2},
    {"fchmod", SYS_fchmod, ALWAYS, 0},
    {"fchmodat", SYS_fchmodat, ALWAYS, 0},
    {"utimensat", SYS_utimensat, ALWAYS, 0},
    {"truncate", SYS_truncate, ALWAYS, 0},
    {"ftruncate", SYS_ftruncate, ALWAYS, 0},
    {"fallocate", SYS_fallocate, ALWAYS, 0},
    {"fsync", SYS_fsync, ALWAYS, 0},
    {"fdatasync", SYS_fdatasync, ALWAYS, 0},
    {"msync", SYS_msync, ALWAYS, 0},
    {"syncfs", SYS_syncfs, ALWAYS, 0},
    {"sync_file_range", SYS_sync_file_range, ALWAYS, 0},
    {"copy_file_range", SYS_copy_file_range, ALWAYS, 0},
    {"write", SYS_write, TO_FILE, 0},
    {"writev", SYS_writev, TO_FILE, 0},
    {"pwrite64", SYS_pwrite64, TO_FILE, 0},
    {"pwritev", SYS_pwritev, TO_FILE, 0},
    {"sendfile", SYS_sendfile, TO_FILE, 0},
};
#define COUNT (sizeof CALLS / sizeof *CALLS)

static void fail(const char *what) {
  fprintf(stderr, "at-call: %s: %s\n", what, strerror(errno));
  exit(126);
}

/* Has this process stop at the calls of the list until whoever reads LISTENER lets it go on. Negative where it can't. */
static int stop_at_calls(void) {
  struct sock_filter filter[COUNT + 3];
  filter[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  for (size_t i = 0; i < COUNT; i++)
    filter[1 + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CALLS[i].number, COUNT - i, 0);
  filter[COUNT + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  filter[COUNT + 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
  struct sock_fprog program = {COUNT + 3, filter};
  unsigned flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
  int listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
  if (listener < 0) return listener;
  int moved = dup3(listener, LISTENER, O_CLOEXEC);
  close(listener);
  return moved;
}

static const struct call *change_of(const struct seccomp_notif *heard) {
  const struct call *call = CALLS;
  while (call->number != (unsigned)heard->data.nr) call++;
  unsigned long long argument = heard->data.args[call->argument];
  if (call->condition == ALWAYS) return call;
  if (call->condition == IF_MAKES) return argument & (O_CREAT | O_TRUNC) ? call : NULL;
  char path[64];
  struct stat found;
  snprintf(path, sizeof path, "/proc/%u/fd/%d", heard->pid, (int)argument);
  return stat(path, &found) == 0 && S_ISREG(found.st_mode) ? call : NULL;
}

/* Kills the program, and ends as it does; what goes on is a process of its own, for the children that are left. */
static void strike(pid_t child) {
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  if (fork() != 0) _exit(128 + SIGKILL);
  setsid();
  close_range(0, LISTENER - 1, 0);
}

static void watch(pid_t child, long last, FILE *log) {
  struct pollfd polled = {LISTENER, POLLIN, 0};
  for (long count = 0;;) {
    if (poll(&polled, 1, -1) < 0 && errno != EINTR) fail("poll");
    if ((polled.revents & POLLIN) == 0) {
      if (polled.revents & (POLLHUP | POLLNVAL)) return;
      continue;
    }
    struct seccomp_notif heard = {0};
    /* Whoever made the call may have died meanwhile. */
    if (ioctl(LISTENER, SECCOMP_IOCTL_NOTIF_RECV, &heard) != 0) continue;
    const struct call *change = log == NULL ? NULL : change_of(&heard);
    if (change != NULL) {
      fprintf(log, "%s\n", change->name);
      fflush(log);
      if (++count == last) {
        strike(child);
        log = NULL;
      }
    }
    struct seccomp_notif_resp answer = {.id = heard.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    ioctl(LISTENER, SECCOMP_IOCTL_NOTIF_SEND, &answer);
  }
}

int main(int count, char **arguments) {
  if (count < 4) return 125;
  FILE *log = fopen(arguments[2], "we");
  int ready[2];
  if (log == NULL || pipe2(ready, O_CLOEXEC) != 0) fail(arguments[2]);
  pid_t child = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
  if (child < 0) fail("clone");
  if (child == 0) {
    int listener = stop_at_calls();
    /* Written to, it would already be a call to wait for. */
    close(ready[1]);
    if (listener < 0) fail("seccomp");
    execvp(arguments[3], arguments + 3);
    _exit(127);
  }
  char byte;
  if (read(ready[0], &byte, 1) < 0) fail("pipe");
  watch(child, atol(arguments[1]), log);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
