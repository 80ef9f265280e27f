#pragma once
#include <cstdio>
#include <functional>
#include <string_view>

namespace damo::examples {

/// The body of a program's main: runs `body` and turns what it throws into "<name>: message" on
/// stderr and exit code 1, or 2 for a UsageError.
///
///     int main(int argc, char** argv) {
///       return damo::examples::run_program("rbm", [&] { return train(argc, argv); });
///     }
int run_program(const char* name, const std::function<int()>& body);

/// Writes to stdout or stderr, which may be a terminal that is gone: then nothing happens.
void say(std::FILE* file, std::string_view text) noexcept;

}  // namespace damo::examples
