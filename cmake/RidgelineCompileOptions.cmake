# Compile options of Ridgeline's own code: ridgeline_compile_options(TARGET) for each of its
# targets. Private, so that a project that links the library keeps its own flags.

function(ridgeline_compile_options target)
  # errno is not read after sqrt, and setting it would prevent vectorisation of loops with sqrt.
  target_compile_options(${target} PRIVATE -Wall -Wextra -fno-math-errno)
  if(RIDGELINE_WARNINGS_AS_ERRORS)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(RIDGELINE_ISA)
    target_compile_options(${target} PRIVATE -march=${RIDGELINE_ISA})
  endif()
  if(RIDGELINE_BOUNDS_CHECKS)
    # View tests this in its headers, so Kokkos itself need not be built with it.
    target_compile_definitions(${target} PRIVATE KOKKOS_ENABLE_DEBUG_BOUNDS_CHECK)
  endif()
  if(RIDGELINE_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${RIDGELINE_SANITIZE}
      -fno-sanitize-recover=all -fno-omit-frame-pointer)
    if(RIDGELINE_SANITIZE MATCHES "address")
      # The address sanitizer detects such accesses, and these checks take a fifth of the compile
      # time. GCC's check of alignment takes as long as all others; the kernels, which read vectors,
      # keep it, and are optimised, because they do most of the work.
      target_compile_options(${target} PRIVATE -fno-sanitize=null,object-size,vptr)
      if(target MATCHES "^ridgeline_(kernels|host)$")
        target_compile_options(${target} PRIVATE -O1)
      elseif(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        target_compile_options(${target} PRIVATE -fno-sanitize=alignment)
      endif()
    endif()
    # A sanitizer's shadow memory reserves terabytes of address space, and it replaces malloc.
    target_compile_definitions(${target} PRIVATE RIDGELINE_SANITIZED)
    # Public, because programs that link the library must link the sanitizers.
    target_link_options(${target} PUBLIC -fsanitize=${RIDGELINE_SANITIZE})
  endif()
  if(RIDGELINE_ENABLE_CUDA)
    if(RIDGELINE_KOKKOS_COMPILER MATCHES "nvcc_wrapper")
      target_compile_options(${target} PRIVATE -expt-relaxed-constexpr)
    endif()
    # Kokkos links the driver library without calling it. With it, programs would not start on a
    # machine without a GPU, but `info` and `--dry-run` must.
    target_link_options(${target} PUBLIC -Wl,--as-needed)
  endif()
endfunction()
