install(TARGETS damo EXPORT damoTargets FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/damo)
install(EXPORT damoTargets NAMESPACE damo:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/damo)
configure_package_config_file(cmake/damoConfig.cmake.in damoConfig.cmake
                              INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/damo)
write_basic_package_version_file(damoConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/damoConfig.cmake ${PROJECT_BINARY_DIR}/damoConfigVersion.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/damo)
