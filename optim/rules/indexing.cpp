#include <damo/graph/variables.hpp>
#include <damo/graph/walk.hpp>
#include <damo/ops/indexing/subtensor.hpp>
#include <damo/ops/linalg/dot.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/ops/shape/join_op.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/shape/shape_of.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/analysis/shape_fitting.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include <damo/optim/language/context.hpp>

// Indexing moves towards the leaves, where there is less to compute, and meets what it undoes.
namespace damo::optim {
namespace {

const Subtensor& index_op(const Apply& node) { return static_cast<const Subtensor&>(node.op()); }

Var indexed(const Apply& node, const Var& x) {
  Vars inputs = node.inputs();
  inputs[0] = x;
  return make_var(node.op_ptr(), std::move(inputs), node.site());
}

std::optional<Vars> whole(const Apply& node, Context&) {
  for (const IndexEntry& e : index_op(node).index().entries()) {
    if (e.kind != Index::Kind::all) return std::nullopt;
  }
  return Vars{fit(node.input(0), node.output())};
}

/// f(x, y)[i] = f(x[i], y[i]) when nobody else reads f(x, y).
std::optional<Vars> of_elementwise(const Apply& node, Context& context) {
  const Var& x = node.input(0);
  if (scalar_op(x) == nullptr || context.uses(x) > 1) return std::nullopt;
  Vars inputs;
  for (const Var& in : x.inputs()) {
    if (in.ndim() == 0) {
      inputs.push_back(in);
      continue;
    }
    if (!stretched_axes(in.type(), x.type()).empty()) return std::nullopt;
    inputs.push_back(indexed(node, in));
  }
  return Vars{fit(make_var(x.owner().op_ptr(), std::move(inputs), x.site()), node.output())};
}

/// Whether an index is of the first axis alone, by numbers.
bool picks_rows(const IndexSpec& index) {
  const auto& entries = index.entries();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const bool element = entries[i].kind == Index::Kind::element;
    const bool range = entries[i].kind == Index::Kind::range;
    if (i > 0 ? entries[i].kind != Index::Kind::all : !element && !range) return false;
  }
  return !entries.empty() && index.n_bounds() == 0;
}

/// dot(x, w)[i] = dot(x[i], w) when nobody else reads dot(x, w). A number for i: of another one a
/// loop's step would make a product that it need not make.
std::optional<Vars> of_dot(const Apply& node, Context& context) {
  const Var& product = node.input(0);
  if (as<Dot>(product) == nullptr || product.ndim() != 2 || product.inputs()[0].ndim() != 2 ||
      context.uses(product) > 1 || !picks_rows(index_op(node).index()))
    return std::nullopt;
  Vars inputs{indexed(node, product.inputs()[0]), product.inputs()[1]};
  const Var rows = make_var(product.owner().op_ptr(), std::move(inputs), product.site());
  return Vars{fit(rows, node.output())};
}

/// x[newaxis][0] = x.
std::optional<Vars> of_new_axis(const Apply& node, Context&) {
  const auto* shuffle = as<DimShuffle>(node.input(0));
  const IndexSpec& index = index_op(node).index();
  if (shuffle == nullptr || !picks_rows(index) || shuffle->pattern().front() >= 0)
    return std::nullopt;
  const IndexEntry& first = index.entries().front();
  if (first.kind != Index::Kind::element || first.start.value < -1 || first.start.value > 0)
    return std::nullopt;
  const std::vector<int> rest(shuffle->pattern().begin() + 1, shuffle->pattern().end());
  return Vars{fit(shuffle_axes(node.input(0).inputs()[0], rest), node.output())};
}

/// The only entry that is not a whole axis, and its axis; nullopt for another index.
std::optional<std::pair<std::size_t, IndexEntry>> single_range(const IndexSpec& index) {
  std::optional<std::pair<std::size_t, IndexEntry>> found;
  for (std::size_t i = 0; i < index.entries().size(); ++i) {
    const IndexEntry& e = index.entries()[i];
    if (e.kind == Index::Kind::all) continue;
    if (found || e.kind != Index::Kind::range || e.step.kind != Bound::Kind::absent)
      return std::nullopt;
    found = {i, e};
  }
  return found;
}

Var bound_value(const Bound& bound, const Apply& node, std::size_t& next, const Var& absent) {
  if (bound.kind == Bound::Kind::number) return Arg(static_cast<long>(bound.value)).var(int64);
  return bound.kind == Bound::Kind::input ? node.input(next++) : absent;
}

/// concatenate(x, y)[n : n + m] = y where the range is exactly its place.
std::optional<Vars> of_join(const Apply& node, Context& context) {
  const auto* join = as<Join>(node.input(0));
  const auto range = single_range(index_op(node).index());
  if (join == nullptr || !range || range->first != join->axis()) return std::nullopt;
  const Var zero = Arg(0).var(int64);
  std::size_t next = Subtensor::first_bound;
  const Var start = bound_value(range->second.start, node, next, zero);
  const Var stop = bound_value(range->second.stop, node, next, {});
  const Vars& parts = node.input(0).inputs();
  Vars lengths;
  Var begin = zero;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    lengths.push_back(size_at(parts[i], join->axis()));
    const Var end = context.simplified(size_sum(lengths));
    const bool to_end = stop.defined() ? same_graph(stop, end) : i + 1 == parts.size();
    if (same_graph(start, begin) && to_end) return Vars{fit(parts[i], node.output())};
    begin = end;
  }
  return std::nullopt;
}

