#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <damo/graph/op.hpp>
#include <damo/optim/analysis/function_set.hpp>

namespace damo::optim {

class Context;
class Identity;

/// A question about the variable that a placeholder stands for.
using Condition = std::function<bool(const Var&, Context&)>;

/// A placeholder in a rule's two sides: matches any number or tensor for which `condition` holds.
/// The same placeholder must match the same expression everywhere. To the functions that make the
/// two sides it is a matrix.
Var any(const char* name, Condition condition = {});
/// One for tensors of that rank only.
Var any(const char* name, std::size_t rank, Condition condition = {});
/// A placeholder for a bool expression, such as the condition of `where`; of any rank, or one.
Var any_bool(const char* name);
Var any_bool(const char* name, std::size_t rank);

// Conditions.
Condition is_constant();      ///< A constant of any shape whose elements are all equal.
Condition is_number(double);  ///< The same, equal to a number as far as its dtype can hold it.
Condition is_binary();        ///< Every element is 0 or 1.
Condition is_int64();         ///< A whole number, by its dtype.
Condition is_floating();      ///< A float32 or float64.
Condition is_nonnegative();
Condition is_positive();  ///< Greater than 0 in exact arithmetic, as sigmoid(x) and exp(x) are.
Condition used_once();    ///< One node reads it.

/// How a rewrite relates to the graph it replaces.
enum class Soundness : std::uint8_t {
  bit_exact,   ///< the same bits, errors, infinities and NaNs (whatever bits those have)
  zero_sign,   ///< the same but for the sign of zeros
  real_equal,  ///< equal in exact arithmetic; the rounding may differ
  needs_fact,  ///< real_equal given a fact that the rule checks, such as x >= 0
  limit,       ///< the same, and what is NaN as 0 / 0 is may become the limit there
  selection,   ///< the same, and an infinity or NaN that a product takes 0 times counts for nothing
  method,  ///< equal in exact arithmetic by an algorithm of another kind, which has NaN, overflow
           ///< and errors of its own where numbers are infinite or far from 1
  approximate  ///< equal to within rounding only
};
std::string_view name(Soundness soundness);
/// As modes name it: "bit_exact".
std::string tag(Soundness soundness);

/// Functions that terms of a sum, or of a product, must apply: `Terms::heads`. None says nothing.
struct NeededHeads {
  bool of_sum = false;
  FunctionSet heads{};
  FunctionSet within{};  ///< They and those of the sums and products in it.
};

/// A rewrite of one node: an identity between two expressions, or a function for what an identity
/// cannot say.
class Rule {
 public:
  /// What the node's outputs become (a null Var keeps one), or nullopt when the rule does not
  /// apply.
  using Rewrite = std::function<std::optional<Vars>(const Apply&, Context&)>;

  Rule(std::string name, std::vector<std::string> roots, std::string equation, Rewrite rewrite);

  // clang-format off
  Rule&& canonicalizes() && { return std::move(*this).tagged("canonicalize"); }
  Rule&& stabilizes() && { return std::move(*this).tagged("stabilize"); }
  Rule&& specializes() && { return std::move(*this).tagged("specialize"); }
  // clang-format on
  Rule&& tagged(std::string tag) &&;
  /// The identity's left side is matched node by node, as it is written.
  Rule&& as_written() &&;
  Rule&& sound(Soundness soundness) &&;
  /// A further condition, on the node that the rule would replace.
  Rule&& when(std::function<bool(const Apply&, Context&)> condition) &&;

  /// What modes include and exclude, and traces show.
  const std::string& name() const { return name_; }
  const std::vector<std::string>& tags() const { return tags_; }
  bool has_tag(std::string_view tag) const;
  /// What modes know it by: its tags, and that of its soundness.
  const std::vector<std::string>& mode_tags() const { return mode_tags_; }
  /// Names of the ops at which the rule may apply.
  const std::vector<std::string>& roots() const { return roots_; }
  /// "log(sigmoid(x)) = -softplus(-x)", or a sentence.
  const std::string& equation() const { return equation_; }
  Soundness soundness() const { return soundness_; }
  /// The two sides of an identity; null for a rewriter function.
  const Var& left() const { return left_; }
  const Var& right() const { return right_; }

  std::optional<Vars> apply(const Apply& node, Context& context) const;
  /// It applies to no sum or product without these: told before it is tried.
  const NeededHeads& needed_heads() const { return needed_heads_; }

 private:
  friend Rule rule(std::string name, const Var& left, const Var& right);
  void read(std::shared_ptr<const Identity> identity);

  std::string name_;
  std::vector<std::string> tags_{};
  std::vector<std::string> roots_;
  std::string equation_;
  Soundness soundness_ = Soundness::real_equal;
  std::vector<std::string> mode_tags_;
  Var left_{}, right_{};
  Rewrite rewrite_;
  NeededHeads needed_heads_{};
  std::function<bool(const Apply&, Context&)> when_{};
};
using Rules = std::vector<Rule>;

/// An identity: `rule("log_sigmoid", log(sigmoid(x)), -softplus(-x)).stabilizes()`. Of elementwise
/// functions the left side matches in float32 and float64, at any rank, up to the order and
/// grouping of sums and products, signs, conversions to wider floats, and changes of layout
/// (dimshuffle, reshape, indexing, stretching) between its parts; a product also matches part of a
/// longer one.
///
/// Sides of other ops, and those that say the same once taken apart like that, are matched as they
/// are written: `sum(-x)`, `x + 0`, `-(-x)`, `a + (-b)`. Such an identity holds for any rank and
/// for sums over any axes as long as its ops have no parameters other than the axes of a whole sum;
/// ops with others, `dimshuffle(x, {1, 0})`, match with equal parameters.
///
/// Throws InternalError, naming the rule, for a left side that applies no function, a right side
/// with placeholders that the left side lacks, and a right side that the left one matches again.
Rule rule(std::string name, const Var& left, const Var& right);

/// A rewrite as a function of the node, tried at ops named in `roots`; `equation` says what it
/// does. Throws InternalError for a root that no op is called.
Rule node_rewriter(std::string name, std::vector<std::string> roots, std::string equation,
                   Rule::Rewrite rewrite);

}  // namespace damo::optim
