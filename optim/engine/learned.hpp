#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <damo/graph/function_graph.hpp>
#include <damo/graph/node_table.hpp>
#include <damo/optim/analysis/flat_terms.hpp>
#include <damo/optim/engine/rule_index.hpp>

namespace damo::optim {

/// What passes over a graph leave to those that follow. Nodes never change, so what is known of one
/// stays true; a graph is known by its roots.
class Learned {
 public:
  using Order = std::vector<const Apply*>;

  /// The nodes of a graph in an order in which they can run, which is that of the last time for the
  /// graph of the last time.
  std::shared_ptr<const Order> order_of(const FunctionGraph& graph);

  /// Notes that no two nodes of a graph are equal, as after a sweep.
  void note_merged(const FunctionGraph& graph) { merged_.insert(key(graph)); }
  bool is_merged(const FunctionGraph& graph) const { return merged_.contains(key(graph)); }

  /// Notes that the rules with one of these tags have nothing to do in a graph.
  void note_done(const std::vector<std::string>& tags, const FunctionGraph& graph) {
    done_[tags] = key(graph);
  }
  bool is_done(const std::vector<std::string>& tags, const FunctionGraph& graph) const;

  Table<Refusals> refusals{};  ///< by node
  Table<Reached> reached{};    ///< by variable
  Table<bool> of_loops{};      ///< whether a variable is computed from what loops give

 private:
  using Key = std::vector<std::uint64_t>;
  static Key key(const FunctionGraph& graph);

  std::set<Key> merged_{};
  std::map<std::vector<std::string>, Key> done_{};
  Key ordered_{};
  std::shared_ptr<const Order> order_{};
};

}  // namespace damo::optim
