#pragma once
#include <optional>
#include <vector>

#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/optim/analysis/flat_terms.hpp>
#include <damo/optim/language/context.hpp>

namespace damo::optim {

/// The left side of an identity, made ready for matching: sums and products are flat, conversions
/// are gone, and placeholders are numbered.
struct Pattern {
  enum class Kind : std::uint8_t { wild, constant, call, product, sum };
  Kind kind = Kind::wild;
  std::size_t wild = 0;
  double value = 0;  ///< Of a constant; a product's coefficient; a sum's constant term.
  const ScalarOp* op = nullptr;
  std::vector<Pattern> children{};
  std::vector<bool> inverse{};  ///< Of a product's children: divided by.
  FunctionSet heads{};          ///< Functions that terms of a matching sum or product apply.
  FunctionSet within{};         ///< They and those of the sums and products in it.

  /// Numbers the placeholders of `side` by their place in `wildcards`, adding new ones.
  static Pattern compile(const Var& side, Vars& wildcards);
  bool is_group() const { return kind == Kind::sum || kind == Kind::product; }
  Terms::Group group() const {
    return kind == Kind::sum ? Terms::Group::sum : Terms::Group::product;
  }
  /// Names of the ops at which an expression of this pattern may be rooted.
  std::vector<std::string> roots() const;
  friend bool operator==(const Pattern&, const Pattern&) = default;
};

/// What a placeholder stands for: `scale` times a variable (seen through movements).
struct Binding {
  Seen seen{};
  double scale = 1;
  bool bound() const { return seen.core.defined(); }
  Var value() const;
};

/// A successful match. `rest` is what of the node's sum or product the pattern left over.
struct Match {
  std::vector<Binding> bindings{};
  Terms::Rest rest{};
  bool partial = false;
};

/// Whether placeholders mind their conditions.
enum class Conditions : std::uint8_t { asked, ignored };

/// Matches `pattern` at `root`, or at some of the terms of the sum or product that `root` is.
/// `wildcards` are its placeholders in order.
std::optional<Match> match(const Pattern& pattern, const Vars& wildcards, const Var& root,
                           Context& context, Steps& steps,
                           Conditions conditions = Conditions::asked);

}  // namespace damo::optim
