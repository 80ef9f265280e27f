#pragma once
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <damo/graph/function_graph.hpp>
#include <damo/ops/scan.hpp>
#include <damo/ops/updates.hpp>
#include <damo/optim/pipeline.hpp>
#include <damo/runtime/argument.hpp>
#include <damo/runtime/outputs.hpp>

namespace damo {

struct FunctionOptions {
  /// Shared variables and their next values; computed from the old values, stored together.
  Updates updates{};
  /// Variables of the graph and what stands in for them.
  std::vector<std::pair<Var, Var>> givens{};
  /// For errors and profiles.
  std::string name{};
  Mode mode = Mode::fast();
  /// Record where the time goes from the first call on.
  bool profile = false;
};

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
  /// must have the dtype. Throws GraphError for a wrong number of arguments, TypeError or
  /// ShapeError for an argument that does not fit, and what the kernels throw, with the node, its
  /// operands and its line. After an error all shared variables have their old values.
  template <class... A>
  Outputs operator()(const A&... arguments) {
    if constexpr (sizeof...(A) == 0) {
      return call({});
    } else {
      const Argument list[] = {make_argument(arguments)...};
      return call(list);
    }
  }
  /// The same with the arguments in a list.
  Outputs call(std::span<const Argument> arguments);

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
  friend Function function(const VarList&, const VarList&, FunctionOptions, Site);
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Compiles the computation of `outputs` (and `updates`) from `inputs` and shared variables. Random
/// streams that the graph draws from move on by themselves unless `updates` says otherwise. Throws
/// GraphError for an input that is missing, unused or given twice, a shared variable updated twice
/// or a target that is none; TypeError or ShapeError for an update or a given whose type does not
/// fit.
Function function(const VarList& inputs, const VarList& outputs, FunctionOptions options = {},
                  Site site = Site::here());

std::string debugprint(const Function& function);
std::string to_dot(const Function& function);

}  // namespace damo
