#pragma once
#include <optional>

#include <damo/optim/analysis/flat_terms.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/analysis/shape_fitting.hpp>
#include <damo/optim/language/context.hpp>

// What rules of several themes share.
namespace damo::optim {

inline const Vocabulary& words() { return vocabulary(); }

/// `v` in place of the node's output, in its dtype and shape.
inline std::optional<Vars> fitted(const Var& v, const Apply& node) {
  return Vars{fit(v, node.output())};
}

inline bool never_zero(const Terms::Leaf& leaf, Context& context) {
  return !leaf.constant && context.fact(leaf.seen.core).positive;
}

}  // namespace damo::optim
