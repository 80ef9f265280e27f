#pragma once
#include <utility>
#include <vector>

#include <damo/runtime/function/function.hpp>

namespace damo {

/// A variable and its value: anything that a function takes as an argument.
using Binding = std::pair<Var, StoredArgument>;

/// The value of `v` when the variables of `bindings` (inputs, or expressions and shared variables
/// that then are not computed or read) have these values: Theano's `v.eval({...})`. The compiled
/// function is kept, so that asking again for the same variable, given the same ones, is cheap.
/// Throws what `function` and its calls throw.
Array eval(const Var& v, const std::vector<Binding>& bindings = {});

}  // namespace damo
