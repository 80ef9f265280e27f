# damo_io: data files, pictures and checkpoints. It knows damo::Array and nothing of graphs.
include(${CMAKE_CURRENT_LIST_DIR}/damoIoDependencies.cmake)
find_package(nlohmann_json 3.11 CONFIG REQUIRED)

file(GLOB_RECURSE io_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/io/*.cpp)
add_library(damo_io STATIC ${io_sources})
add_library(damo::io ALIAS damo_io)
set_target_properties(damo_io PROPERTIES EXPORT_NAME io)
damo_reached_headers(io_headers io.hpp)
list(REMOVE_ITEM io_headers ${damo_headers})
target_sources(damo_io PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${io_headers})
target_link_libraries(damo_io PUBLIC damo::damo
                              PRIVATE fmt::fmt PkgConfig::LIBZIP PNG::PNG ZLIB::ZLIB
                                      $<BUILD_INTERFACE:nlohmann_json::nlohmann_json>)
damo_warnings(damo_io)
damo_compile_quickly(damo_io)
damo_precompile(damo_io <filesystem>)
damo_unity(damo_io)
