# Upstream's release archives. Where there is no network, put them into the downloads folder.

set(RIDGELINE_UPSTREAM_VERSION 4.7.02)
set(RIDGELINE_UPSTREAM_SHA256_kokkos
  a81826ac0a167933d13506bc2a986fb5517038df9abb780fe9bb2c1d4e80803b)
set(RIDGELINE_UPSTREAM_SHA256_kokkos-kernels
  2d3b3e10ac112e382b88c50d66e4222ce543fca5d42be6d8376a684b82b8b238)

# Leaves the sources in FOLDER/kokkos and FOLDER/kokkos-kernels.
function(ridgeline_fetch_upstream folder found_variable reason_variable)
  set(${found_variable} FALSE PARENT_SCOPE)
  set(version ${RIDGELINE_UPSTREAM_VERSION})
  foreach(package kokkos kokkos-kernels)
    set(archive "${RIDGELINE_DEPS_DIR}/downloads/${package}-${version}.tar.gz")
    set(url "https://github.com/kokkos/${package}/releases/download/${version}")
    if(NOT EXISTS "${archive}")
      # A few MB; behind a firewall that drops packets, the time limit is what ends the attempt.
      file(DOWNLOAD "${url}/${package}-${version}.tar.gz" "${archive}.partial"
        INACTIVITY_TIMEOUT 15 TIMEOUT 60 STATUS status)
      list(GET status 0 code)
      if(NOT code EQUAL 0)
        file(REMOVE "${archive}.partial")
        list(GET status 1 message)
        set(${reason_variable} "no ${package}-${version}.tar.gz from github.com (${message})"
          PARENT_SCOPE)
        return()
      endif()
      file(RENAME "${archive}.partial" "${archive}")
    endif()
    file(SHA256 "${archive}" checksum)
    if(NOT checksum STREQUAL RIDGELINE_UPSTREAM_SHA256_${package})
      file(REMOVE "${archive}")
      set(${reason_variable} "${archive} had a wrong SHA-256 and was removed" PARENT_SCOPE)
      return()
    endif()
    file(ARCHIVE_EXTRACT INPUT "${archive}" DESTINATION "${folder}")
    file(RENAME "${folder}/${package}-${version}" "${folder}/${package}")
  endforeach()
  set(${found_variable} TRUE PARENT_SCOPE)
endfunction()
