#pragma once
#include <string>
#include <utility>
#include <vector>

#include <damo/graph/values/array.hpp>
#include <damo/graph/var.hpp>

namespace damo::optim {

/// An element at which a rewrite breaks its promise.
struct Lie {
  std::string what;           ///< "a finite value becomes nan"
  std::string before, after;  ///< the elements, or the shapes when those differ
  std::string truth;          ///< in long double; "" where it is not known
  std::string place;          ///< "element (1, 2) of float64 (3, 4)", or "the shape"
  /// "element (1,) of float64 (3,): a finite value becomes nan; before 2, after nan, truth 2".
  std::string text() const;
};

/// A rewrite that breaks its promise, with values of its inputs.
struct Counterexample {
  Var before, after;
  std::vector<std::pair<Var, Array>> values{};
  Lie lie;
  std::string place{};  ///< the loop's step, or ""

  /// Both sides, the inputs' values and the worst element, each on a line.
  std::string text() const;
};

}  // namespace damo::optim
