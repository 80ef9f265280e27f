option(DAMO_BUILD_TESTS "Build the tests" ${PROJECT_IS_TOP_LEVEL})
option(DAMO_BUILD_EXAMPLES "Build the example programs" ${PROJECT_IS_TOP_LEVEL})
option(DAMO_BUILD_BENCH "Build the benchmarks" ${PROJECT_IS_TOP_LEVEL})
option(DAMO_BUILD_IO "Build damo_io: data files, pictures, checkpoints" ${PROJECT_IS_TOP_LEVEL})
option(DAMO_WERROR "Treat warnings as errors" ${PROJECT_IS_TOP_LEVEL})
set(DAMO_SANITIZE "" CACHE STRING "Sanitizers to build with, for example address,undefined")

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# -O2: the hot loops live in ops/kernels, which get -O3.
set(CMAKE_CXX_FLAGS_RELEASE "-O2")
# For the sanitizer presets: enough for readable reports, and quick to compile.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g1")
find_program(DAMO_CCACHE ccache)
if(DAMO_CCACHE AND PROJECT_IS_TOP_LEVEL)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${DAMO_CCACHE})
endif()
# For a first build: what nearly every source includes is parsed once, and a folder's sources are compiled as one, so that an
# edit compiles its folder. Not under ccache, which knows single sources, and could share nothing between folders.
if(DAMO_CCACHE)
  set(damo_first_build OFF)
else()
  set(damo_first_build ON)
endif()
option(DAMO_PRECOMPILE "Precompile the headers that nearly every source includes" ${damo_first_build})
option(DAMO_UNITY "Compile the sources of each folder as one" ${damo_first_build})

function(damo_precompile target)
  if(DAMO_PRECOMPILE)
    target_precompile_headers(${target} PRIVATE <algorithm> <array> <cmath> <functional> <map> <memory> <optional> <span>
                              <string> <string_view> <unordered_map> <vector> <fmt/format.h> ${ARGN})
  endif()
endfunction()

if(DAMO_SANITIZE)
  add_compile_options(-fsanitize=${DAMO_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${DAMO_SANITIZE})
endif()

# No contraction of a*b+c into one rounding: results must not depend on the instruction set chosen at run time.
add_compile_options(-ffp-contract=off)

function(damo_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wconversion -Wno-sign-conversion
                                           $<$<BOOL:${DAMO_WERROR}>:-Werror>)
  if(DAMO_SANITIZE)
    # g++'s instrumentation makes it see uninitialized reads that are none.
    target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized)
  endif()
endfunction()

# -fno-trapping-math lets the compiler turn clamps into selects, which vectorise; it changes no result.
function(damo_kernel_flags target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O3> -fno-math-errno -fno-trapping-math)
endfunction()

# For what is neither run often nor long.
function(damo_compile_quickly target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
endfunction()

# Sources of one folder are compiled as one. A source that compiles its kernels once per instruction set stays alone: it
# opens the same namespaces with other content.
function(damo_unity target)
  if(NOT DAMO_UNITY)
    return()
  endif()
  get_target_property(sources ${target} SOURCES)
  foreach(source IN LISTS sources)
    if(source MATCHES "\\.cpp$")
      file(STRINGS ${source} alone REGEX "for_each_isa\\.inc")
      if(NOT alone)
        cmake_path(GET source PARENT_PATH folder)
        file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${folder})
        string(MAKE_C_IDENTIFIER ${folder} group)
        set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${group})
      endif()
    endif()
  endforeach()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
endfunction()

# <damo/graph/var.hpp> works in the build tree as it does after installing.
function(damo_link_include_tree)
  file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/include/damo)
  foreach(entry IN LISTS ARGN ITEMS core.hpp damo.hpp io.hpp)
    file(CREATE_LINK ${PROJECT_SOURCE_DIR}/${entry} ${PROJECT_BINARY_DIR}/include/damo/${entry} SYMBOLIC)
  endforeach()
endfunction()
