// A tool for Kokkos (KOKKOS_PROFILE_LIBRARY up to Kokkos 3.6, KOKKOS_TOOLS_LIBS since) that
// imitates a slower kernel: after each kernel whose label contains SLOW_KERNEL it computes for
// SLOW_SHARE of the time that the kernel took. Without these variables it only measures, so that
// both sides of a comparison can run with it.
//
//   SLOW_KERNEL=TEXT    part of the label, such as fc1/forward
//   SLOW_SHARE=0.1      a tenth slower
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char* slow_kernel;
static double slow_share;

// Kernels do not begin while another runs, except one inside another; those are not timed.
static double begin = -1;
static uint64_t open_kernel, kernels;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

void kokkosp_init_library(const int load_sequence, const uint64_t interface_version,
                          const uint32_t device_count, void* device_info) {
  (void)load_sequence;
  (void)interface_version;
  (void)device_count;
  (void)device_info;
  slow_kernel = getenv("SLOW_KERNEL");
  const char* share = getenv("SLOW_SHARE");
  slow_share = share == NULL ? 0 : atof(share);
}

static void begin_kernel(const char* label, uint64_t* kernel) {
  *kernel = ++kernels;
  if (begin >= 0 || slow_kernel == NULL || strstr(label, slow_kernel) == NULL) return;
  open_kernel = *kernel;
  begin = now();
}

static void end_kernel(uint64_t kernel) {
  if (begin < 0 || kernel != open_kernel) return;
  const double end = now();
  const double until = end + slow_share * (end - begin);
  while (now() < until) {
  }
  begin = -1;
}

void kokkosp_begin_parallel_for(const char* label, const uint32_t device, uint64_t* kernel) {
  (void)device;
  begin_kernel(label, kernel);
}
void kokkosp_end_parallel_for(const uint64_t kernel) { end_kernel(kernel); }

void kokkosp_begin_parallel_reduce(const char* label, const uint32_t device, uint64_t* kernel) {
  (void)device;
  begin_kernel(label, kernel);
}
void kokkosp_end_parallel_reduce(const uint64_t kernel) { end_kernel(kernel); }

void kokkosp_begin_parallel_scan(const char* label, const uint32_t device, uint64_t* kernel) {
  (void)device;
  begin_kernel(label, kernel);
}
void kokkosp_end_parallel_scan(const uint64_t kernel) { end_kernel(kernel); }
