#pragma once
#include <bitset>
#include <string>
#include <unordered_map>
#include <vector>

#include <damo/optim/language/rule.hpp>

namespace damo::optim {

/// Which of the catalogue's rules are known not to apply at a node. Nodes never change, so neither
/// does that, unless the rule asked for something that does: then it is not noted.
using Refusals = std::bitset<320>;

/// Rules found by the op at which they apply, each list in the order of the rules.
class RuleIndex {
 public:
  struct Entry {
    const Rule* rule;
    std::size_t number;  ///< Its bit among `Refusals`; none when too large.
  };
  struct List {
    std::vector<Entry> entries{};
    Refusals all{};        ///< The bits of all entries.
    bool numbered = true;  ///< Whether every entry has one.

    bool refused(const Refusals& known) const { return numbered && (all & ~known).none(); }
  };
  explicit RuleIndex(std::vector<const Rule*> rules);
  /// Rules for nodes of `op`; a rule rooted at "elementwise" is for all elementwise ops, one at
  /// "*" for every op.
  const List& at(const Op& op) const;

 private:
  List make_list(const std::string& name, bool elementwise) const;

  std::vector<const Rule*> rules_;
  std::unordered_map<std::string, std::vector<std::size_t>> by_root_;  // places in `rules_`
  mutable std::unordered_map<std::string, List> by_name_;
  mutable std::vector<const List*> by_scalar_;  // by ScalarOp::number
};

}  // namespace damo::optim
