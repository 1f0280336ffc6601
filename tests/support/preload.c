// Loaded into the command by tests (LD_PRELOAD): widens the windows of races and simulates other
// machines.
//
//   NAP_FSYNC=S, NAP_WRITE=S     sleeps S seconds in fsync, and in a write of over 1 MB
//   MANY_PROCESSORS=N            sched_getaffinity as on a kernel with N processors
//   REFUSE_PINNING=1             sched_setaffinity is not permitted
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void nap(const char* variable) {
  const char* seconds = getenv(variable);
  if (seconds == NULL) return;
  const double time = atof(seconds);
  const struct timespec wait = {(time_t)time, (long)((time - (double)(time_t)time) * 1e9)};
  nanosleep(&wait, NULL);
}

int fsync(int descriptor) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  nap("NAP_FSYNC");
  return real(descriptor);
}

ssize_t write(int descriptor, const void* bytes, size_t count) {
  ssize_t (*real)(int, const void*, size_t) =
      (ssize_t(*)(int, const void*, size_t))dlsym(RTLD_NEXT, "write");
  if (count > 1000000) nap("NAP_WRITE");
  return real(descriptor, bytes, count);
}

int sched_getaffinity(pid_t process, size_t size, cpu_set_t* mask) {
  int (*real)(pid_t, size_t, cpu_set_t*) =
      (int (*)(pid_t, size_t, cpu_set_t*))dlsym(RTLD_NEXT, "sched_getaffinity");
  const char* processors = getenv("MANY_PROCESSORS");
  if (processors != NULL && 8 * size < (size_t)atoi(processors)) {
    errno = EINVAL;
    return -1;
  }
  return real(process, size, mask);
}

int sched_setaffinity(pid_t process, size_t size, const cpu_set_t* mask) {
  int (*real)(pid_t, size_t, const cpu_set_t*) =
      (int (*)(pid_t, size_t, const cpu_set_t*))dlsym(RTLD_NEXT, "sched_setaffinity");
  if (getenv("REFUSE_PINNING") != NULL) {
    errno = EPERM;
    return -1;
  }
  return real(process, size, mask);
}
