#pragma once
#include <damo/graph/var.hpp>

// Costs of predictions, an element for each or each row: `mean(...)` makes a number of them.
// Outputs that are a `sigmoid` or `softmax` are put in a form that is exact in the tails, value and
// gradient.
namespace damo {

/// -(t log(o) + (1 - t) log(1 - o)) for probabilities o; what has target 0 counts nothing, even at
/// log(0).
Var binary_crossentropy(const Arg& output, const Arg& target);
/// The same of `sigmoid(output)`, exact in both tails.
Var sigmoid_binary_crossentropy(const Arg& output, const Arg& target);
/// -sum(t log(o)) over the last axis, of distributions o. `target` has the distributions t, or is
/// an int64 tensor without the last axis that names the classes. Throws ShapeError for a class that
/// is not there.
Var categorical_crossentropy(const Arg& output, const Arg& target);

}  // namespace damo
