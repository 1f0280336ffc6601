# Spack's recipe, for its package API of version 1 (Spack 0.23). UNTRIED: there was no Spack where it
# was written, so that names of packages and variants may need a change. From a clone, since there is
# no archive of a release yet:
#
#   spack repo create ridgeline-repo
#   mkdir -p ridgeline-repo/packages/ridgeline
#   cp packaging/spack/package.py ridgeline-repo/packages/ridgeline/
#   spack repo add ridgeline-repo
#   spack dev-build ridgeline@0.1.0

from spack.package import *


class Ridgeline(CMakePackage, CudaPackage):
    """An HPC miniapp on Kokkos: places the layers of neural networks under the ceilings of a machine."""

    license("BSD-3-Clause")

    version("0.1.0")

    variant("openmp", default=True, description="Build the OpenMP execution space")
    variant("pictures", default=False, description="Draw the pictures of `ridgeline report` with PLplot")

    depends_on("c", type="build")
    depends_on("cxx", type="build")
    depends_on("cmake@3.22:", type="build")

    # One Kokkos for both: types differ between builds. Kokkos 5 needs C++20.
    depends_on("kokkos@3.4:4 +serial cxxstd=17")
    depends_on("kokkos-kernels@3.4:4 +serial")
    depends_on("kokkos+openmp", when="+openmp")
    depends_on("kokkos-kernels+openmp", when="+openmp")
    for architecture in CudaPackage.cuda_arch_values:
        flags = f"+cuda cuda_arch={architecture}"
        depends_on(f"kokkos+wrapper {flags}", when=flags)
        depends_on(f"kokkos-kernels {flags}", when=flags)
    conflicts("cuda_arch=none", when="+cuda", msg="name the GPU's compute capability: cuda_arch=90")

    depends_on("hdf5@1.10.6:")  # the C library; MPI is not needed
    depends_on("zlib-api")
    depends_on("xxhash")
    depends_on("hwloc@2.1:")
    depends_on("fmt")
    depends_on("nlohmann-json")
    depends_on("tomlplusplus")
    depends_on("cli11")
    depends_on("boost@1.66:")  # Boost.Math, headers alone
    depends_on("pugixml")
    depends_on("plplot", when="+pictures")

    def cmake_args(self):
        # With CUDA, the compiler is the one that Kokkos was built with, which CMake reads from its package.
        return [
            self.define("RIDGELINE_KOKKOS", "installed"),
            self.define("Kokkos_ROOT", self.spec["kokkos"].prefix),
            self.define("KokkosKernels_ROOT", self.spec["kokkos-kernels"].prefix),
            self.define_from_variant("RIDGELINE_ENABLE_OPENMP", "openmp"),
            self.define_from_variant("RIDGELINE_ENABLE_CUDA", "cuda"),
            self.define_from_variant("RIDGELINE_PLPLOT", "pictures"),
            # Spack's compiler wrapper passes the option of the target.
            self.define("RIDGELINE_ISA", ""),
            self.define("RIDGELINE_BUILD_TESTS", False),
        ]

    @run_after("install")
    @on_package_attributes(run_tests=True)
    def train_once(self):
        """A deck whose data are generated; its [verify] decides the exit status."""
        program = Executable(join_path(self.prefix.bin, "ridgeline"))
        deck = join_path(self.prefix.share, "ridgeline", "inputs", "synthetic_mlp.toml")
        with working_dir(self.build_directory):
            program("train", deck, "--quiet")
