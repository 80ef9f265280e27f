#pragma once
#include <optional>
#include <utility>
#include <vector>

#include <damo/optim/language/context.hpp>

namespace damo {
struct ScalarOp;
}

namespace damo::optim {

/// The left side of an identity, matched node by node: the same ops on the same operands, with
/// those of commutative ops in either order, and constants of equal value (and sign, for zeros).
///
/// Where its ops have no parameters, or reduce the whole of their operand, it is an identity of
/// tensors of any rank: `sum(-x)` then stands for a sum over any axes. Otherwise parameters are
/// those that are written, and placeholders have their own rank.
class AsWritten {
 public:
  using Ops = std::vector<std::pair<const Op*, std::shared_ptr<const Op>>>;
  struct Found {
    Vars bindings;         ///< By placeholder.
    Ops ops{};             ///< What stands for ops of the pattern that are any of their kind.
    bool swapped = false;  ///< The operands of the root were met in the other order.
  };

  AsWritten(const Var& left, const Var& right);
  /// The placeholders, in order of their first use.
  const Vars& wildcards() const { return wildcards_; }
  std::optional<Found> match(const Var& root, Context& context) const;
  /// Whether the left side would match some part of `side`, which has the same placeholders.
  bool occurs_in(const Var& side) const;
  /// The op that `op`, of the right side, is where `found` was.
  static std::shared_ptr<const Op> op_for(const Apply& node, const Found& found);

 private:
  /// What an operand of the root must be, as far as its own op tells.
  struct Head {
    enum class Kind : std::uint8_t { any, constant, elementwise, other };
    Kind kind;
    const ScalarOp* function = nullptr;
    Op::Class op_class = nullptr;
    double value = 0;
    explicit Head(const Var& pattern);
    bool fits(const Var& v) const;
  };
  /// False for most of what does not match, found without a search.
  bool heads_fit(const Var& root) const;

  Var left_;
  Vars wildcards_{};
  std::vector<Head> heads_{};
  bool any_rank_ = true;
};

}  // namespace damo::optim
