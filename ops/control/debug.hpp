#pragma once
#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include <damo/graph/errors/running_loop.hpp>
#include <damo/graph/values/array.hpp>
#include <damo/graph/var.hpp>

// Looking at a function while it runs. Print, Assert and Breakpoint return their first argument:
// use what they return in its place. They happen once a call, or once a step inside scan, whenever
// that value is needed; in the order in which they were made; in every mode. Gradients pass
// through; the loops of derivatives, which run the step again, do not repeat them. `shape` of the
// result needs no value and so does not make them happen.
namespace damo {

struct PrintSettings {
  /// Where lines go; std::cerr when null and there is no `callback`.
  std::ostream* stream = nullptr;
  /// Called with each line, without its end, instead of writing it.
  std::function<void(const std::string&)> callback{};
  /// What is printed, in this order: "dtype", "shape", "value", "min", "max", "mean", "std",
  /// "norm".
  std::vector<std::string> attributes{"dtype", "shape", "value"};
  /// Elements shown at each end of an axis.
  int edge = 3;
};

/// `Var h = Print("hidden")(x)` prints, whenever h is computed,
///     hidden: float32 (2, 3) [[1, 2, 3], [4, 5, 6]]
/// and in a loop `hidden (scan 'gibbs', step 3): ...`. (Theano's theano.printing.Print.)
class Print {
 public:
  /// Throws GraphError for an unknown attribute.
  explicit Print(std::string message, PrintSettings options = {});
  Var operator()(const Arg& x) const;

 private:
  std::string message_;
  PrintSettings options_;
};

/// `Var y = Assert("rows sum to 1")(x, condition, ...)` is x; a call in which some element of a
/// condition is false throws AssertionError with the message, the condition's expression, index and
/// operands, the line, and the loop's step. Conditions are bool of any shape. (Theano's
/// theano.tensor.opt.Assert.)
class Assert {
 public:
  explicit Assert(std::string message) : message_(std::move(message)) {}
  /// Throws TypeError for a condition that is not bool.
  template <class... Conditions>
  Var operator()(const Arg& x, const Conditions&... conditions) const {
    return apply(x, {Arg(conditions).var()...});
  }

 private:
  Var apply(const Arg& x, Vars conditions) const;
  std::string message_;
};

/// What a breakpoint hands to its callback.
struct BreakpointEvent {
  /// Of the variables that the breakpoint was given, in order, and what they are called.
  std::vector<Array> values;
  std::vector<std::string> names;
  /// Of the breakpoint: the name in its options and the line that made it.
  std::string name;
  Site site;
  /// The loops it runs in, outermost first: scan name and step.
  std::vector<LoopPlace> loops;
};

struct BreakpointOptions {
  std::string name = "breakpoint";
  /// A bool scalar: the callback is called only where it holds. Empty: always.
  Var condition{};
};

/// `Var y = Breakpoint(callback)(x, others...)` is x; the callback is called with the values of
/// all. What it throws leaves the function, and no shared variable has changed. (Theano's
/// PdbBreakpoint.)
class Breakpoint {
 public:
  using Callback = std::function<void(const BreakpointEvent&)>;
  /// Throws TypeError for a condition that is not a bool scalar, GraphError for no callback.
  explicit Breakpoint(Callback callback, BreakpointOptions options = {});
  template <class... Others>
  Var operator()(const Arg& x, const Others&... others) const {
    return apply(x, {Arg(others).var()...});
  }

 private:
  Var apply(const Arg& x, Vars others) const;
  Callback callback_;
  BreakpointOptions options_;
};

}  // namespace damo
