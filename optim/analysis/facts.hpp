#pragma once
#include <utility>
#include <vector>

#include <damo/graph/node_table.hpp>

namespace damo::optim {

/// What is known of every element of a variable, in exact arithmetic (a sigmoid is positive, though
/// it may underflow). NaN is ruled out by `finite` alone and must not be argued away with the
/// others.
struct Fact {
  bool nonnegative = false;
  bool positive = false;
  bool at_most_one = false;
  bool integer = false;
  /// Neither NaN nor infinite, as computed.
  bool finite = false;
  /// Not proven: a loop's state that is binary if its initial value is.
  bool perhaps_binary = false;

  bool binary() const { return nonnegative && at_most_one && integer; }
  friend bool operator==(const Fact&, const Fact&) = default;
};
/// What holds when either holds of each element.
Fact common(const Fact& a, const Fact& b);

/// Value facts of the variables of a graph, inferred from the leaves up and remembered.
class Facts {
 public:
  /// Assumes `fact` of `v`: of the inputs of a loop's body, for example.
  void assume(const Var& v, const Fact& fact);
  Fact of(const Var& v);
  /// Facts of the inputs of the body of a loop, which hold at every step.
  std::vector<std::pair<Var, Fact>> of_body(const Apply& node);

 private:
  void infer(const Apply& node);
  void infer_scan(const Apply& node);

  Table<Fact> known_;
};

}  // namespace damo::optim
