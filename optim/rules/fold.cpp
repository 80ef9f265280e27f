#include <damo/graph/errors/error.hpp>
#include <damo/graph/evaluate.hpp>
#include <damo/graph/text/located_error.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/loop/scan_op.hpp>
#include <damo/optim/engine/catalogue.hpp>

namespace damo::optim {
namespace {

/// A constant takes memory and is copied into every function: what grows beyond this stays a
/// computation.
constexpr std::int64_t largest_made = 4096;

/// The reference interpreter, which folds, takes microseconds a node: a longer loop is left to the
/// program that runs it a hundred times as fast.
constexpr double longest_run = 10000;

/// How many nodes a run computes one by one.
double nodes_run(const Apply& node) {
  const FunctionGraph* body = node.op().body();
  if (body == nullptr) return 1;
  double inside = 1;
  for (const Apply* inner : body->order()) inside += nodes_run(*inner);
  if (as<Scan>(node.op()) == nullptr) return inside;
  const Array* steps = constant_value(node.input(0));
  return steps == nullptr ? longest_run : inside * static_cast<double>(steps->item<std::int64_t>());
}

bool depends_on_constants_only(const Apply& node) {
  if (node.inputs().empty()) return false;
  for (const Var& in : node.inputs()) {
    if (constant_value(in) == nullptr) return false;
  }
  return node.op().pure() && node.op().state_updates(node).empty();
}

bool worth_storing(const Apply& node) {
  std::vector<Tensor> tensors;
  std::int64_t most = largest_made;
  for (const Var& in : node.inputs()) {
    tensors.push_back(constant_value(in)->view());
    most = std::max(most, tensors.back().elements());
  }
  std::vector<const Tensor*> in;
  for (const Tensor& t : tensors) in.push_back(&t);
  if (node.op().is_view()) {
    Tensor out{nullptr, node.types()[0].dtype, {}, {}};
    node.op().view(node, in, out);
    return out.elements() <= most;
  }
  std::vector<Shape> shapes(node.n_outputs());
  node.op().run_shapes(node, in, shapes);
  for (const Shape& s : shapes) {
    if (s.elements() > most) return false;
  }
  return true;
}

std::optional<Vars> fold(const Apply& node, Context&) {
  if (!depends_on_constants_only(node)) return std::nullopt;
  try {
    if (nodes_run(node) > longest_run || !worth_storing(node)) return std::nullopt;
    const Vars outputs = node.outputs();
    Vars folded;
    for (Array& value : evaluate(outputs)) folded.push_back(constant(std::move(value)));
    return folded;
  } catch (const LocatedError&) {
    return std::nullopt;  // it fails when the function runs, with the user's line, or never runs
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

const Rules& fold_rules() {
  static const Rules rules = [] {
    Rules list;
    list.push_back(node_rewriter("fold_constant", {"*"},
                                 "what depends on constants only is computed once", fold)
                       .tagged("fold")
                       .sound(Soundness::bit_exact));
    return list;
  }();
  return rules;
}

}  // namespace damo::optim
