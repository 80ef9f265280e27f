#pragma once
#include <functional>

namespace damo::examples {

/// The body of a program's main: runs `body` and turns what it throws into "<name>: message" on
/// stderr and exit code 1.
///
///     int main(int argc, char** argv) {
///       return damo::examples::run_program("rbm", [&] { return train(argc, argv); });
///     }
int run_program(const char* name, const std::function<int()>& body);

}  // namespace damo::examples
