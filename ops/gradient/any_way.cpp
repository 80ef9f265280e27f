#include <algorithm>
#include <array>

#include <damo/ops/common/gradient_mask.hpp>
#include <damo/ops/control/ifelse.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/any_way.hpp>

namespace damo {

Var any_of_ways(const std::vector<const Way*>& ways, std::size_t depth) {
  std::vector<std::pair<Var, std::array<std::vector<const Way*>, 2>>> choices;
  for (const Way* way : ways) {
    if (way->size() == depth) return {};
    const Guard& next = (*way)[depth];
    auto it = std::find_if(choices.begin(), choices.end(),
                           [&](const auto& c) { return same(c.first, next.condition); });
    if (it == choices.end()) it = choices.insert(it, {next.condition, {}});
    it->second[next.holds ? 0 : 1].push_back(way);
  }
  Var some;
  for (const auto& [condition, sides] : choices) {
    const auto side = [&, &sides = sides](std::size_t i) {
      const Var inner = sides[i].empty() ? Arg(false).var() : any_of_ways(sides[i], depth + 1);
      return std::pair(inner.defined() ? inner : Arg(true).var(), !inner.defined());
    };
    const auto [yes, always_yes] = side(0);
    const auto [no, always_no] = side(1);
    if (always_yes && always_no) return {};
    Var here = ifelse(condition, yes, no);
    if (always_yes && sides[1].empty()) here = condition;
    if (always_no && sides[0].empty()) here = negation(condition);
    some = some.defined() ? or_(some, here) : here;
  }
  return some;
}

std::optional<Guard> AnyWay::of(const Flows& flows, std::size_t depth) {
  std::vector<Key> key;
  std::vector<const Way*> ways;
  for (const Flow& f : flows) {
    if (f.guards.size() == depth) return std::nullopt;
    Key one;
    for (std::size_t i = depth; i < f.guards.size(); ++i)
      one.emplace_back(number(f.guards[i].condition), f.guards[i].holds);
    if (std::find(key.begin(), key.end(), one) != key.end()) continue;
    key.push_back(std::move(one));
    ways.push_back(&f.guards);
  }
  std::sort(key.begin(), key.end());
  const auto [at, fresh] = made_.try_emplace(std::move(key));
  if (fresh) at->second = any_of_ways(ways, depth);
  return at->second.defined() ? std::optional(Guard{at->second, true}) : std::nullopt;
}

std::size_t AnyWay::number(const Var& condition) {
  return numbers_.try_emplace(condition, numbers_.size()).first->second;
}

}  // namespace damo
