# What `cmake --install` puts where.
include(CMakePackageConfigHelpers)
set(RST_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/restain)

install(TARGETS restain EXPORT restainTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET restain_cli)
  install(TARGETS restain_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(DIRECTORY include/restain DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")

# The prefix may still change at install time, so the file finds its neighbours from where it is.
file(RELATIVE_PATH RST_INCLUDE_FROM_LIB ${CMAKE_INSTALL_FULL_LIBDIR} ${CMAKE_INSTALL_FULL_INCLUDEDIR})
configure_file(cmake/restain.pc.in restain.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/restain.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# Within a major version of 0 every minor one may break.
write_basic_package_version_file(restainConfigVersion.cmake COMPATIBILITY SameMinorVersion)
configure_package_config_file(cmake/restainConfig.cmake.in restainConfig.cmake
  INSTALL_DESTINATION ${RST_PACKAGE_DIR})
install(FILES ${CMAKE_BINARY_DIR}/restainConfig.cmake ${CMAKE_BINARY_DIR}/restainConfigVersion.cmake
  DESTINATION ${RST_PACKAGE_DIR})
install(EXPORT restainTargets NAMESPACE restain:: DESTINATION ${RST_PACKAGE_DIR})

# The command writes these two from its option tables.
install(DIRECTORY ${CMAKE_BINARY_DIR}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 OPTIONAL
  FILES_MATCHING PATTERN "*.1")
install(FILES ${CMAKE_BINARY_DIR}/completion/restain
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions OPTIONAL)
install(FILES LICENSE CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR} OPTIONAL)
