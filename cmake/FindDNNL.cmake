# oneDNN's C library, 2.x or 3.x. Debian's own package config insists on OpenCL's headers, which a CPU build
# does not need; so look for header and library directly.
#
# Defines DNNL_FOUND, DNNL_VERSION and the target DNNL::DNNL.
find_path(DNNL_INCLUDE_DIR dnnl.h)
find_library(DNNL_LIBRARY dnnl)
mark_as_advanced(DNNL_INCLUDE_DIR DNNL_LIBRARY)

if(DNNL_INCLUDE_DIR)
  set(DNNL_VERSION "")
  foreach(header dnnl_version.h oneapi/dnnl/dnnl_version.h)
    if(EXISTS ${DNNL_INCLUDE_DIR}/${header})
      file(STRINGS ${DNNL_INCLUDE_DIR}/${header} lines REGEX "define DNNL_VERSION_(MAJOR|MINOR|PATCH) +[0-9]+")
      string(REGEX REPLACE "[^0-9;]" "" numbers "${lines}")
      string(REPLACE ";" "." numbers "${numbers}")
      if(numbers)
        set(DNNL_VERSION ${numbers})
      endif()
    endif()
  endforeach()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(DNNL REQUIRED_VARS DNNL_LIBRARY DNNL_INCLUDE_DIR VERSION_VAR DNNL_VERSION)

if(DNNL_FOUND AND NOT TARGET DNNL::DNNL)
  add_library(DNNL::DNNL UNKNOWN IMPORTED)
  set_target_properties(DNNL::DNNL PROPERTIES
    IMPORTED_LOCATION ${DNNL_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${DNNL_INCLUDE_DIR})
endif()
