# Consumers of the install tree and of the source tree (see check.py).
if(Python3_FOUND AND IPSECPP_INSTALL AND NOT IPSECPP_SANITIZED)
  foreach(way IN ITEMS package moved components unknown pkg-config subdirectory)
    add_test(NAME install/${way} COMMAND "${Python3_EXECUTABLE}" "${CMAKE_CURRENT_LIST_DIR}/check.py" ${way})
    set_tests_properties(install/${way} PROPERTIES LABELS install TIMEOUT 300 ENVIRONMENT "${ipsecpp_test_environment}")
  endforeach()
endif()
