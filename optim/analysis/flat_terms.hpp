#pragma once
#include <forward_list>
#include <optional>
#include <vector>

#include <damo/graph/op.hpp>
#include <damo/optim/analysis/function_set.hpp>

namespace damo::optim {

/// The movements (reshaping, indexing, stretching) between a sub-expression and the place where it
/// is seen, innermost first.
struct Step {
  const Apply* movement;
  const Step* outer;
};
/// Owns steps; pointers to them stay valid.
using Steps = std::forward_list<Step>;

/// An expression seen through movements.
struct Seen {
  Var core;
  const Step* path = nullptr;
};
/// Steps one movement or conversion to a wider float deeper; false when `seen.core` is neither. One
/// to a narrower float stays: it is the user's rounding.
bool look_deeper(Seen& seen, Steps& steps);
/// The variable with the movements applied.
Var surface(const Seen& seen);
/// Whether both are the same variable seen through the same movements.
bool same(const Seen& a, const Seen& b);

/// At least the elementwise functions that a variable's terms apply, as a sum and as a product, and
/// those of sums of products of sums in it. Found from those of its operands, where `Terms` would
/// take it apart: most rules need a function that most graphs do not have.
struct Reached {
  FunctionSet in_sum{}, in_product{}, in_both{};
};

/// A sum or product of several terms, flattened: through signs, float conversions and movements.
/// Bounded in depth and number of terms, so that looking at every node of a long chain stays
/// linear.
class Terms {
 public:
  enum class Group : std::uint8_t { sum, product };
  struct Leaf {
    Seen seen;
    bool inverse;                    ///< Subtracted, or divided by.
    std::optional<double> constant;  ///< The value of a constant term.
  };
  /// What is left of a sum or product: `v` (null for 0 or 1), to be negated when `negative`.
  struct Rest {
    Var v;
    bool negative = false;
    Var value(Group group) const;
  };

  Terms(Group group, const Seen& root, Steps& steps);
  /// Whether `v` would be more than one leaf.
  static bool splits(Group group, const Var& v) { return kind_of(group, v).has_value(); }

  const std::vector<Leaf>& leaves() const { return leaves_; }
  /// The elementwise functions that leaves apply, one bit each (`head_bit`).
  const FunctionSet& heads() const { return heads_; }
  /// The sum of the constant terms, or the product of the constant factors with the sign.
  double constant() const { return constant_; }
  std::size_t n_constants() const { return n_constants_; }
  /// Whether minus signs, other than those of constants, negate a product.
  bool negated() const { return negated_; }
  /// The expression without the leaves marked in `drop`, otherwise grouped as it was. Constants
  /// stay unless marked.
  Rest without(const std::vector<bool>& drop) const;
  Group group() const { return group_; }

 private:
  struct Node {
    enum class Kind : std::uint8_t { leaf, join, part, negate, invert, square, wrap };
    Kind kind;
    Var v;
    std::size_t first = 0, second = 0;  ///< Children; of a leaf, its index.
  };
  std::size_t expand(const Seen& seen, bool inverse, bool negative, int depth, Steps& steps);
  std::size_t add_leaf(const Seen& seen, bool inverse, bool negative, std::optional<double> value);
  static std::optional<Node::Kind> kind_of(Group group, const Var& v);
  Rest rebuild(std::size_t index, const std::vector<bool>& drop) const;
  Rest join(const Node& node, const Rest& a, const Rest& b) const;

  Group group_;
  std::vector<Node> nodes_;
  std::vector<Leaf> leaves_;
  double constant_;
  std::size_t n_constants_ = 0;
  FunctionSet heads_{};
  bool negated_ = false;
};

}  // namespace damo::optim
