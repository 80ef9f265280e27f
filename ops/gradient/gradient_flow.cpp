#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_set>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/walk.hpp>
#include <damo/ops/control/ifelse.hpp>
#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/any_way.hpp>
#include <damo/ops/gradient/gradient_flow.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {

Var chosen(const Flow& flow) {
  return flow.exact ? flow.value : selected(flow.value, flow.mask.all());
}

std::size_t common_guards(const Flows& flows) {
  const std::vector<Guard>& first = flows.front().guards;
  std::size_t n = first.size();
  for (const Flow& f : flows) {
    const auto end = first.begin() + static_cast<std::ptrdiff_t>(std::min(n, f.guards.size()));
    n = static_cast<std::size_t>(std::mismatch(first.begin(), end, f.guards.begin()).first -
                                 first.begin());
  }
  return n;
}

namespace {

/// The sum of flows to `v` whose first `depth` guards are known to hold: where a choice takes the
/// other branch, a zero.
Var sum_of(const Flows& flows, std::size_t depth, const Var& v) {
  Var sum;
  std::vector<std::pair<Var, std::array<Flows, 2>>> choices;
  for (const Flow& f : flows) {
    if (f.guards.size() == depth) {
      const Var value = chosen(f);
      sum = sum.defined() ? sum + value : value;
      continue;
    }
    const Guard& next = f.guards[depth];
    auto it = std::find_if(choices.begin(), choices.end(),
                           [&](const auto& c) { return same(c.first, next.condition); });
    if (it == choices.end()) it = choices.insert(it, {next.condition, {}});
    it->second[next.holds ? 0 : 1].push_back(f);
  }
  for (const auto& [condition, sides] : choices) {
    const auto side = [&, &sides = sides](std::size_t i) {
      const Flows& other = sides[1 - i];
      return sides[i].empty() ? zeros_like(v, other.front().value.dtype())
                              : sum_of(sides[i], depth + 1, v);
    };
    const Var chosen = ifelse(condition, side(0), side(1));
    sum = sum.defined() ? sum + chosen : chosen;
  }
  return sum;
}

std::vector<Mask> masks_of(const Flows& flows) {
  std::vector<Mask> masks;
  for (const Flow& f : flows) masks.push_back(f.mask);
  return masks;
}

/// The masks with all guards from `depth` on among what they ask.
std::vector<Mask> whole_masks(const Flows& flows, std::size_t depth) {
  std::vector<Mask> masks = masks_of(flows);
  std::vector<Var> all_hold(flows.size());
  for (std::size_t i = 0; i < flows.size(); ++i) {
    const Way& way = flows[i].guards;
    if (way.size() == depth) continue;
    const auto same_way =
        std::find_if(flows.begin(), flows.begin() + static_cast<std::ptrdiff_t>(i),
                     [&](const Flow& f) { return f.guards == way; });
    const auto before = static_cast<std::size_t>(same_way - flows.begin());
    all_hold[i] = before < i ? all_hold[before] : any_of_ways({&way}, depth);
    masks[i].add({{all_hold[i]}, {}});
  }
  return masks;
}

/// What each of two branches is asked besides what both are: an empty Var unless it is one
/// condition and its opposite.
Var choice_between(const std::vector<Mask>& rests) {
  Var yes;
  bool no = false;
  for (const Mask& rest : rests) {
    const Vars all = rest.all();
    if (all.size() != 1) return {};
    const bool negated = is_elementwise(all[0], "not_");
    const Var condition = negated ? Var(all[0].inputs()[0]) : all[0];
    if (yes.defined() && !same(yes, condition)) return {};
    yes = condition;
    no = no || negated;
  }
  const bool both = no && std::any_of(rests.begin(), rests.end(),
                                      [&](const Mask& rest) { return same(rest.all()[0], yes); });
  return both ? yes : Var{};
}

std::vector<Mask> rests_of(const std::vector<Mask>& masks, const Mask& common) {
  std::vector<Mask> rests;
  for (const Mask& m : masks) rests.push_back(rest_of(m, common));
  return rests;
}

Var sum_where(const Flows& flows, const std::vector<Mask>& rests, const Var& condition,
              bool holds) {
  Var sum;
  for (std::size_t i = 0; i < flows.size(); ++i) {
    if (same(rests[i].all()[0], condition) == holds)
      sum = sum.defined() ? sum + flows[i].value : flows[i].value;
  }
  return sum;
}

}  // namespace

