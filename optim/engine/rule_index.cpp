#include <algorithm>

#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include <damo/optim/engine/rule_index.hpp>

namespace damo::optim {
namespace {

/// A caller's own rules have no number: they may ask for anything.
std::size_t number_of(const Rule* rule) {
  static const std::unordered_map<const Rule*, std::size_t> numbers = [] {
    std::unordered_map<const Rule*, std::size_t> places;
    for (const Rule* r : all_rules()) places.emplace(r, places.size());
    return places;
  }();
  const auto it = numbers.find(rule);
  return it == numbers.end() ? Refusals{}.size() : it->second;
}

}  // namespace

RuleIndex::RuleIndex(std::vector<const Rule*> rules) : rules_(std::move(rules)) {
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    for (const std::string& root : rules_[i]->roots()) by_root_[root].push_back(i);
  }
}

RuleIndex::List RuleIndex::make_list(const std::string& name, bool elementwise) const {
  std::vector<std::size_t> places;
  for (const char* root : {name.c_str(), "*", elementwise ? "elementwise" : "*"}) {
    const auto it = by_root_.find(root);
    if (it != by_root_.end()) places.insert(places.end(), it->second.begin(), it->second.end());
  }
  std::sort(places.begin(), places.end());
  places.erase(std::unique(places.begin(), places.end()), places.end());
  List list;
  for (const std::size_t place : places) {
    const std::size_t number = number_of(rules_[place]);
    list.entries.push_back({rules_[place], number});
    list.numbered = list.numbered && number < list.all.size();
    if (number < list.all.size()) list.all.set(number);
  }
  return list;
}

const RuleIndex::List& RuleIndex::at(const Op& op) const {
  const auto* elementwise = as<Elementwise>(op);
  const std::size_t number = elementwise != nullptr ? elementwise->scalar().number : 0;
  if (elementwise != nullptr && number < by_scalar_.size() && by_scalar_[number] != nullptr)
    return *by_scalar_[number];
  std::string name = op.name();
  auto it = by_name_.find(name);
  if (it == by_name_.end())
    it = by_name_.emplace(name, make_list(name, elementwise != nullptr)).first;
  if (elementwise != nullptr) {
    if (by_scalar_.size() <= number) by_scalar_.resize(number + 1);
    by_scalar_[number] = &it->second;
  }
  return it->second;
}

}  // namespace damo::optim
