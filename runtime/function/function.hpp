#pragma once
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <damo/graph/function_graph.hpp>
#include <damo/graph/updates.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/optim/engine/pipeline.hpp>
#include <damo/runtime/function/argument.hpp>
#include <damo/runtime/function/function_options.hpp>
#include <damo/runtime/function/outputs.hpp>

namespace damo {

/// A compiled graph. Movable. Calls must not overlap: one function belongs to one thread at a time.
class Function {
 public:
  Function();
  Function(Function&&) noexcept;
  Function& operator=(Function&&) noexcept;
  ~Function();

  /// Arguments in the order of the inputs: numbers, xtensor expressions, Array, std::span and
  /// std::vector. Spans, arrays and row-major xtensor containers are read where they are. A number
  /// converts to the input's dtype where nothing but rounding of a real number is lost; tensors
  /// must have the dtype (`In` changes both rules). Arguments by name, `named("lr", 0.1)`, may
  /// stand anywhere; inputs with a value of their own may be left out. An Array that is moved into
  /// a mutable input is taken over. Throws GraphError for a wrong number of arguments or a wrong
  /// name, TypeError or ShapeError for an argument that does not fit, and what the kernels throw,
  /// with the node, its operands and its line. After an error all shared variables have their old
  /// values.
  template <class... A>
  Outputs operator()(A&&... arguments) {
    if constexpr (sizeof...(A) == 0) {
      return call({});
    } else {
      const Argument list[] = {forward_argument(std::forward<A>(arguments))...};
      return call(list);
    }
  }
  /// The same with the arguments in a list.
  Outputs call(std::span<const Argument> arguments);

  /// A function that computes the same with other shared variables, or without updates, without
  /// being rewritten again. It has memory of its own, and values for left-out arguments of its own
  /// that start at the present ones; shared variables that are not swapped stay shared. Throws
  /// GraphError for a variable that the function does not use, TypeError for types that differ.
  Function copy(const CopyOptions& options = {}) const;
  /// The present value of an input for when its argument is left out. Throws GraphError when there
  /// is no such input, or it has none.
  const Array& value(std::string_view input) const;

  const std::string& name() const;
  /// The graph as it is run, after all rewriting.
  const FunctionGraph& graph() const;
  /// The graph as it was asked for: givens and default updates are in it, no rewriting yet.
  const FunctionGraph& asked() const;
  /// What the optimiser did, as text.
  std::string trace() const;
  /// The same for programs to look at.
  const Trace& rewrites() const;
  /// Where the time went in the calls made while profiling was on, as text.
  std::string profile() const;
  /// Starts (from zero) or stops profiling.
  void set_profiling(bool on);
  /// Number of instructions, those inside loops not counted.
  std::size_t n_instructions() const;

 private:
  friend Function function(const EntryList<In>&, const EntryList<Out>&, FunctionOptions, Site);
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Compiles the computation of `outputs` (and `updates`) from `inputs` and shared variables. Random
/// streams that the graph draws from, and shared variables with a default update that it reads,
/// move on by themselves unless `updates` or `no_default_updates` says otherwise. Throws GraphError
/// for an input that is missing, unused or given twice, a shared variable updated twice, a target
/// that is none, or givens in a circle; TypeError or ShapeError for an update or a given whose type
/// does not fit.
Function function(const EntryList<In>& inputs, const EntryList<Out>& outputs,
                  FunctionOptions options = {}, Site site = Site::here());

std::string debugprint(const Function& function);
std::string to_dot(const Function& function);

}  // namespace damo
