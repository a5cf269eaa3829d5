# Each tests/compile_fail/<case>.cpp is refused by the compiler in the words that it expects (see check.py).
if(Python3_FOUND AND NOT IPSECPP_SANITIZED)
  file(GLOB cases CONFIGURE_DEPENDS "${CMAKE_CURRENT_LIST_DIR}/*.cpp")
  get_target_property(botan_includes ipsecpp::botan INTERFACE_INCLUDE_DIRECTORIES)
  list(FILTER botan_includes INCLUDE REGEX "^/")
  list(JOIN botan_includes ":" botan_includes)
  foreach(case IN LISTS cases)
    cmake_path(GET case STEM name)
    add_test(NAME compile_fail/${name} COMMAND "${Python3_EXECUTABLE}" "${CMAKE_CURRENT_LIST_DIR}/check.py" "${case}")
    set_tests_properties(compile_fail/${name} PROPERTIES LABELS compile_fail TIMEOUT 120
                                                         ENVIRONMENT "${ipsecpp_test_environment};IPSECPP_BOTAN_INCLUDES=${botan_includes}")
  endforeach()
endif()
