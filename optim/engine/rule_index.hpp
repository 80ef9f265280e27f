#pragma once
#include <bitset>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include <damo/graph/node_table.hpp>
#include <damo/optim/analysis/flat_terms.hpp>
#include <damo/optim/language/rule.hpp>

namespace damo::optim {

/// Which of the catalogue's rules are known not to apply at a node. Nodes never change, so neither
/// does that, unless the rule asked for something that does: then it is not noted.
using Refusals = std::bitset<320>;

/// The numbers by which a graph with these roots is known.
std::vector<std::uint64_t> numbers_of(const Vars& roots);

/// What passes over a graph leave to those that follow.
struct Learned {
  Table<Refusals> refusals{};
  Table<Reached> reached{};
  /// Which variables are computed from what loops give.
  Table<bool> of_loops{};
  /// Graphs that a sweep has made, so that no two nodes are equal, by the numbers of their roots.
  std::set<std::vector<std::uint64_t>> merged{};
  /// The nodes of the graph that the last pass ended with, in their order, and its roots' numbers.
  std::shared_ptr<const std::vector<const Apply*>> order{};
  std::vector<std::uint64_t> ordered{};
  /// By the tags of a pass's rules, the roots of the graph in which they have nothing to do.
  std::map<std::vector<std::string>, std::vector<std::uint64_t>> left_by{};
};

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
