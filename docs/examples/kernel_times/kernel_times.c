// A tool for Kokkos that prints the number of calls and the time of each kernel's label, longest
// first. Before it calls a tool, Kokkos fences, so that the times of a device are those of its
// kernels.
//   gcc -O2 -shared -fPIC -o kernel_times.so kernel_times.c
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { kMost = 4096 };
struct Row {
  char* label;
  double begin, seconds;
  uint64_t calls;
};
static struct Row rows[kMost];
static uint64_t count;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

// The row's number is the identifier that Kokkos passes to the end of the kernel; kMost has no row.
static void begin(const char* label, uint64_t* kernel) {
  uint64_t i = 0;
  while (i < count && strcmp(rows[i].label, label) != 0) ++i;
  if (i == count && count < kMost) rows[count++].label = strdup(label);
  *kernel = i;
  if (i < kMost) rows[i].begin = now();
}

static void end(uint64_t kernel) {
  if (kernel >= kMost) return;
  rows[kernel].seconds += now() - rows[kernel].begin;
  ++rows[kernel].calls;
}

void kokkosp_begin_parallel_for(const char* label, uint32_t device, uint64_t* kernel) {
  (void)device;
  begin(label, kernel);
}
void kokkosp_end_parallel_for(uint64_t kernel) { end(kernel); }
void kokkosp_begin_parallel_reduce(const char* label, uint32_t device, uint64_t* kernel) {
  (void)device;
  begin(label, kernel);
}
void kokkosp_end_parallel_reduce(uint64_t kernel) { end(kernel); }

void kokkosp_init_library(int sequence, uint64_t version, uint32_t devices, void* info) {
  (void)sequence, (void)version, (void)devices, (void)info;
}

static int longest_first(const void* a, const void* b) {
  const double x = ((const struct Row*)a)->seconds, y = ((const struct Row*)b)->seconds;
  return (x < y) - (x > y);
}

void kokkosp_finalize_library(void) {
  qsort(rows, count, sizeof rows[0], longest_first);
  fprintf(stderr, "%-40s %8s %10s %10s\n", "label", "calls", "ms", "µs each");
  for (uint64_t i = 0; i < count; ++i) {
    fprintf(stderr, "%-40s %8lu %10.2f %9.2f\n", rows[i].label, (unsigned long)rows[i].calls,
            1e3 * rows[i].seconds, 1e6 * rows[i].seconds / (double)rows[i].calls);
  }
}
