#include <fmt/format.h>

#include <damo/graph/text/print.hpp>
#include <damo/models/energy/derivation/dependence.hpp>
#include <damo/models/energy/derivation/rewriting.hpp>
#include <damo/ops/common/same_elements.hpp>
#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/optim/engine/pipeline.hpp>
#include <damo/optim/language/rule.hpp>

namespace damo::energy {
namespace {

// The summands of `v` with their coefficients, or nothing where it is no sum.
std::vector<Term> summands(const Var& v) {
  const Vars& in = v.inputs();
  if (is_elementwise(v, "add")) return {{1, in[0]}, {1, in[1]}};
  if (is_elementwise(v, "sub")) return {{1, in[0]}, {-1, in[1]}};
  if (is_elementwise(v, "neg")) return {{-1, in[0]}};
  if (is_elementwise(v, "mul")) {
    if (const auto c = scalar_constant(in[0])) return {{*c, in[1]}};
    if (const auto c = scalar_constant(in[1])) return {{*c, in[0]}};
  }
  if (is_elementwise(v, "div")) {
    if (const auto c = scalar_constant(in[1])) return {{1 / *c, in[0]}};
  }
  return {};
}

void split(double coefficient, const Var& v, std::vector<Term>& terms) {
  const bool is_sum = v.op().name() == "sum";
  std::vector<Term> parts = summands(is_sum ? v.inputs()[0] : v);
  for (const Term& part : parts) {
    if (stretches(part.value, is_sum ? v.inputs()[0] : v)) parts.clear();
    if (parts.empty()) break;
  }
  if (parts.empty()) {
    terms.push_back({coefficient, v});
    return;
  }
  for (const Term& part : parts) {
    const Var value = is_sum ? make_var(v.owner().op_ptr(), {part.value}, v.site()) : part.value;
    split(coefficient * part.coefficient, value, terms);
  }
}

// Outer products with ones, as the slope of dot(x, b) is one.
std::optional<Vars> outer_with_repeated(const Apply& node, optim::Context&) {
  const Var &a = node.input(0), &b = node.input(1);
  const auto c = uniform_value(a);
  if (!c || a.ndim() != 2 || b.ndim() != 2 || !a.type().broadcastable(1)) return std::nullopt;
  const Var one = b.type().broadcastable(0) ? b : specify_shape(b, {1, -1});
  const Var row = *c == 1 ? one : *c * one;
  return Vars{broadcast_to(row, {a.shape(0), b.shape(1)})};
}

const Mode& derivation_mode() {
  static const Mode mode =
      Mode::none()
          .including("canonicalize")
          .including("fold")
          .including("specialize")
          .with_rule(optim::node_rewriter("outer_with_repeated", {"dot"},
                                          "dot(c everywhere, row) = c * row, repeated",
                                          outer_with_repeated)
                         .canonicalizes());
  return mode;
}

// Which movement of the unit (or the unit) an expression is an elementwise function of, if it is
// one of a single movement.
class Atoms {
 public:
  Atoms(Var x, const Var& in) : x_(std::move(x)), readers_(readers(std::span(&in, 1), x_)) {}
  // Children first.
  void visit(const Apply& node) {
    if (node.n_outputs() != 1) return;
    const Var v = node.output();
    if (same(v, x_)) {
      atoms_[v] = v;
      return;
    }
    if (!readers_.contains(v)) return;
    const Var first = of(node.input(0));
    if (is_movement(node) && first.defined() && same(first, node.input(0))) {
      atoms_[v] = v;
    } else if (as<Elementwise>(v) != nullptr) {
      Var atom;
      for (const Var& in : node.inputs()) {
        if (!readers_.contains(in)) continue;
        const Var a = of(in);
        if (!a.defined() || in.ndim() != v.ndim() || (atom.defined() && !same(a, atom))) return;
        atom = a;
      }
      atoms_[v] = atom;
    }
  }
  Var of(const Var& v) const {
    const auto it = atoms_.find(v);
    return it == atoms_.end() ? Var() : it->second;
  }

 private:
  Var x_;
  VarSet readers_;
  VarMap atoms_{};
};

// f(x) = f(low) + (f(high) - f(low)) (x - low) / (high - low).
Var interpolated(const Var& f, const Var& x, const std::vector<double>& levels, Trace& trace) {
  const double low = levels[0], high = levels[1];
  const Var below = simplified(at(f, x, full_like(x, low)), trace);
  const Var above = simplified(at(f, x, full_like(x, high)), trace);
  if (low == 0) return below + x * (above - below) / high;
  return (above * -low + below * high) / (high - low) + x * ((above - below) / (high - low));
}

}  // namespace

std::vector<Term> split_terms(const Var& energy) {
  std::vector<Term> terms;
  split(1, energy, terms);
  return terms;
}

Var simplified(const Var& v, Trace& trace) {
  FunctionGraph graph{.outputs = {v}, .name = "derivation"};
  for (const Var& leaf : leaves(std::span(&v, 1))) {
    if (is_input(leaf)) graph.inputs.push_back(leaf);
  }
  return optimize(graph, derivation_mode(), &trace).outputs.front();
}

Var linear_on_support(const Var& energy, const Unit& unit, Trace& trace) {
  std::vector<double> levels = unit.kind().support.levels;
  if (unit.kind().support.set == Support::Set::one_hot) levels = {0, 1};
  if (levels.size() != 2) return energy;
  Atoms atoms(unit, energy);
  const auto order = toposort(std::span(&energy, 1));
  VarSet whole{energy};  // not only read by functions of the same atom
  for (const Apply* node : order) {
    atoms.visit(*node);
    for (const Var& in : node->inputs()) {
      const Var atom = atoms.of(in);
      const Var mine = atoms.of(node->output());
      if (atom.defined() && (!mine.defined() || !same(atom, mine))) whole.insert(in);
    }
  }
  VarMap linear;
  for (const Var& f : whole) {
    const Var x = atoms.of(f);
    if (!x.defined() || same(f, x) || !is_float(f.dtype())) continue;
    if (Dependences(x).of(f).degree <= 1) continue;
    const Var line = interpolated(f, x, levels, trace);
    trace.add(
        {.rule = "linear_on_support",
         .pass = "derivation",
         .tags = {},
         .loop = "",
         .before = f,
         .after = line,
         .equation = fmt::format("f(x) is linear in x, which is {} or {}", levels[0], levels[1])});
    linear[f] = line;
  }
  return linear.empty() ? energy : replace(energy, linear);
}

}  // namespace damo::energy
