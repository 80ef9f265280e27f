#include <fmt/format.h>

#include <algorithm>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/evaluate.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/text/tensor_text.hpp>
#include <damo/graph/variables.hpp>
#include <damo/graph/walk.hpp>
#include <damo/optim/verify/shrink.hpp>

namespace damo::optim {
namespace {

using Bindings = std::vector<std::pair<Var, Array>>;

constexpr int most_tries = 400;
constexpr std::size_t any_axis = max_rank;

/// An input as `like`, of which only sizes of 1 are known.
Var open_input(const TensorType& like, const Shape& shape, const std::string& name) {
  TensorType type = like;
  for (std::size_t axis = 0; axis < type.rank(); ++axis)
    type.dims[axis] = shape[axis] == 1 && like.dims[axis] == 1 ? 1 : unknown;
  return input(type, name);
}

/// Rows `first` up to `last` along one axis.
Array rows(const Array& a, std::size_t axis, std::int64_t first, std::int64_t last) {
  Shape shape = a.shape();
  shape[axis] = last - first;
  Array part(a.dtype(), shape);
  const Shape strides = contiguous_strides(a.shape());
  const std::size_t item = item_size(a.dtype());
  for (std::int64_t i = 0; i < part.elements(); ++i) {
    Shape index = index_of(i, shape);
    index[axis] += first;
    std::int64_t from = 0;
    for (std::size_t k = 0; k < index.rank(); ++k) from += index[k] * strides[k];
    std::copy_n(a.raw() + static_cast<std::size_t>(from) * item, item,
                part.raw() + static_cast<std::size_t>(i) * item);
  }
  return part;
}

/// `root` with other variables in the place of some, of other static sizes too.
Var rebuilt(const Var& root, VarMap with) {
  for (const Apply* node : toposort(std::span(&root, 1))) {
    Vars inputs;
    bool changed = false;
    for (const Var& in : node->inputs()) {
      const auto it = with.find(in);
      changed = changed || it != with.end();
      inputs.push_back(it == with.end() ? in : it->second);
    }
    if (!changed || with.contains(node->output())) continue;
    const Vars fresh = with_inputs(*node, std::move(inputs));
    for (std::size_t i = 0; i < fresh.size(); ++i) with.emplace(node->output(i), fresh[i]);
  }
  const auto it = with.find(root);
  return it == with.end() ? root : it->second;
}

class Shrinker {
 public:
  Shrinker(Counterexample found, const Lies& lies) : best_(std::move(found)), lies_(lies) {}

  Counterexample run() {
    for (bool better = true; better && tries_ < most_tries;) {
      better = descend() || cut() || shorten();
    }
    plain_numbers();
    return std::move(best_);
  }

 private:
  bool accept(const Var& root, const Bindings& values) {
    if (++tries_ > most_tries) return false;
    try {
      auto found = lies_(root, needed(root, values));
      if (!found) return false;
      best_ = std::move(*found);
      return true;
    } catch (const Error&) {
      return false;
    }
  }

  static Bindings needed(const Var& root, const Bindings& values) {
    Bindings some;
    const Vars used = leaves(std::span(&root, 1));
    for (const auto& [v, value] : values) {
      if (std::any_of(used.begin(), used.end(), [&](const Var& u) { return same(u, v); }))
        some.emplace_back(v, value);
    }
    return some;
  }

  /// The lie may be in an operand.
  bool descend() {
    for (const Var& in : best_.before.inputs()) {
      if (!in.inputs().empty() && accept(in, best_.values)) return true;
    }
    return false;
  }

  /// Inner results become inputs, those nearest to the root first.
  bool cut() {
    const Var root = best_.before;
    auto order = toposort(std::span(&root, 1));
    std::reverse(order.begin(), order.end());
    for (const Apply* node : order) {
      const Var v = node->output();
      if (node == root.owner_ptr() || node->inputs().empty()) continue;
      try {
        Array value = evaluate(v, best_.values);
        const Var stand_in = open_input(v.type(), value.shape(), fmt::format("v{}", cuts_++));
        const Var fresh = rebuilt(root, {{v, stand_in}});
        Bindings values = best_.values;
        values.emplace_back(stand_in, std::move(value));
        if (accept(fresh, values)) return true;
      } catch (const Error&) {
        continue;
      }
    }
    return false;
  }

  /// Half of all axes of one size.
  bool shorten() {
    std::vector<std::int64_t> sizes;
    for (const auto& [v, value] : best_.values)
      sizes.insert(sizes.end(), value.shape().begin(), value.shape().end());
    std::sort(sizes.begin(), sizes.end());
    sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
    for (const std::int64_t n : sizes) {
      if (n < 2) continue;
      for (const std::size_t axes : {any_axis, std::size_t{1}, std::size_t{2}}) {
        if (take_rows(n, axes, 0, n / 2) || take_rows(n, axes, n / 2, n)) return true;
      }
    }
    return false;
  }

  /// `at`: the axis from the end, or any.
  bool take_rows(std::int64_t n, std::size_t at, std::int64_t first, std::int64_t last) {
    Bindings values;
    VarMap with;
    for (const auto& [v, value] : best_.values) {
      Array part = value;
      for (std::size_t axis = 0; axis < part.rank(); ++axis) {
        const bool here = at == any_axis || axis + at == part.rank();
        if (here && part.shape()[axis] == n) part = rows(part, axis, first, last);
      }
      const Var fresh = open_input(v.type(), value.shape(), v.name());
      with.emplace(v, fresh);
      values.emplace_back(fresh, std::move(part));
    }
    try {
      return accept(rebuilt(best_.before, std::move(with)), values);
    } catch (const Error&) {
      return false;
    }
  }

  /// 0, 1, -1 and 2 in the place of others.
  void plain_numbers() {
    for (std::size_t i = 0; i < best_.values.size(); ++i) {
      const std::int64_t n = best_.values[i].second.elements();
      for (std::int64_t k = 0; k < std::min<std::int64_t>(n, 8); ++k) {
        for (const double plain : {0.0, 1.0, -1.0, 2.0}) {
          if (i >= best_.values.size() || k >= best_.values[i].second.elements()) return;
          Array& all = best_.values[i].second;
          const double now = element_at(all.view(), index_of(k, all.shape()));
          if (now == plain) break;
          Bindings values = best_.values;
          dispatch(all.dtype(), [&](auto zero) {
            using T = decltype(zero);
            values[i].second.data<T>()[k] = static_cast<T>(plain);
          });
          if (accept(best_.before, values)) break;
        }
      }
    }
  }

  Counterexample best_;
  const Lies& lies_;
  int tries_ = 0;
  int cuts_ = 0;
};

}  // namespace

Counterexample shrunk(Counterexample found, const Lies& lies) {
  return Shrinker(std::move(found), lies).run();
}

}  // namespace damo::optim
