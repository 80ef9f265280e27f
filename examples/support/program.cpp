#include "support/program.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <new>

#include "support/cli.hpp"
#include "support/stop.hpp"

namespace damo::examples {

void say(std::FILE* file, std::string_view text) noexcept {
  static_cast<void>(std::fwrite(text.data(), 1, text.size(), file));
  static_cast<void>(std::fflush(file));
}

int run_program(const char* name, const std::function<int()>& body) {
  try {
    const int code = body();
    // A full disk behind a redirected stdout is noticed here at the latest.
    if (code == success && (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)) {
      say(stderr, fmt::format("{}: cannot write to the standard output\n", name));
      return failure;
    }
    return code;
  } catch (const UsageError& error) {
    say(stderr, fmt::format("{}: {}\nTry '{} --help'.\n", name, error.what(), name));
    return wrong_usage;
  } catch (const std::bad_alloc&) {
    say(stderr, fmt::format("{}: out of memory\n", name));
  } catch (const std::exception& error) {
    say(stderr, fmt::format("{}: {}\n", name, error.what()));
  }
  return failure;
}

}  // namespace damo::examples
