#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <damo/optim/engine/mode.hpp>
#include <damo/optim/verify/judge.hpp>
#include <damo/optim/verify/shrink.hpp>

namespace damo::test {

/// A graph that a mode computes differently from what was written.
struct Finding {
  std::uint64_t seed;
  std::string mode;
  std::string rule;  ///< the first rewrite at fault, or ""
  optim::Counterexample example;
  std::string text() const;
};

/// A mode that is held to `none`, and how.
struct Held {
  Mode mode;
  optim::Promise promise;
};
/// `strict` to the bit, `fast` and `fast_compile` to the truth.
std::vector<Held> held_modes();

/// Compiles the random graph of that seed, gradients included, in `none` and in every other mode,
/// and runs all at ordinary and at adversarial values. Where the results differ, long double says
/// whether the mode lies; an error must stay an error. One graph in ten is run in debug mode too,
/// which must find nothing. What lies is shrunk.
std::optional<Finding> differential(std::uint64_t seed);

}  // namespace damo::test