/// x[0 : n] = x where n is the size of x.
std::optional<Vars> whole_range(const Apply& node, Context& context) {
  const auto range = single_range(index_op(node).index());
  if (!range) return std::nullopt;
  const Var zero = Arg(0).var(int64);
  std::size_t next = Subtensor::first_bound;
  const Var start = bound_value(range->second.start, node, next, zero);
  const Var stop = bound_value(range->second.stop, node, next, {});
  if (uniform_value(start) != 0.0) return std::nullopt;
  if (stop.defined() && !same_graph(stop, context.simplified(size_at(node.input(0), range->first))))
    return std::nullopt;
  return Vars{fit(node.input(0), node.output())};
}

/// Whether an element's place is a number that is known to be one of `x`.
bool surely_in(const IndexSpec& index, const Var& x) {
  std::size_t axis = 0;
  for (const IndexEntry& e : index.entries()) {
    if (e.kind == Index::Kind::newaxis) continue;
    const std::int64_t size = x.type().dims[axis++];
    if (e.kind != Index::Kind::element) continue;
    const bool known = e.start.kind == Bound::Kind::number && size != unknown;
    if (!known || e.start.value < -size || e.start.value >= size) return false;
  }
  return true;
}

/// Whether `y` is known to have the sizes of what it stands for.
bool has_sizes_of(const Var& y, const Var& whole, Context& context) {
  if (y.ndim() != whole.ndim()) return false;
  const Vars have = sizes(y);
  const Vars want = sizes_of(whole);
  for (std::size_t i = 0; i < have.size(); ++i) {
    if (!same_graph(context.simplified(have[i]), context.simplified(want[i]))) return false;
  }
  return true;
}

/// What was set, or added, at the index that the node reads. An index that may be out of range, or
/// a y of another size, is a mistake that the left side reports.
std::optional<Vars> of_written(const Apply& node, Context& context) {
  const auto* set = as<IncSubtensor>(node.input(0));
  if (!(set->index() == index_op(node).index())) return std::nullopt;
  const Vars& in = node.input(0).inputs();
  for (std::size_t i = 1; i < node.inputs().size(); ++i) {
    if (!same(node.input(i), in[i + 1])) return std::nullopt;
  }
  if (set->set() && !surely_in(set->index(), in[0])) return std::nullopt;
  if (!has_sizes_of(in[1], node.output(), context)) return std::nullopt;
  return Vars{fit(in[1], node.output())};
}

/// set_subtensor(x[i], y)[i] = y.
std::optional<Vars> of_set(const Apply& node, Context& context) {
  const auto* set = as<IncSubtensor>(node.input(0));
  return set != nullptr && set->set() ? of_written(node, context) : std::nullopt;
}

/// inc_subtensor(zeros[i], y)[i] = y, as derivatives have it.
std::optional<Vars> of_added_to_zeros(const Apply& node, Context& context) {
  const auto* add = as<IncSubtensor>(node.input(0));
  if (add == nullptr || add->set() || uniform_value(node.input(0).inputs()[0]) != 0.0)
    return std::nullopt;
  return of_written(node, context);
}

/// An element of a vector of scalars.
std::optional<Vars> of_vector(const Apply& node, Context&) {
  const Var& x = node.input(0);
  const auto& entries = index_op(node).index().entries();
  if (as<MakeVector>(x) == nullptr || entries.size() != 1) return std::nullopt;
  const IndexEntry& e = entries[0];
  if (e.kind != Index::Kind::element || e.start.kind != Bound::Kind::number) return std::nullopt;
  const auto n = static_cast<std::int64_t>(x.inputs().size());
  const std::int64_t i = e.start.value < 0 ? e.start.value + n : e.start.value;
  if (i < 0 || i >= n) return std::nullopt;
  return Vars{x.inputs()[static_cast<std::size_t>(i)]};
}

/// concatenate(x) = x.
std::optional<Vars> join_of_one(const Apply& node, Context&) {
  if (node.inputs().size() != 1) return std::nullopt;
  return Vars{node.input(0)};
}

}  // namespace

const Rules& indexing_rules() {
  static const Rules rules = [] {
    Rules list;
    const auto add = [&](std::string name, std::string root, std::string equation,
                         Rule::Rewrite f) {
      list.push_back(
          node_rewriter(std::move(name), {std::move(root)}, std::move(equation), std::move(f))
              .canonicalizes()
              .tagged("indexing")
              .sound(Soundness::bit_exact));
    };
    add("subtensor_whole", "subtensor", "x[:] = x", whole);
    add("subtensor_whole_range", "subtensor", "x[0:n] = x", whole_range);
    add("subtensor_of_vector", "subtensor", "[a, b][1] = b", of_vector);
    add("subtensor_of_set", "subtensor", "set_subtensor(x[i], y)[i] = y", of_set);
    add("subtensor_of_join", "subtensor", "concatenate(x, y)[n:] = y", of_join);
    add("subtensor_of_elementwise", "subtensor", "f(x, y)[i] = f(x[i], y[i])", of_elementwise);
    add("subtensor_of_new_axis", "subtensor", "x[newaxis][0] = x", of_new_axis);
    // 0 + -0 is 0.
    list.push_back(node_rewriter("subtensor_of_inc", {"subtensor"},
                                 "inc_subtensor(zeros[i], y)[i] = y", of_added_to_zeros)
                       .canonicalizes()
                       .tagged("indexing")
                       .sound(Soundness::zero_sign));
    // Products that leave zeros out may give a sum that underflows the other sign.
    list.push_back(
        node_rewriter("subtensor_of_dot", {"subtensor"}, "dot(x, w)[i] = dot(x[i], w)", of_dot)
            .canonicalizes()
            .tagged("indexing")
            .sound(Soundness::zero_sign));
    add("join_of_one", "concatenate", "concatenate(x) = x", join_of_one);
    return list;
  }();
  return rules;
}

}  // namespace damo::optim
