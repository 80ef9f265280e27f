# What damo_io links to, in this build and in programs that use an installed Damo.
find_package(PkgConfig REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PNG REQUIRED)
# Debian's CMake files for libzip demand command-line tools that its -dev package does not bring.
pkg_check_modules(LIBZIP REQUIRED IMPORTED_TARGET libzip)
