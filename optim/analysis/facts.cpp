#include <algorithm>
#include <cmath>
#include <type_traits>

#include <damo/graph/variables.hpp>
#include <damo/ops/common/same_elements.hpp>
#include <damo/ops/linalg/dot.hpp>
#include <damo/ops/loop/scan_op.hpp>
#include <damo/ops/random/draw.hpp>
#include <damo/ops/reduction/reduce.hpp>
#include <damo/optim/analysis/facts.hpp>
#include <damo/optim/analysis/known_functions.hpp>

namespace damo::optim {
namespace {

constexpr Fact zero_or_one{
    .nonnegative = true, .at_most_one = true, .integer = true, .finite = true};

Fact fact_of_constant(const Array& a) {
  return dispatch(a.dtype(), [&](auto zero) {
    using T = decltype(zero);
    Fact f{.nonnegative = true,
           .positive = true,
           .at_most_one = true,
           .integer = true,
           .finite = true};
    for (const T v : a.values<T>()) {
      f.nonnegative = f.nonnegative && v >= T{0};
      f.positive = f.positive && v > T{0};
      f.at_most_one = f.at_most_one && v <= T{1};
      if constexpr (std::is_floating_point_v<T>) {
        f.finite = f.finite && std::isfinite(v);
        f.integer = f.integer && f.finite && v == std::trunc(v);
      }
      if (f == Fact{}) break;
    }
    return f;
  });
}

Fact fact_of_sum(const Fact& a, const Fact& b) {
  return {.nonnegative = a.nonnegative && b.nonnegative,
          .positive = (a.positive && b.nonnegative) || (a.nonnegative && b.positive),
          .integer = a.integer && b.integer};
}

Fact fact_of_product(const Fact& a, const Fact& b, bool square) {
  return {.nonnegative = square || (a.nonnegative && b.nonnegative),
          .positive = a.positive && b.positive,
          .at_most_one = a.nonnegative && a.at_most_one && b.nonnegative && b.at_most_one,
          .integer = a.integer && b.integer};
}

/// 1 - b.
Fact fact_of_complement(const Fact& b) {
  return {.nonnegative = b.at_most_one, .at_most_one = b.nonnegative, .integer = b.integer};
}

/// Whether a function of a finite number is finite.
bool keeps_finite(const ScalarOp* f) {
  const Vocabulary& w = vocabulary();
  return f == w.neg || f == w.abs || f == w.sign || f == w.relu || f == w.round || f == w.floor ||
         f == w.ceil || f == w.trunc || f == w.sigmoid || f == w.tanh;
}

Fact fact_of_unary(const ScalarOp* f, const Fact& x) {
  const Vocabulary& w = vocabulary();
  Fact r;
  if (f == w.exp || f == w.softplus) {
    r.nonnegative = r.positive = true;
  } else if (f == w.sigmoid) {
    r = {.nonnegative = true, .positive = true, .at_most_one = true};
  } else if (f == w.reciprocal || f == w.sqrt) {
    r = {.nonnegative = x.nonnegative, .positive = x.positive};
  } else if (f == w.sqr) {
    r = fact_of_product(x, x, true);
  } else if (f == w.abs || f == w.relu) {
    r = {.nonnegative = true,
         .positive = x.positive,
         .at_most_one = x.at_most_one && (f == w.relu || x.nonnegative),
         .integer = x.integer};
  } else if (f == w.round || f == w.floor || f == w.ceil || f == w.trunc || f == w.sign) {
    r = {
        .nonnegative = x.nonnegative, .at_most_one = x.at_most_one || f == w.sign, .integer = true};
  } else if (f == w.tanh) {
    r = {.nonnegative = x.nonnegative, .positive = x.positive, .at_most_one = true};
  } else if (f == w.log1p || f == w.expm1) {
    r = {.nonnegative = x.nonnegative, .positive = x.positive};
  } else if (f == w.neg) {
    r.integer = x.integer;
  }
  r.finite = x.finite && keeps_finite(f);
  return r;
}

Fact fact_of_binary_op(const Apply& node, const ScalarOp* f, const Fact& a, const Fact& b) {
  const Vocabulary& w = vocabulary();
  if (f == w.add) return fact_of_sum(a, b);
  if (f == w.mul) return fact_of_product(a, b, same(node.input(0), node.input(1)));
  if (f == w.div)
    return {.nonnegative = a.nonnegative && b.nonnegative, .positive = a.positive && b.positive};
  if (f == w.sub) {
    if (uniform_value(node.input(0)) == 1.0) return fact_of_complement(b);
    return {.integer = a.integer && b.integer};
  }
  if (f == w.maximum) {
    return {.nonnegative = a.nonnegative || b.nonnegative,
            .positive = a.positive || b.positive,
            .at_most_one = a.at_most_one && b.at_most_one,
            .integer = a.integer && b.integer,
            .finite = a.finite && b.finite};
  }
  if (f == w.minimum) {
    return {.nonnegative = a.nonnegative && b.nonnegative,
            .positive = a.positive && b.positive,
            .at_most_one = a.at_most_one || b.at_most_one,
            .integer = a.integer && b.integer,
            .finite = a.finite && b.finite};
  }
  if (f == w.pow) return {.nonnegative = a.nonnegative, .positive = a.positive};
  return {};
}

Fact fact_of_elementwise(const Apply& node, const ScalarOp* f, const std::vector<Fact>& in) {
  if (f == vocabulary().where) return common(in[1], in[2]);
  if (f->types == ScalarOp::Types::convert) {
    if (f->to == DType::boolean) return zero_or_one;
    Fact x = in[0];
    if (f->to == DType::int64 && !x.integer)
      x = {.nonnegative = x.nonnegative, .at_most_one = x.at_most_one, .integer = true};
    const bool narrows = f->to == DType::float32 && node.input(0).dtype() == DType::float64;
    x.finite = x.finite && (!narrows || (x.nonnegative && x.at_most_one));
    return x;
  }
  if (in.size() == 1) return fact_of_unary(f, in[0]);
  return in.size() == 2 ? fact_of_binary_op(node, f, in[0], in[1]) : Fact{};
}

Fact fact_of_other(const Apply& node, const std::vector<Fact>& in) {
  const std::string name = node.op().name();
  if (const auto* draw = as<Draw>(node.op())) {
    if (draw->distribution() == Draw::Distribution::bernoulli) return zero_or_one;
    if (draw->distribution() == Draw::Distribution::uniform)
      return {.nonnegative = true, .at_most_one = true, .finite = true};
    return {};
  }
  if (name == "shape") return {.nonnegative = true, .integer = true};
  if (name == "set_subtensor") return common(in[0], in[1]);
  if (node.op().chooses()) return common(in[1], in[2]);
  if (name == "concatenate" || name == "stack" || name == "make_vector") {
    Fact all = in.empty() ? Fact{} : in[0];
    for (const Fact& f : in) all = common(all, f);
    return all;
  }
  if (name == "max" || name == "min") return in[0];
  if (name == "sum") return {.nonnegative = in[0].nonnegative, .integer = in[0].integer};
  if (name == "dot") return {.nonnegative = in[0].nonnegative && in[1].nonnegative};
  if (name == "softmax") return {.nonnegative = true, .positive = true, .at_most_one = true};
  return {};
}

/// Whether whole numbers may have left the range of their type in `node`, and come out anywhere.
bool may_wrap(const Apply& node, const std::vector<Fact>& in) {
  const Vocabulary& w = vocabulary();
  const ScalarOp* f = scalar_op(node.output());
  const bool sums =
      f == nullptr && (as<Reduce>(node.op()) != nullptr || as<Dot>(node.op()) != nullptr);
  const bool grows = f == w.add || f == w.sub || f == w.mul || f == w.sqr || f == w.neg ||
                     f == w.abs || f == w.pow;
  if (!sums && (f == nullptr || !grows)) return false;
  return sums || !std::all_of(in.begin(), in.end(), [](const Fact& x) { return x.binary(); });
}

}  // namespace

Fact common(const Fact& a, const Fact& b) {
  return {.nonnegative = a.nonnegative && b.nonnegative,
          .positive = a.positive && b.positive,
          .at_most_one = a.at_most_one && b.at_most_one,
          .integer = a.integer && b.integer,
          .finite = a.finite && b.finite,
          .perhaps_binary = a.perhaps_binary && b.perhaps_binary};
}

void Facts::assume(const Var& v, const Fact& fact) { known_[v] = fact; }

Fact Facts::of(const Var& v) {
  if (const Fact* known = known_.find(v)) return *known;
  std::vector<std::pair<const Apply*, std::size_t>> stack{{v.owner_ptr(), 0}};
  while (!stack.empty()) {
    auto& [node, next] = stack.back();
    if (next < node->inputs().size()) {
      const Apply* in = node->input(next++).owner_ptr();
      if (!known_.contains(*in)) stack.emplace_back(in, 0);
      continue;
    }
    const Apply* done = node;
    stack.pop_back();
    if (!known_.contains(*done)) infer(*done);
  }
  return known_.at(v);
}

void Facts::infer(const Apply& node) {
  if (as<Scan>(node.op()) != nullptr) return infer_scan(node);
  std::vector<Fact> in;
  for (const Var& v : node.inputs()) in.push_back(known_.at(v));
  Fact f;
  if (const Array* value = constant_value(node.output())) {
    f = fact_of_constant(*value);
  } else if (const ScalarOp* scalar = scalar_op(node.output())) {
    f = fact_of_elementwise(node, scalar, in);
  } else if (!in.empty() && is_movement(node)) {
    f = in[0];
  } else {
    f = fact_of_other(node, in);
  }
  const DType dtype = node.types()[0].dtype;
  if (dtype == DType::boolean) f = zero_or_one;
  if (dtype == DType::int64) {
    if (may_wrap(node, in)) f = {};
    f.integer = true;
  }
  if (!is_float(dtype)) f.finite = true;
  known_[node] = f;
  for (std::size_t i = 1; i < node.n_outputs(); ++i) known_.set(node, i, {});
}

namespace {

/// Facts of a loop's body, with its inputs as assumed.
Facts body_facts(const std::vector<std::pair<Var, Fact>>& inputs) {
  Facts facts;
  for (const auto& [v, fact] : inputs) facts.assume(v, fact);
  return facts;
}

/// Marks the states whose next value is binary whenever the present one is: the samples of a chain
/// that starts from an input or a shared variable.
void suspect_binary_states(const Scan& scan, std::vector<std::pair<Var, Fact>>& inputs) {
  const std::size_t first = scan.spec().n_sequences;
  for (std::size_t s = 0; s < scan.spec().n_states; ++s) {
    Fact& state = inputs[first + s].second;
    if (state.binary() || !is_float(inputs[first + s].first.dtype())) continue;
    auto assumed = inputs;
    assumed[first + s].second = zero_or_one;
    state.perhaps_binary = body_facts(assumed).of(scan.spec().body.outputs[s]).binary();
  }
}

}  // namespace

// A state has what its initial value has and every step keeps: assume all of it, drop what the
// step does not keep, and so on until nothing is dropped.
std::vector<std::pair<Var, Fact>> Facts::of_body(const Apply& node) {
  const auto& scan = static_cast<const Scan&>(node.op());
  std::vector<std::pair<Var, Fact>> inputs;
  for (std::size_t i = 0; i < scan.spec().body.inputs.size(); ++i)
    inputs.emplace_back(scan.spec().body.inputs[i], of(node.input(1 + i)));
  const std::size_t first = scan.spec().n_sequences;
  for (bool changed = scan.spec().n_states > 0; changed;) {
    changed = false;
    Facts facts = body_facts(inputs);
    for (std::size_t s = 0; s < scan.spec().n_states; ++s) {
      Fact& state = inputs[first + s].second;
      const Fact both = common(state, facts.of(scan.spec().body.outputs[s]));
      changed = changed || !(both == state);
      state = both;
    }
  }
  suspect_binary_states(scan, inputs);
  return inputs;
}

void Facts::infer_scan(const Apply& node) {
  const auto& scan = static_cast<const Scan&>(node.op());
  const auto inputs = of_body(node);
  Facts facts = body_facts(inputs);
  for (std::size_t i = 0; i < node.n_outputs(); ++i) {
    const Scan::Output& out = scan.spec().outputs[i];
    Fact f = facts.of(scan.spec().body.outputs[out.body_output]);
    // A state's history and last value may be the initial one.
    if (out.body_output < scan.spec().n_states)
      f = common(f, inputs[scan.spec().n_sequences + out.body_output].second);
    known_.set(node, i, f);
  }
}

}  // namespace damo::optim
