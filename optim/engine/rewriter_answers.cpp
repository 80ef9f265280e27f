#include <algorithm>
#include <limits>
#include <utility>

#include <damo/ops/common/same_elements.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/linalg/dot.hpp>
#include <damo/ops/loop/scan_op.hpp>
#include <damo/ops/reduction/reduce.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/engine/rewriter.hpp>

// What the rewriter answers to rules that ask. What may be another answer later is marked, so that
// the rule is tried again.
namespace damo::optim {
namespace {

constexpr int deepest_reading = 200;
// A logarithm of parts asks for that of each part: three joins, products and movements deep. Probes
// branch at each level, so how many one may lead to is bounded as well.
constexpr int deepest_probe = 12;
constexpr int most_probes = 64;
constexpr int unlimited = std::numeric_limits<int>::max();

}  // namespace

// A loop's body may be looked at again when more is known of what enters it.
Fact Rewriter::fact(const Var& v) {
  asked_ = asked_ || !assumed_.empty();
  return facts_.of(v);
}

std::size_t Rewriter::uses(const Var& v) {
  asked_ = true;
  const std::size_t* known = uses_.find(v);
  return known == nullptr ? 1 : *known;
}

const Terms& Rewriter::terms(Terms::Group group, const Var& v) {
  const std::size_t which = 2 * v.index() + (group == Terms::Group::sum ? 0 : 1);
  const auto [place, fresh] = flat_places_.insert(v.owner(), which, flat_.size());
  if (fresh) flat_.emplace_back(group, v);
  return flat_[*place].terms;
}

Reached Rewriter::reached(const Var& v) {
  if (const Reached* known = learned_.reached.find(v)) return *known;
  Reached found;
  if (const ScalarOp* f = scalar_op(v)) {
    found.in_sum = found.in_product = found.in_both = head_bit(*f);
  }
  const bool sum = Terms::splits(Terms::Group::sum, v);
  const bool product = Terms::splits(Terms::Group::product, v);
  const bool opens = sum || product || is_float_cast(v);
  if (opens && ++reading_ >= deepest_reading) {
    found.in_sum = found.in_product = found.in_both = FunctionSet{}.set();
  } else if (opens) {
    const std::size_t operands = scalar_op(v) != nullptr ? v.inputs().size() : 1;
    for (std::size_t i = 0; i < operands; ++i) {
      const Reached below = reached(v.inputs()[i]);
      if (sum) found.in_sum |= below.in_sum;
      if (product) found.in_product |= below.in_product;
      found.in_both |= below.in_both;
    }
  }
  if (opens) --reading_;
  learned_.reached.insert(v, found);
  return found;
}

std::optional<Var> Rewriter::stabilized(const Var& v) {
  if (probing_ == 0) probes_ = 0;
  if (probing_ >= deepest_probe || ++probes_ > most_probes) {
    cut_short_ = asked_ = true;
    return std::nullopt;
  }
  ++probing_;
  ++applying_;
  std::optional<Var> found;
  for (const auto& entry : rules_.at(v.op()).entries) {
    if (!entry.rule->has_tag("stabilize")) continue;
    asked_ = asked_ || entry.number >= Refusals{}.size();  // the caller's own may ask for anything
    const auto result = entry.rule->apply(v.owner(), *this);
    if (!result || !(*result)[v.index()].defined()) continue;
    found = (*result)[v.index()];
    break;
  }
  --applying_;
  --probing_;
  return found;
}

std::optional<Var> Rewriter::stable_log(const Var& v) {
  // What has no elements needs none, and a form of it would fold back into what it was made from.
  const Shape& dims = v.type().dims;
  if (std::find(dims.begin(), dims.end(), 0) != dims.end()) return std::nullopt;
  const int depth = deepest_probe - probing_;
  if (const StableLog* known = stable_logs_.find(v)) {
    if (known->form.defined()) return known->form;
    if (depth <= known->depth) {
      if (known->depth < unlimited) cut_short_ = asked_ = true;
      return std::nullopt;
    }
  }
  const bool before = std::exchange(cut_short_, false);
  const auto found = stabilized(log(v));
  // What ran out of probes that others had taken may have an answer when it is asked by itself.
  if (!cut_short_ || probing_ == 0)
    stable_logs_[v] = {found.value_or(Var{}), cut_short_ ? depth : unlimited};
  cut_short_ = cut_short_ || before;
  return found;
}

bool Rewriter::reads_loop(const Var& v) {
  if (const bool* known = learned_.of_loops.find(v)) return *known;
  if (as<Scan>(v) != nullptr) return true;
  const bool passes = scalar_op(v) != nullptr || is_movement(v.owner()) ||
                      as<Reduce>(v) != nullptr || as<Dot>(v) != nullptr;
  // What is below has been asked for as the graph was rebuilt, but for a few new nodes.
  bool found = false;
  if (passes && ++reading_ < deepest_reading) {
    for (const Var& in : v.inputs()) found = found || reads_loop(in);
  }
  if (passes) --reading_;
  learned_.of_loops.insert(v, found);
  return found;
}

Var Rewriter::known(const Var& v) {
  asked_ = true;
  looking_ = false;  // a sweep may know more
  const Apply* equal = nodes_.find(v.owner());
  const Var* now = equal != nullptr ? settled_.find(*equal, v.index()) : nullptr;
  return now != nullptr ? *now : Var{};
}

Var& Rewriter::found_size(const Var& x, std::size_t axis) {
  return *sizes_.insert(x.owner(), x.index() * max_rank + axis, Var{}).first;
}

Var Rewriter::simplified(const Var& v) {
  looking_ = false;  // a sweep may have merged more
  const std::size_t before = applied_;
  const bool outer = std::exchange(asking_, true);
  const Var result = simplify({v}).front();
  asking_ = outer;
  asked_ = true;  // what equal nodes there are may be another matter in the next sweep
  applied_ = before;
  return result;
}

}  // namespace damo::optim
