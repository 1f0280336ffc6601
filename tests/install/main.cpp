// An external program: Ridgeline's headers by their installed names, and Kokkos through it.
#include <Kokkos_Core.hpp>
#include <cstdio>
#include <ridgeline/core/build_info.hpp>

int main(int argc, char** argv) {
  const ridgeline::BuildInfo& info = ridgeline::build_info();
  std::printf("ridgeline %s (%s), Kokkos %s (%s)\n", info.version, info.git_commit,
              info.kokkos_version, info.kokkos_origin);
  return 0;
}
