# damo_io: data files, pictures and checkpoints. It knows damo::Array and nothing of graphs.
find_package(PkgConfig REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PNG REQUIRED)
find_package(nlohmann_json 3.11 CONFIG REQUIRED)
# Debian's CMake files for libzip demand command-line tools that its -dev package does not bring.
pkg_check_modules(LIBZIP REQUIRED IMPORTED_TARGET libzip)

file(GLOB io_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/io/*.cpp)
add_library(damo_io STATIC ${io_sources})
add_library(damo::io ALIAS damo_io)
target_link_libraries(damo_io PUBLIC damo::damo
                              PRIVATE fmt::fmt nlohmann_json::nlohmann_json PkgConfig::LIBZIP PNG::PNG ZLIB::ZLIB)
damo_warnings(damo_io)