bool is_choice_of_two(const Flows& flows) {
  const std::vector<Mask> masks = masks_of(flows);
  return flows.size() > 1 && choice_between(rests_of(masks, common_mask(masks))).defined();
}

namespace {

/// Chooses by what nothing behind could spoil.
Flow chosen_for(Flow flow, Slope behind) {
  const auto choose = [&](Vars& conditions) {
    if (!flow.exact) flow.value = selected(flow.value, conditions);
    conditions.clear();
  };
  if (behind < Slope::wild) choose(flow.mask.compared);
  if (behind < Slope::tame) choose(flow.mask.asked);
  return flow;
}

}  // namespace

Flow together(const Flows& flows, std::size_t depth, const Var& v, Slope behind) {
  Flow all{{flows[0].guards.begin(), flows[0].guards.begin() + static_cast<std::ptrdiff_t>(depth)},
           {},
           {}};
  const bool deeper = std::any_of(flows.begin(), flows.end(),
                                  [&](const Flow& f) { return f.guards.size() > depth; });
  if (deeper) {
    all.value = sum_of(flows, depth, v);
    if (behind != Slope::constant) all.mask = united(whole_masks(flows, depth));
    return all;
  }
  const std::vector<Mask> masks = masks_of(flows);
  all.mask = common_mask(masks);
  const std::vector<Mask> rests = rests_of(masks, all.mask);
  if (const Var c = choice_between(rests); c.defined()) {
    all.value = where(c, sum_where(flows, rests, c, true), sum_where(flows, rests, c, false));
    return chosen_for(std::move(all), behind);
  }
  for (std::size_t i = 0; i < flows.size(); ++i) {
    const Var value = flows[i].exact ? flows[i].value : selected(flows[i].value, rests[i].all());
    all.value = all.value.defined() ? all.value + value : value;
  }
  all.exact = std::all_of(flows.begin(), flows.end(), [](const Flow& f) { return f.exact; });
  if (behind != Slope::constant) all.mask.add(united(rests));
  return chosen_for(std::move(all), behind);
}

VarSet find_constants(std::string_view who, std::span<const Var> roots, const Vars& constants) {
  VarSet found;
  if (constants.empty()) return found;
  const char* what = who == "grad" ? "cost" : "function";
  const std::vector<const Apply*> nodes = toposort(roots);
  const std::unordered_set<const Apply*> present(nodes.begin(), nodes.end());
  for (const Var& c : constants) {
    if (present.contains(c.owner_ptr())) {
      found.insert(c);
      continue;
    }
    bool matched = false;
    for (const Apply* node : nodes) {
      if (node->n_outputs() <= c.index() || !(node->types()[c.index()] == c.type())) continue;
      if (!same_graph(node->output(c.index()), c)) continue;
      found.insert(node->output(c.index()));
      matched = true;
    }
    if (!matched) {
      throw GradError(
          fmt::format("{}: consider_constant names a variable that the {} does not depend on: {}\n"
                      "  hint: name the very variable the {} was built from",
                      who, what, describe(c), what));
    }
  }
  return found;
}

Var knowing_ones(const Var& g, const Var& v) {
  std::vector<Arg> sizes(v.ndim(), Arg(-1));
  bool lost = false;
  for (std::size_t axis = 0; axis < v.ndim(); ++axis) {
    if (!v.type().broadcastable(axis) || g.type().broadcastable(axis)) continue;
    sizes[axis] = Arg(1);
    lost = true;
  }
  return lost ? specify_shape(g, Sizes(sizes)) : g;
}

DType gradient_dtype(const Var& v) { return is_float(v.dtype()) ? v.dtype() : floatX(); }

Var zero_gradient(const Var& v) { return broadcast_like(cast(Arg(0.0), gradient_dtype(v)), v); }

}  // namespace damo
