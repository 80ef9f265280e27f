#pragma once
#include <memory>
#include <string>
#include <vector>

#include <damo/optim/language/as_written.hpp>
#include <damo/optim/language/pattern.hpp>
#include <damo/optim/language/rule.hpp>

namespace damo::optim {

/// Two sides that are equal, made ready: how the left one is found in a graph, and what the right
/// one makes of it.
class Identity {
 public:
  /// How the left side is found.
  enum class Reading : std::uint8_t {
    flat,       ///< up to the order and grouping of sums and products, signs, and layout
    as_written  ///< node by node
  };
  /// The flat reading where one is possible, else, or when asked for, the other. Throws
  /// InternalError, naming the rule, for a left side that is no function, a right side with
  /// placeholders that the left one lacks, and sides that say the same, so that the rule would
  /// apply for ever.
  static std::shared_ptr<const Identity> make(const std::string& name, const Var& left,
                                              const Var& right, bool as_written = false);

  Reading reading() const { return reading_; }
  /// Names of the ops at which the left side may be rooted.
  const std::vector<std::string>& roots() const { return roots_; }
  std::optional<Vars> rewrite(const Apply& node, Context& context) const;
  /// The functions that terms of a sum or product must apply for the flat reading to match it; none
  /// when it reads nothing of the kind.
  NeededHeads needed_heads() const;

 private:
  Identity(Var left, Var right) : left_(std::move(left)), right_(std::move(right)) {}
  bool read_flat();
  bool read_as_written(const std::string& name);
  std::optional<Vars> rewrite_flat(const Apply& node, Context& context) const;
  std::optional<Vars> rewrite_as_written(const Apply& node, Context& context) const;

  Var left_, right_;
  std::vector<const Apply*> right_order_{};
  Reading reading_ = Reading::flat;
  Vars wildcards_{};
  Pattern pattern_{};                        // of the flat reading
  std::shared_ptr<const AsWritten> tree_{};  // of the other
  std::vector<std::string> roots_{};
};

}  // namespace damo::optim
