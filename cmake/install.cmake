# Headers, the CMake package and the pkg-config file. Nothing in them names the machine or depends on its word size.
include(CMakePackageConfigHelpers)

set(ipsecpp_package_dir "${CMAKE_INSTALL_DATADIR}/cmake/ipsecpp")

install(
  DIRECTORY include/ipsec
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
  FILES_MATCHING
  PATTERN "*.hpp")
install(TARGETS ipsecpp ipsecpp_testing EXPORT ipsecpp-targets)
install(
  EXPORT ipsecpp-targets
  NAMESPACE ipsecpp::
  DESTINATION "${ipsecpp_package_dir}")

configure_package_config_file(cmake/ipsecpp-config.cmake.in "${CMAKE_CURRENT_BINARY_DIR}/ipsecpp-config.cmake"
                              INSTALL_DESTINATION "${ipsecpp_package_dir}")
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/ipsecpp-config-version.cmake"
                                 COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/ipsecpp-config.cmake"
              "${CMAKE_CURRENT_BINARY_DIR}/ipsecpp-config-version.cmake" cmake/ipsecpp-components.cmake
        DESTINATION "${ipsecpp_package_dir}")

# The prefix is found from where the file lies, so that an installed tree may be moved.
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY "${CMAKE_INSTALL_FULL_DATADIR}/pkgconfig"
           OUTPUT_VARIABLE ipsecpp_pc_up)
set(IPSECPP_PC_PREFIX "\${pcfiledir}/${ipsecpp_pc_up}")
if(IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  set(IPSECPP_PC_INCLUDEDIR "${CMAKE_INSTALL_INCLUDEDIR}")
else()
  set(IPSECPP_PC_INCLUDEDIR "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
configure_file(cmake/ipsecpp.pc.in "${CMAKE_CURRENT_BINARY_DIR}/ipsecpp.pc" @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/ipsecpp.pc" DESTINATION "${CMAKE_INSTALL_DATADIR}/pkgconfig")
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/ipsecpp")
