#pragma once
#include <span>
#include <utility>
#include <vector>

#include <damo/graph/variables.hpp>
#include <damo/graph/walk.hpp>

namespace damo {

/// Shared variables and their next values, in order. All are computed from the old values, then
/// stored together.
class Updates {
 public:
  Updates() = default;
  /// Throws GraphError when a shared variable is listed twice with different values.
  Updates(std::initializer_list<std::pair<Var, Var>> pairs) {
    for (const auto& [target, value] : pairs) add(target, value);
  }
  /// `updates[W] = W - lr * gW`; assigning again replaces. Throws TypeError when the key is not a
  /// shared variable. What is read is the next value so far: an operand like any other variable.
  class Slot : public Var {
   public:
    Slot(Updates& updates, Var target)
        : Var(updates.find(target)), updates_(updates), target_(std::move(target)) {}
    Slot(const Slot&) = default;
    Slot& operator=(const Arg& value);
    Slot& operator=(const Slot& value) { return *this = Arg(value); }

   private:
    Updates& updates_;
    Var target_;
  };
  Slot operator[](const Var& target) { return {*this, target}; }
  /// Adds `other`'s pairs. The same target with the same expression is one update; with another, a
  /// GraphError naming both.
  Updates& operator+=(const Updates& other);

  void set(const Var& target, const Var& value);
  /// The next value of `target`, or an empty Var.
  Var find(const Var& target) const;
  bool empty() const { return pairs_.empty(); }
  std::size_t size() const { return pairs_.size(); }
  const std::vector<std::pair<Var, Var>>& pairs() const { return pairs_; }
  auto begin() const { return pairs_.begin(); }
  auto end() const { return pairs_.end(); }

 private:
  void add(const Var& target, const Var& value);
  std::vector<std::pair<Var, Var>> pairs_;
};

}  // namespace damo
