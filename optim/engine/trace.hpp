#pragma once
#include <string>
#include <vector>

#include <damo/graph/var.hpp>

namespace damo {

/// What the rewrites did to a function's graph, in order.
class Trace {
 public:
  /// One applied rule.
  struct Applied {
    std::string rule;
    std::string pass;
    std::vector<std::string> tags;
    /// The loop in whose body it happened, or "".
    std::string loop;
    Var before, after;
    std::string equation;
    /// The rule's class, as modes name it: "bit_exact"; "" for a pass of its own.
    std::string soundness{};
    /// Nodes that `before` and `after` need, counted down to a small bound.
    std::size_t nodes_before() const;
    std::size_t nodes_after() const;
  };
  /// One finished pass.
  struct Pass {
    std::string name;
    std::size_t applied = 0;
    std::size_t visits = 0;  ///< Nodes it looked at.
    Vars roots{};            ///< What the graph computes after it: outputs, then update values.
    /// Nodes in the graph after it, those of loop bodies included.
    std::size_t nodes() const;
  };

  void add(Applied applied) { applied_.push_back(std::move(applied)); }
  void finish(Pass pass) { passes_.push_back(std::move(pass)); }

  const std::vector<Applied>& applied() const { return applied_; }
  const std::vector<Pass>& passes() const { return passes_; }
  /// How often the rule or pass of that name fired.
  std::size_t count(std::string_view rule) const;
  bool fired(std::string_view rule) const { return count(rule) > 0; }
  std::size_t visits() const;

  /// A table of passes, then each applied rule: its line, what it replaced, what by.
  std::string text() const;
  std::string json() const;
  /// The last step's graphs, before and after, of each applied rule as Graphviz clusters.
  std::string dot() const;

 private:
  std::vector<Applied> applied_;
  std::vector<Pass> passes_;
};

}  // namespace damo
