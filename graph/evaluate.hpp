#pragma once
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <damo/graph/op.hpp>
#include <damo/graph/values/array.hpp>

namespace damo {

/// An op whose shapes only a run tells: `evaluate` takes shapes and values from one run.
class ComputesAtOnce {
 public:
  ComputesAtOnce() = default;
  ComputesAtOnce(const ComputesAtOnce&) = default;
  ComputesAtOnce& operator=(const ComputesAtOnce&) = delete;
  virtual ~ComputesAtOnce() = default;
  virtual std::vector<Array> compute(const Apply& node, TensorsIn in) const = 0;
};

/// Computes `outputs` node by node with the ops' own kernels: no rewriting, no fusion, no memory
/// reuse; of a choice only the branch that is taken. The reference that compiled functions are held
/// to, and the engine of constant folding. Shared variables give their present value; `bindings`
/// gives other leaves (or any variable) theirs. Throws GraphError for an input without a value; a
/// kernel's error gains the node and its line.
std::vector<Array> evaluate(std::span<const Var> outputs,
                            std::span<const std::pair<Var, Array>> bindings = {});
Array evaluate(const Var& output, std::span<const std::pair<Var, Array>> bindings = {});

/// The same, remembering what has been computed, for questions about many expressions of one graph.
class Evaluation {
 public:
  /// `bindings` must outlive it.
  explicit Evaluation(std::span<const std::pair<Var, Array>> bindings);
  ~Evaluation();
  Evaluation(const Evaluation&) = delete;
  Evaluation& operator=(const Evaluation&) = delete;
  /// The value of `v`, which stays where it is until `forget`. An error is thrown as a
  /// LocatedError.
  Tensor value(const Var& v);
  /// Bytes held.
  std::size_t bytes() const;
  void forget();

 private:
  class Values;
  std::unique_ptr<Values> values_;
  std::span<const std::pair<Var, Array>> bindings_;
};

/// The same inside a kernel (of a loop): an error is thrown on as a LocatedError, for the caller to
/// add its place.
std::vector<Array> evaluate_inside(std::span<const Var> outputs,
                                   std::span<const std::pair<Var, Array>> bindings);

}  // namespace damo
