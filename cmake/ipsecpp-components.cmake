# The targets that stand on somebody else's library. Read by the project itself and by its installed package.
#
#   ipsecpp_component(botan)   defines ipsecpp::botan where Botan 2.19 or 3 is installed, else says why in
#                              ipsecpp_botan_NOT_FOUND_MESSAGE and defines nothing

set(ipsecpp_optional_components asio botan fmt pcap)

# A library by its pkg-config names, or by header and library where pkg-config is absent.
function(ipsecpp_find_library prefix)
  cmake_parse_arguments(arg "" "HEADER" "MODULES;LIBRARIES;SUFFIXES" ${ARGN})
  find_package(PkgConfig QUIET)
  if(PkgConfig_FOUND)
    foreach(module IN LISTS arg_MODULES)
      pkg_check_modules(${prefix}_${module} QUIET ${module})
      if(${prefix}_${module}_FOUND)
        set(${prefix}_includes "${${prefix}_${module}_INCLUDE_DIRS}" PARENT_SCOPE)
        set(${prefix}_libraries "${${prefix}_${module}_LINK_LIBRARIES}" PARENT_SCOPE)
        set(${prefix}_found TRUE PARENT_SCOPE)
        return()
      endif()
    endforeach()
  endif()
  find_path(IPSECPP_${prefix}_INCLUDE_DIR ${arg_HEADER} PATH_SUFFIXES ${arg_SUFFIXES})
  find_library(IPSECPP_${prefix}_LIBRARY NAMES ${arg_LIBRARIES})
  mark_as_advanced(IPSECPP_${prefix}_INCLUDE_DIR IPSECPP_${prefix}_LIBRARY)
  if(IPSECPP_${prefix}_INCLUDE_DIR AND IPSECPP_${prefix}_LIBRARY)
    set(${prefix}_includes "${IPSECPP_${prefix}_INCLUDE_DIR}" PARENT_SCOPE)
    set(${prefix}_libraries "${IPSECPP_${prefix}_LIBRARY}" PARENT_SCOPE)
    set(${prefix}_found TRUE PARENT_SCOPE)
  else()
    set(${prefix}_found FALSE PARENT_SCOPE)
  endif()
endfunction()

macro(ipsecpp_component name)
  if(NOT TARGET ipsecpp::${name})
    if("${name}" STREQUAL "botan")
      ipsecpp_find_library(
        ipsecpp_botan
        MODULES botan-3 botan-2
        LIBRARIES botan-3 botan-2
        HEADER botan/version.h
        SUFFIXES botan-3 botan-2)
      set(ipsecpp_wanted "Botan 2.19 or 3 (pkg-config botan-2 or botan-3)")
    elseif("${name}" STREQUAL "pcap")
      ipsecpp_find_library(
        ipsecpp_pcap
        MODULES libpcap
        LIBRARIES pcap
        HEADER pcap/pcap.h)
      set(ipsecpp_wanted "libpcap (pkg-config libpcap)")
    elseif("${name}" STREQUAL "fmt")
      find_package(fmt QUIET GLOBAL)
      set(ipsecpp_fmt_found ${fmt_FOUND})
      set(ipsecpp_fmt_includes "")
      set(ipsecpp_fmt_libraries fmt::fmt)
      set(ipsecpp_wanted "fmt (find_package(fmt))")
    elseif("${name}" STREQUAL "asio")
      # headers only; its loop wants the system's threads
      find_path(IPSECPP_asio_INCLUDE_DIR asio.hpp)
      mark_as_advanced(IPSECPP_asio_INCLUDE_DIR)
      find_package(Threads QUIET)
      set(ipsecpp_asio_includes "${IPSECPP_asio_INCLUDE_DIR}")
      set(ipsecpp_asio_libraries Threads::Threads)
      if(IPSECPP_asio_INCLUDE_DIR AND Threads_FOUND)
        set(ipsecpp_asio_found TRUE)
      else()
        set(ipsecpp_asio_found FALSE)
      endif()
      set(ipsecpp_wanted "standalone Asio (asio.hpp) and threads")
    else()
      set(ipsecpp_${name}_found FALSE)
      set(ipsecpp_wanted "a component of that name; there are: ${ipsecpp_optional_components} testing")
    endif()
    if(ipsecpp_${name}_found)
      add_library(ipsecpp::${name} INTERFACE IMPORTED GLOBAL)
      set_target_properties(
        ipsecpp::${name}
        PROPERTIES INTERFACE_LINK_LIBRARIES "ipsecpp::ipsecpp;${ipsecpp_${name}_libraries}"
                   INTERFACE_INCLUDE_DIRECTORIES "${ipsecpp_${name}_includes}")
      if("${name}" STREQUAL "asio")
        set_target_properties(ipsecpp::asio PROPERTIES INTERFACE_COMPILE_DEFINITIONS ASIO_STANDALONE)
      endif()
    else()
      set(ipsecpp_${name}_NOT_FOUND_MESSAGE "ipsecpp::${name} needs ${ipsecpp_wanted}")
    endif()
  endif()
endmacro()
