/* The loops of ridgeline's bandwidth and latency ladders as a plain OpenMP C program, to be run in
 * turn with it (ladders.py):
 *
 *     ladders TRIAD_BYTES CHASE_BYTES...
 *
 * prints (the first unless it is asked for 0 bytes) "triad BYTES GB/s" (best of at least 10 repetitions, all threads, bytes as the program asks
 * for them) and, for each set, "chase BYTES SECONDS" (a dependent load, the fastest of at least 7
 * repeats that together make a million loads and go once round; 128 B nodes on 4 KiB pages).
 *
 * cc -O3 -march=native -fopenmp ladders.c -o ladders
 */
#define _GNU_SOURCE
#include <omp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

enum { kStride = 128, kRepeats = 7 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static uint64_t state = 88172645463325252ull;
static uint64_t random_number(void) { /* Marsaglia's xorshift */
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

static void *map(size_t bytes, int advice) {
  void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    perror("mmap");
    exit(1);
  }
  if (advice >= 0) madvise(memory, bytes, advice);
  return memory;
}

static double triad(size_t bytes) {
  const size_t n = bytes / sizeof(double) / 3;
  double *restrict a = map(n * sizeof(double), -1), *restrict b = map(n * sizeof(double), -1),
                   *restrict c = map(n * sizeof(double), -1);
  const double s = 0.4;
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < n; ++i) {
    a[i] = 0.5 + (double)(i % 4093) / 4093;
    b[i] = 1.5 - (double)(i % 4093) / 4093;
    c[i] = 0;
  }
  double best = 1e9, all = 0;
  for (int repeat = -1; repeat < 10 || all < 0.2; ++repeat) { /* one before, to warm up */
    const double begin = now();
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; ++i) c[i] = a[i] + s * b[i];
    const double seconds = now() - begin;
    if (repeat < 0) continue;
    all += seconds;
    if (seconds < best) best = seconds;
  }
  for (size_t i = 0; i < n; ++i) {
    const double error = c[i] - (a[i] + s * b[i]);
    if (!(error < 1e-14 && error > -1e-14)) exit(1);
  }
  munmap(a, n * sizeof(double));
  munmap(b, n * sizeof(double));
  munmap(c, n * sizeof(double));
  return 3.0 * (double)(n * sizeof(double)) / best * 1e-9;
}

static double chase(size_t bytes) {
  const size_t nodes = bytes / kStride;
  char *base = map(bytes, MADV_NOHUGEPAGE);
  uint32_t *next = malloc(nodes * sizeof(*next));
  for (size_t i = 0; i < nodes; ++i) next[i] = (uint32_t)i;
  for (size_t i = nodes; i-- > 1;) { /* Sattolo's shuffle: one cycle through all nodes */
    const size_t j = random_number() % i;
    const uint32_t other = next[i];
    next[i] = next[j];
    next[j] = other;
  }
  for (size_t i = 0; i < nodes; ++i) *(void **)(base + i * kStride) = base + next[i] * kStride;
  free(next);
  /* What linking has left in the cache, a chase through a large set would not find there. */
  const size_t sweep = 64u << 20;
  char *other = map(sweep, -1);
  for (size_t i = 0; i < sweep; i += 64) other[i] = 1;
  munmap(other, sweep);
  const long all_loads = nodes > 1000000 ? (long)nodes : 1000000;
  const long loads = (all_loads + kRepeats - 1) / kRepeats;
  void **at = (void **)base;
  double best = 1e9, all = 0;
  for (int repeat = -1; repeat < kRepeats || all < 0.02; ++repeat) {
    const double begin = now();
    for (long i = 0; i < loads; ++i) at = (void **)*at;
    const double seconds = now() - begin;
    if (repeat < 0) continue;
    all += seconds;
    if (seconds < best) best = seconds;
  }
  if ((char *)at < base || (char *)at >= base + bytes) exit(1); /* the last pointer is used */
  munmap(base, bytes);
  return best / (double)loads;
}

int main(int count, char **arguments) {
  if (count < 2) {
    fprintf(stderr, "usage: ladders TRIAD_BYTES CHASE_BYTES...\n");
    return 2;
  }
  const size_t triad_bytes = strtoull(arguments[1], NULL, 10);
  if (triad_bytes > 0) printf("triad %zu %.6g\n", triad_bytes, triad(triad_bytes));
  for (int i = 2; i < count; ++i) {
    const size_t bytes = strtoull(arguments[i], NULL, 10);
    printf("chase %zu %.6g\n", bytes, chase(bytes));
  }
  return 0;
}
