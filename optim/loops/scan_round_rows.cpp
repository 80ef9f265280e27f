#include <damo/graph/map_graph.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/linalg/bernoulli_dot.hpp>
#include <damo/ops/linalg/round_rows.hpp>
#include <damo/ops/shape/broadcast.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/optim/loops/edit_loops.hpp>

// The steps of a Gibbs chain draw by the same weights: those are rounded once, before the loop.
namespace damo::optim {
namespace {

class Rounding {
 public:
  explicit Rounding(const Apply& node) : loop_(OpenLoop::of(node)) {}

  std::optional<Vars> run() {
    const Vars outputs = map_graph(
        loop_.body_outputs(), [this](const Apply& node, const Apply&) { return edited(node); });
    if (!changed_) return std::nullopt;
    loop_.set_body_outputs(outputs);
    loop_.drop_unused();
    return loop_.build();
  }

 private:
  std::optional<Vars> edited(const Apply& node) {
    if (as<RoundRows>(node.op()) != nullptr) {
      // That of a loop inside: used at each of this one's steps.
      const Var rows = rounded(node.input(0), int_constant(RoundRows::uses_that_pay));
      return rows.defined() ? std::optional(Vars{rows}) : std::nullopt;
    }
    const auto* draw = as<BernoulliDot>(node.op());
    if (draw == nullptr || draw->has_rounded(node) || !pays()) return std::nullopt;
    const Var rows = rounded(node.input(draw->right_input()), loop_.n_steps);
    if (!rows.defined()) return std::nullopt;
    Vars inputs = node.inputs();
    inputs.push_back(rows);
    return make_node(node.op_ptr(), std::move(inputs), node.site());
  }

  bool pays() const {
    const Array* steps = constant_value(loop_.n_steps);
    return steps == nullptr || steps->item<std::int64_t>() >= RoundRows::uses_that_pay;
  }

  /// What stands in the body for the rounded rows of a matrix that no step changes.
  Var rounded(const Var& matrix, const Var& uses) {
    const Var outer = outside(matrix);
    if (!outer.defined()) return {};
    changed_ = true;
    for (const auto& [known, inner] : made_) {
      if (same(known, outer)) return inner;
    }
    const Var rows = make_var(std::make_shared<RoundRows>(), {outer, uses});
    made_.emplace_back(outer, loop_.add_non_sequence(rows));
    return made_.back().second;
  }

  /// The rows are the same with a shape promised of them and without: the promise stays inside.
  Var outside(const Var& promised) const {
    const Var& matrix = as<SpecifyShape>(promised) != nullptr ? promised.inputs()[0] : promised;
    if (constant_value(matrix) != nullptr || is_shared(matrix)) return matrix;
    for (const OpenLoop::Entry& e : loop_.non_sequences) {
      if (same(e.inner, matrix)) return e.outer;
    }
    return {};
  }

  OpenLoop loop_;
  std::vector<std::pair<Var, Var>> made_;
  bool changed_ = false;
};

}  // namespace

/// Rounds the weights that a loop draws by, once for all steps.
FunctionGraph scan_round_rows(const FunctionGraph& graph, const Pass::Setting& setting) {
  return edit_each_loop(
      graph, [](const Apply& node) { return Rounding(node).run(); }, setting.trace,
      "scan_round_rows", "draws of a loop add up weights that are rounded once");
}

}  // namespace damo::optim
