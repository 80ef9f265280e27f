#pragma once
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <damo/graph/evaluate.hpp>
#include <damo/graph/function_graph.hpp>
#include <damo/ops/loop/scan_op.hpp>
#include <damo/optim/engine/trace.hpp>
#include <damo/optim/verify/judge.hpp>

namespace damo::optim {

using Values = std::span<const std::pair<Var, Array>>;

/// The same values with a large number for each infinity, to take limits at; nullopt when there is
/// none.
std::optional<WideEvaluation::Bindings> at_large(Values values);
std::optional<WideEvaluation::Bindings> at_large(WideEvaluation::Bindings values);
/// The same, and floats that are next to the finite ones.
WideEvaluation::Bindings nearby(WideEvaluation::Bindings values);

/// An applied rewrite at values of a run. A side that cannot be computed has its error instead.
struct Sides {
  const Trace::Applied& applied;
  std::optional<Tensor> before{}, after{};
  std::string before_error{}, after_error{};
  /// The values of the inputs it depends on: the function's, or those of a loop's body.
  Values given{};
  Evaluation& evaluation;
  std::string place{};  ///< "scan 'gibbs', step 3", or ""

  /// What the rule's class and tags promise.
  Promise promise() const;
  /// Whether the rule keeps that here: by what both sides have in common, or else by the given
  /// values alone, which tell what rounding has done on the way.
  std::optional<Lie> judged() const;
};

/// Computes both sides of every rewrite in a trace: of those inside loops at every step.
class Replay {
 public:
  using Visit = std::function<void(const Sides&)>;
  /// What the graph computes before and after a pass: outputs, then update values.
  using AfterPass = std::function<void(const Trace::Pass&, const std::vector<Array>& before,
                                       const std::vector<Array>& after)>;

  /// `trace` made of `asked` what is run; `arguments` are the values of its inputs.
  Replay(const FunctionGraph& asked, const Trace& trace, Values arguments);
  /// Throws a LocatedError where what is asked for cannot be computed.
  void run(const Visit& visit, const AfterPass& after_pass);

 private:
  std::vector<Array> roots(const Vars& vars);
  void visit_outside(const std::string& pass, const Visit& visit);
  void visit_step(const Scan& scan, Values values, std::int64_t step, const Visit& visit);
  const std::vector<std::size_t>& of_body(const Scan& scan);
  void visit_one(const Trace::Applied& a, Evaluation& evaluation, Values given, std::string place,
                 const Visit& visit) const;

  const FunctionGraph& asked_;
  const Trace& trace_;
  Values arguments_;
  Evaluation outside_;
  std::vector<Vars> free_{};     ///< by rewrite: inputs of loop bodies that its sides depend on
  std::vector<bool> visited_{};  ///< by rewrite
  std::vector<std::size_t> met_{};
  std::unordered_map<const Scan*, std::vector<std::size_t>> by_body_{};
};

}  // namespace damo::optim
