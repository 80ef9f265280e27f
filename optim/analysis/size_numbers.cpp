#include <algorithm>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/evaluate.hpp>
#include <damo/graph/variables.hpp>
#include <damo/graph/walk.hpp>
#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/ops/indexing/index_spec.hpp>
#include <damo/ops/loop/scan_op.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/shape/shape_of.hpp>
#include <damo/ops/shape/sizes.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/analysis/size_numbers.hpp>

namespace damo::optim {

const Vars* SizeNumbers::keep(Vars shape) {
  static const Vars scalar;
  return shape.empty() ? &scalar : &kept_.emplace_back(std::move(shape));
}

Var SizeNumbers::constant_size(std::int64_t size) {
  Var& known = constants_[size];
  if (!known.defined()) known = int_constant(size);
  return known;
}

const Vars& SizeNumbers::shape(const Var& v) {
  if (const auto* known = frames_.back().shapes.find(v)) return **known;
  visit(v.owner());
  return *frames_.back().shapes.at(v);
}

const std::vector<Vars>& SizeNumbers::input_shapes(const Apply& node) {
  for (const Var& in : node.inputs()) shape(in);  // may itself ask for those of others
  input_shapes_.resize(node.inputs().size());
  for (std::size_t i = 0; i < node.inputs().size(); ++i) input_shapes_[i] = shape(node.input(i));
  return input_shapes_;
}

const Vars* SizeNumbers::common_shape(const Apply& node) {
  if (as<Elementwise>(node.op()) == nullptr) return nullptr;
  const Vars* common = nullptr;
  for (const Var& in : node.inputs()) {
    const Vars* own = &shape(in);
    if (own->empty() && in.ndim() == 0 && node.types()[0].rank() != 0) continue;
    if (common != nullptr && own != common) return nullptr;
    common = own;
  }
  return common;
}

void SizeNumbers::visit(const Apply& node) {
  if (frames_.back().shapes.contains(node)) return;
  if (const Vars* common = common_shape(node)) {
    frames_.back().shapes.set(node, 0, common);
    return;
  }
  std::vector<std::optional<Vars>> rules(node.n_outputs());
  if (!node.inputs().empty()) rules = node.op().shape_rule(node, input_shapes(node));
  for (std::size_t i = 0; i < node.n_outputs(); ++i) {
    const Var v = node.output(i);
    const Shape& dims = v.type().dims;
    Vars all;
    for (std::size_t axis = 0; axis < dims.rank(); ++axis) {
      // What the type says is more than what a rule computes.
      all.push_back(dims[axis] != unknown ? constant_size(dims[axis])
                    : rules[i]            ? (*rules[i])[axis]
                                          : size_at(v, axis));
    }
    const Vars* shared = nullptr;
    for (const Var& in : node.inputs()) {
      const Vars& given = shape(in);
      if (given.size() == all.size() &&
          std::equal(all.begin(), all.end(), given.begin(), VarSame{}))
        shared = &given;
    }
    frames_.back().shapes.set(node, i, shared != nullptr ? shared : keep(std::move(all)));
  }
}

Var SizeNumbers::known_size(const Var& v) {
  const auto* shape_of = as<ShapeOf>(v);
  if (shape_of == nullptr) return {};
  const Var size = shape(v.inputs()[0])[shape_of->axis()];
  return same(size, v) ? Var{} : size;
}

std::optional<std::int64_t> SizeNumbers::folded(const Var& v,
                                                const std::vector<std::uint32_t>& inputs) {
  if (!v.op().pure()) return std::nullopt;
  Vars constants;
  for (const std::uint32_t in : inputs) {
    if (!facts_[in].value) return std::nullopt;
    constants.push_back(constant_size(*facts_[in].value));
  }
  try {
    return evaluate(with_inputs(v.owner(), constants)[v.index()]).item<std::int64_t>();
  } catch (const Error&) {
    return std::nullopt;  // it fails when the function runs
  }
}

bool SizeNumbers::is_natural(std::uint32_t n) const {
  const Facts& f = facts_[n];
  return f.value ? *f.value >= 0 : f.size || f.never_negative;
}

std::pair<std::uint32_t, std::int64_t> SizeNumbers::sum_of(Var rows) {
  for (Var size = known_size(rows); size.defined(); size = known_size(rows)) rows = size;
  for (std::size_t i = 0; scalar_op(rows) == vocabulary().add && i < 2; ++i) {
    const auto more = facts_[number(rows.inputs()[i])].value;
    if (more && *more >= 0) return {number(rows.inputs()[1 - i]), *more};
  }
  return {number(rows), 0};
}

std::optional<std::uint32_t> SizeNumbers::length_of(const Var& v, const IndexEntry& range,
                                                    const std::vector<std::uint32_t>& inputs) {
  const bool strides = range.step.kind == Bound::Kind::input ||
                       (range.step.kind == Bound::Kind::number && range.step.value != 1);
  std::size_t next = 1;
  const auto read = [&](const Bound& b) {
    return b.kind == Bound::Kind::input ? inputs[next++] : number(constant_size(b.value));
  };
  const auto start = facts_[read(range.start)].value;  // 0 where there is none
  const auto [rows, more] = sum_of(v.inputs()[0]);
  if (strides || !start || *start < 0 || !is_natural(rows)) return std::nullopt;
  if (range.stop.kind == Bound::Kind::absent)
    return *start == more ? std::optional(rows) : std::nullopt;
  const std::uint32_t stop = read(range.stop);
  return *start == 0 && stop == rows ? std::optional(stop) : std::nullopt;
}

std::optional<std::uint32_t> SizeNumbers::simpler(const Var& v,
                                                  const std::vector<std::uint32_t>& inputs) {
  if (v.dtype() != DType::int64 || v.ndim() != 0 || inputs.empty()) return std::nullopt;
  if (const auto value = folded(v, inputs)) return number(constant_size(*value));
  if (scalar_op(v) == vocabulary().sub && inputs[0] == inputs[1]) return number(constant_size(0));
  const IndexEntry* range = range_measured(v.op());
  return range != nullptr ? length_of(v, *range, inputs) : std::nullopt;
}

bool SizeNumbers::measures(const Var& v, const std::vector<std::uint32_t>& inputs) const {
  if (as<ShapeOf>(v) != nullptr || range_measured(v.op()) != nullptr) return true;
  const ScalarOp* f = scalar_op(v);
  const bool joins = f != nullptr && (f == vocabulary().add || f == vocabulary().mul);
  return joins && std::all_of(inputs.begin(), inputs.end(), [&](std::uint32_t in) {
           const auto value = facts_[in].value;
           return value ? *value >= 0 : facts_[in].size;
         });
}

std::uint32_t SizeNumbers::look_up(const Var& v) {
  std::vector<std::uint32_t> inputs;
  for (const Var& in : v.inputs()) inputs.push_back(numbers_.at(in));
  if (const auto known = simpler(v, inputs)) return *known;
  if (v.op().commutative()) std::sort(inputs.begin(), inputs.end());
  std::size_t hash = v.op().hash() + v.index();
  for (const std::uint32_t in : inputs) hash = (hash ^ in) * 1099511628211ULL;
  const auto [first, last] = entries_.equal_range(hash);
  for (auto it = first; it != last; ++it) {
    const Entry& e = it->second;
    if (e.output == v.index() && e.inputs == inputs && e.op->equals(v.op())) return e.number;
  }
  const auto fresh = static_cast<std::uint32_t>(facts_.size());
  Facts facts;
  const Array* known = constant_value(v);
  if (known != nullptr && known->elements() == 1 && known->dtype() == DType::int64)
    facts.value = known->item<std::int64_t>();
  facts.size = measures(v, inputs);
  facts_.push_back(std::move(facts));
  entries_.emplace(hash, Entry{v.owner().op_ptr(), v.index(), std::move(inputs), fresh});
  return fresh;
}

std::uint32_t SizeNumbers::number(const Var& v) {
  if (const std::uint32_t* known = numbers_.find(v)) return *known;
  Vars stack{v};
  while (!stack.empty()) {
    const Var top = stack.back();
    if (numbers_.contains(top)) {
      stack.pop_back();
      continue;
    }
    const Var size = known_size(top);
    const std::size_t before = stack.size();
    if (size.defined()) {
      if (!numbers_.contains(size)) stack.push_back(size);
    } else {
      for (const Var& in : top.inputs()) {
        if (!numbers_.contains(in)) stack.push_back(in);
      }
    }
    if (stack.size() != before) continue;
    const std::uint32_t n = size.defined() ? numbers_.at(size) : look_up(top);
    numbers_.insert(top, n);
    if (!facts_[n].met.defined()) facts_[n].met = top;
    stack.pop_back();
  }
  return numbers_.at(v);
}

std::optional<std::int64_t> SizeNumbers::value(std::uint32_t number) const {
  return facts_[number].value;
}

Var SizeNumbers::known(std::uint32_t number, const Var& otherwise) const {
  return facts_[number].met.defined() ? facts_[number].met : otherwise;
}

void SizeNumbers::begin_graph() {
  frames_.resize(1);
  numbers_.clear();
  for (Facts& f : facts_) f.met = {};
}

void SizeNumbers::enter(const Apply& node, const Scan& scan) {
  const Scan::Spec& spec = scan.spec();
  Frame inner;
  inner.body = true;
  for (std::size_t i = 0; i < spec.body.inputs.size(); ++i) {
    const Var& in = spec.body.inputs[i];
    const std::size_t first_axis = i < spec.n_sequences ? 1 : 0;
    const Vars given = shape(node.input(1 + i));
    Vars all;
    for (std::size_t axis = 0; axis < in.ndim(); ++axis) {
      const Var size = outside(given[axis + first_axis]);
      all.push_back(size.defined() ? size : size_at(in, axis));
      inner.outside.insert(all.back(), size);
    }
    inner.shapes.insert(in, keep(std::move(all)));
    const bool constant_in_loop = i >= spec.n_sequences + spec.n_states;
    inner.outside.insert(in, constant_in_loop ? outside(node.input(1 + i)) : Var{});
  }
  frames_.push_back(std::move(inner));
}

Var SizeNumbers::outside(const Var& v) {
  Frame& frame = frames_.back();
  if (!frame.body) return v;
  Vars stack{v};
  while (!stack.empty()) {
    const Var top = stack.back();
    if (frame.outside.contains(top)) {
      stack.pop_back();
      continue;
    }
    const Var size = known_size(top);
    const Vars needed = size.defined() ? Vars{size} : top.inputs();
    const std::size_t before = stack.size();
    for (const Var& in : needed) {
      if (!frame.outside.contains(in)) stack.push_back(in);
    }
    if (stack.size() != before) continue;
    stack.pop_back();
    Vars mapped;
    for (const Var& in : needed) mapped.push_back(frame.outside.at(in));
    const bool differs =
        std::any_of(mapped.begin(), mapped.end(), [](const Var& in) { return !in.defined(); });
    if (differs) {
      frame.outside.insert(top, Var{});
    } else if (size.defined()) {
      frame.outside.insert(top, mapped[0]);
    } else if (std::equal(mapped.begin(), mapped.end(), needed.begin(), VarSame{})) {
      frame.outside.insert(top, top);
    } else {
      frame.outside.insert(top, with_inputs(top.owner(), mapped)[top.index()]);
    }
  }
  return frame.outside.at(v);
}

}  // namespace damo::optim
