# Every tests/fuzz/<name>_fuzz.hpp is one target with one function ipsec::fuzz::<name>(byte_view).
file(GLOB ipsecpp_fuzz_headers CONFIGURE_DEPENDS RELATIVE "${CMAKE_CURRENT_LIST_DIR}" "${CMAKE_CURRENT_LIST_DIR}/*_fuzz.hpp")
set(ipsecpp_fuzz_targets "")
foreach(header IN LISTS ipsecpp_fuzz_headers)
  string(REGEX REPLACE "_fuzz\\.hpp$" "" name "${header}")
  list(APPEND ipsecpp_fuzz_targets ${name})
endforeach()
