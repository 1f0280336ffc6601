// A stand-in for NVIDIA's libnvidia-ml.so with one GPU, 0000:1B:00.0, whose counter advances by
// 1500 mJ at each reading; a second one, 0000:2B:00.0, has no counter.
#include <string.h>

static int started = 0, gpu = 0, gpu_without_counter = 0;
static unsigned long long millijoules = 7000;

int nvmlInit_v2(void) { return ++started, 0; }
int nvmlShutdown(void) { return --started, 0; }

int nvmlDeviceGetHandleByPciBusId_v2(const char* address, void** device) {
  if (started == 0) return 1;
  *device = strcmp(address, "0000:1B:00.0") == 0 ? (void*)&gpu : (void*)&gpu_without_counter;
  return strcmp(address, "0000:1B:00.0") == 0 || strcmp(address, "0000:2B:00.0") == 0 ? 0 : 6;
}

int nvmlDeviceGetTotalEnergyConsumption(void* device, unsigned long long* energy) {
  if (started == 0 || device != (void*)&gpu) return 3;
  millijoules += 1500;
  *energy = millijoules;
  return 0;
}
