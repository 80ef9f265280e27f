#pragma once
#include <utility>
#include <vector>

#include <damo/graph/node_table.hpp>

namespace damo {

/// Value facts of the variables of a graph, inferred from the leaves up (`Op::facts`) and
/// remembered.
class Facts {
 public:
  /// Assumes `fact` of `v`: of the inputs of a loop's body, for example.
  void assume(const Var& v, const Fact& fact);
  Fact of(const Var& v);
  /// Facts of the inputs of the body of the node's op, which hold whenever it runs.
  std::vector<std::pair<Var, Fact>> inside(const Apply& node);

 private:
  void infer(const Apply& node);
  std::vector<Fact> of_inputs(const Apply& node) const;

  Table<Fact> known_;
};

}  // namespace damo
