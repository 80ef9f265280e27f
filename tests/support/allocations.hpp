#pragma once
#include <cstdint>

namespace damo::test {

/// How often this process has asked for memory: the test program counts every operator new.
std::uint64_t allocations();

}  // namespace damo::test
