#pragma once
#include <unordered_map>

#include <damo/graph/walk.hpp>

namespace damo::energy {

/// How an expression depends on a variable, as far as its graph shows.
struct Dependence {
  /// Of a polynomial; 0: not at all, `unknown_degree`: no polynomial that the graph shows.
  int degree = 0;
  /// Each element depends on the variable's element at the same place alone.
  bool elementwise = false;
  /// Zero where the variable is.
  bool vanishes = false;
};
inline constexpr int unknown_degree = 1000;

/// Asks ops what they say of themselves: one is linear in an operand when its gradient there does
/// not read that operand. Reading a variable's shape is no dependence.
class Dependences {
 public:
  explicit Dependences(Var x, int depth = 0) : x_(std::move(x)), depth_(depth) {}
  Dependence of(const Var& v);

 private:
  Dependence infer(const Var& v);
  Dependence of_known_op(const Var& v, const std::vector<std::size_t>& dependent);
  Var x_;
  int depth_;
  std::unordered_map<Var, Dependence, VarHash, VarSame> known_{};
};

/// Whether `part` is repeated along some axis when it stands beside the whole elementwise.
bool stretches(const Var& part, const Var& whole);
/// Whether the elements of `v` are computed from those of `x`.
bool reads(const Var& v, const Var& x);
/// All nodes of which that holds, among those that `outputs` need.
VarSet readers(std::span<const Var> outputs, const Var& x);

/// The values of `v` when `x` has those of `value`, both of one type.
Var at(const Var& v, const Var& x, const Var& value);

}  // namespace damo::energy
