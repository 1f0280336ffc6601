/* The loops of ridgeline's bandwidth and latency ladders as a plain OpenMP C program, to be run in
 * turn with it (ladders.py):
 *
 *     ladders KERNEL PAGES STORES BYTES     KERNEL read|copy|triad, PAGES 4k|huge, STORES ordinary|non-temporal
 *     ladders chase BYTES
 *
 * The first prints "KERNEL BYTES GB/s" (best of at least 10 repetitions, all threads, bytes as the program
 * asks for them), the second "chase BYTES SECONDS" (a dependent load, the fastest of at least 7
 * repeats that together make a million loads and go once round; 128 B nodes on 4 KiB pages).
 *
 * cc -O3 -march=native -fopenmp ladders.c -o ladders
 */
#define _GNU_SOURCE
#include <omp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

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

/* Of a vector of 8 numbers, which non-temporal stores write at once: a line of the cache. */
typedef double Line __attribute__((vector_size(64)));

static void store(double *to, Line line, int nontemporal) {
#if defined(__AVX512F__)
  if (nontemporal) {
    _mm512_stream_pd(to, (__m512d)line);
    return;
  }
#elif defined(__SSE2__)
  if (nontemporal) {
    for (int i = 0; i < 8; i += 2) _mm_stream_pd(to + i, (__m128d){line[i], line[i + 1]});
    return;
  }
#endif
  *(Line *)to = line;
}

static double stream(const char *kernel, size_t bytes, int huge, int nontemporal) {
  const int arrays = kernel[0] == 'r' ? 1 : kernel[0] == 'c' ? 2 : 3;
  const size_t lines = bytes / sizeof(Line) / (size_t)arrays, size = lines * sizeof(Line);
  const int advice = huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE;
  /* Beginnings that are equal modulo 4 KiB would make loads wait for unrelated stores. */
  const size_t apart = size / sizeof(double) + 3 * sizeof(Line) / sizeof(double);
  double *const a = map(3 * apart * sizeof(double), advice), *const b = a + apart, *const c = b + apart;
  const double s = 0.4;
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < 8 * lines; ++i) {
    a[i] = 0.5 + (double)(i % 4093) / 4093;
    if (arrays > 2) b[i] = 1.5 - (double)(i % 4093) / 4093;
    if (arrays > 1) c[i] = 0;
  }
  double best = 1e9, all = 0, sum = 0;
  for (int repeat = -1; repeat < 10 || all < 0.2; ++repeat) { /* one before, to warm up */
    const double begin = now();
#pragma omp parallel reduction(+ : sum)
    {
      Line sums[4] = {{0}, {0}, {0}, {0}};
      if (arrays == 1) {
#pragma omp for schedule(static)
        for (size_t i = 0; i < lines / 4; ++i) {
          for (int k = 0; k < 4; ++k) sums[k] += *(const Line *)(a + 8 * (4 * i + (size_t)k));
        }
      } else if (arrays == 2) {
#pragma omp for schedule(static)
        for (size_t i = 0; i < lines; ++i) store(c + 8 * i, *(const Line *)(a + 8 * i), nontemporal);
      } else {
#pragma omp for schedule(static)
        for (size_t i = 0; i < lines; ++i) {
          store(c + 8 * i, *(const Line *)(a + 8 * i) + s * *(const Line *)(b + 8 * i), nontemporal);
        }
      }
      for (int k = 0; k < 4; ++k) sum += sums[k][0] + sums[k][7];
    }
    const double seconds = now() - begin;
    if (repeat < 0) continue;
    all += seconds;
    if (seconds < best) best = seconds;
  }
  for (size_t i = 0; arrays > 1 && i < 8 * lines; ++i) {
    const double error = c[i] - (a[i] + (arrays > 2 ? s * b[i] : 0));
    if (!(error < 1e-14 && error > -1e-14)) exit(1);
  }
  if (arrays == 1 && !(sum > 0)) exit(1);
  return (double)arrays * (double)size / best * 1e-9;
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
  const size_t bytes = count > 1 ? strtoull(arguments[count - 1], NULL, 10) : 0;
  if (count == 3 && !strcmp(arguments[1], "chase")) {
    printf("chase %zu %.6g\n", bytes, chase(bytes));
  } else if (count == 5) {
    printf("%s %zu %.6g\n", arguments[1], bytes,
           stream(arguments[1], bytes, !strcmp(arguments[2], "huge"), !strcmp(arguments[3], "non-temporal")));
  } else {
    fprintf(stderr, "usage: ladders KERNEL PAGES STORES BYTES | ladders chase BYTES\n");
    return 2;
  }
  return 0;
}
