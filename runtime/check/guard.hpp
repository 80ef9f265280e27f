#pragma once
#include <unordered_map>

#include <damo/optim/engine/mode.hpp>
#include <damo/runtime/program/program.hpp>

namespace damo {

/// Stops a program at the first number it has been told of, and says where it comes from.
///
/// Arguments and shared variables are checked before the first instruction, results after each. Of
/// a fused loop only what leaves it is checked; when that is bad the group is computed once more,
/// node by node, and the bad element followed to the node that made it. Integers are exempt, and
/// with them the state of random streams; so is an infinity that only hands on one of a constant,
/// as the initial value of a maximum does. Precondition: instructions do not write over their
/// inputs.
class GuardObserver final : public Observer {
 public:
  /// Of a function; or, where only the loop whose body is `body` is guarded, of that, with `loop`
  /// its node: then what enters it is checked in place of the arguments.
  explicit GuardObserver(const GuardOptions& what, const Program* body = nullptr,
                         const Apply* loop = nullptr)
      : what_(what), body_(body), loop_(loop) {}
  void begin(Program& program) override;
  void after(Program& program, std::size_t instruction) override;

 private:
  class ElementTrace;

  bool is_bad(double value) const;
  /// Whether any element is bad.
  bool any_bad(const Tensor& t) const;
  void check_leaf(const Program& program, std::uint32_t slot) const;
  void check_entering(const Program& program) const;
  void explain_other(const Instruction& instruction, std::size_t output) const;

  GuardOptions what_;
  const Program* body_;
  const Apply* loop_;
  /// Versions of shared values found good: a training set is looked at once.
  std::unordered_map<const SharedCell*, std::uint64_t> checked_;
};

}  // namespace damo
