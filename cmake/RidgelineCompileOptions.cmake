# How our own code is compiled: ridgeline_compile_options(TARGET) for every target of ours. Private
# to these targets, so that a project that links the library keeps its own flags.

function(ridgeline_compile_options target)
  # Nobody reads errno after a root, and a loop with roots that set it is no vector code.
  target_compile_options(${target} PRIVATE -Wall -Wextra -fno-math-errno)
  if(RIDGELINE_WARNINGS_AS_ERRORS)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(RIDGELINE_ISA)
    target_compile_options(${target} PRIVATE -march=${RIDGELINE_ISA})
  endif()
  if(RIDGELINE_BOUNDS_CHECKS)
    # View reads this in its headers, so Kokkos itself need not be built with it.
    target_compile_definitions(${target} PRIVATE KOKKOS_ENABLE_DEBUG_BOUNDS_CHECK)
  endif()
  if(RIDGELINE_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${RIDGELINE_SANITIZE}
      -fno-sanitize-recover=all -fno-omit-frame-pointer)
    if(RIDGELINE_SANITIZE MATCHES "address")
      # The address sanitizer finds the accesses themselves, and these checks take a fifth of the
      # time to compile.
      target_compile_options(${target} PRIVATE -fno-sanitize=null,object-size,vptr)
    endif()
    # A sanitizer's shadow memory takes terabytes of addresses, and it replaces malloc.
    target_compile_definitions(${target} PRIVATE RIDGELINE_SANITIZED)
    # Public, because programs that link the library have to link the sanitizers.
    target_link_options(${target} PUBLIC -fsanitize=${RIDGELINE_SANITIZE})
  endif()
  if(RIDGELINE_ENABLE_CUDA)
    if(RIDGELINE_KOKKOS_COMPILER MATCHES "nvcc_wrapper")
      target_compile_options(${target} PRIVATE -expt-relaxed-constexpr)
    endif()
    # Kokkos links the driver library without calling it; a program that kept it would not even
    # start on a machine without a GPU, and `info` and `--dry-run` have to.
    target_link_options(${target} PUBLIC -Wl,--as-needed)
  endif()
endfunction()
