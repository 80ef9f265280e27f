#include "support/program.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <new>

#include "support/stop.hpp"

namespace damo::examples {

int run_program(const char* name, const std::function<int()>& body) {
  try {
    const int code = body();
    // A full disk behind a redirected stdout is noticed here at the latest.
    if (std::fflush(stdout) != 0) {
      fmt::print(stderr, "{}: cannot write to the standard output\n", name);
      return failure;
    }
    return code;
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "{}: out of memory\n", name);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}\n", name, error.what());
  }
  return failure;
}

}  // namespace damo::examples
