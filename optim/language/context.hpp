#pragma once
#include <optional>

#include <damo/graph/facts.hpp>
#include <damo/graph/var.hpp>
#include <damo/optim/analysis/flat_terms.hpp>

namespace damo::optim {

/// What a rule may ask about the graph it works in.
class Context {
 public:
  Context() = default;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  virtual ~Context() = default;

  /// What is known of the values of `v`.
  virtual Fact fact(const Var& v) = 0;
  /// How many nodes and outputs read `v`; 1 for a variable that a rule has just made.
  virtual std::size_t uses(const Var& v) = 0;
  /// `v` as a flat sum or product. Most rules of a node ask for the same, so it is remembered;
  /// valid while the rule runs.
  virtual const Terms& terms(Terms::Group group, const Var& v) = 0;
  /// At least the functions that terms of `v` apply.
  virtual Reached reached(const Var& v) = 0;
  /// What a stabilizing rule makes of `v`'s own node, or nullopt when none fires. Lets a rule ask
  /// whether a step towards a stable form would lead there.
  virtual std::optional<Var> stabilized(const Var& v) = 0;
  /// The stable form of log(v), or nullopt when it has none. Remembered: many rules of many nodes
  /// ask for the same.
  virtual std::optional<Var> stable_log(const Var& v) = 0;
  /// Whether `v` is a loop's value, or computed from one by functions, movements, sums and products
  /// alone.
  virtual bool reads_loop(const Var& v) = 0;
  /// What a variable equal to `v` has become, when the graph has one and it was looked at before;
  /// else an empty Var. Spares a walk that another node's rule has done.
  virtual Var known(const Var& v) = 0;
  /// A place to remember in what the size of `x` along an axis was found to be; empty at first. It
  /// holds until the next one is asked for.
  virtual Var& found_size(const Var& x, std::size_t axis) = 0;
  /// `v` after all rules that apply have been applied.
  virtual Var simplified(const Var& v) = 0;
};

}  // namespace damo::optim
