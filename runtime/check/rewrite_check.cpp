#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/error_text.hpp>
#include <damo/graph/text/located_error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/control/effect_op.hpp>
#include <damo/ops/random/draw.hpp>
#include <damo/optim/verify/replay.hpp>
#include <damo/runtime/check/difference.hpp>
#include <damo/runtime/check/rewrite_check.hpp>

namespace damo {
namespace {

using optim::Lie;
using optim::Promise;
using optim::Sides;

constexpr int shown_depth = 6;

/// Whether anything random is compared with what is computed: a threshold that moves by a rounding
/// error flips a sample now and then, and all that follows from it.
bool draws(const FunctionGraph& graph) {
  for (const Apply* node : graph.order()) {
    if (as<Draw>(node->op()) != nullptr) return true;
    if (node->op().body() != nullptr && draws(*node->op().body())) return true;
  }
  return false;
}

std::string described(const Var& v) {
  return fmt::format("{}, made at {}", pprint(v, shown_depth), to_string(v.site()));
}

std::string worst(const Lie& lie) {
  const std::string truth = lie.truth.empty() ? "" : ", in long double " + lie.truth;
  return fmt::format("{}: {} before, {} after{}", lie.place, lie.before, lie.after, truth);
}

class RewriteCheck {
 public:
  RewriteCheck(const FunctionGraph& asked, const Trace& trace, optim::Values arguments)
      : asked_(asked), trace_(trace), arguments_(arguments), draws_(draws(asked)) {}

  void run() {
    optim::Replay replay(asked_, trace_, arguments_);
    replay.run([this](const Sides& sides) { check(sides); },
               [this](const Trace::Pass& pass, const auto& before, const auto& after) {
                 if (!report_.empty()) throw InternalError(report_);
                 for (std::size_t i = 0; i < after.size(); ++i)
                   check_root(pass, i, before[i].view(), after[i].view());
               });
    if (!report_.empty()) throw InternalError(report_);
  }

 private:
  void check(const Sides& sides) {
    // What cannot be computed from these values has no sides to compare.
    if (!report_.empty() || !sides.before || !sides.after) return;
    const Trace::Applied& a = sides.applied;
    const Promise promise = sides.promise();
    const bool exact = promise == Promise::same_bits || promise == Promise::zero_sign;
    if (!exact && agree(*sides.before, *sides.after)) return;
    const auto lie = sides.judged();
    if (!lie) return;
    ErrorText text("debug", fmt::format("rule '{}' changes a value", a.rule));
    text.add("rule", a.equation);
    text.add("before", described(a.before));
    text.add("after", described(a.after));
    text.add("worst", worst(*lie));
    text.add("why", lie->what);
    if (!sides.place.empty()) text.add("in", sides.place);
    text.add("in", fmt::format("pass '{}'", a.pass));
    report_ = text.text();
  }

  void check_root(const Trace::Pass& pass, std::size_t root, const Tensor& was, const Tensor& is) {
    if (agree(was, is)) return;
    if (draws_ && !differ(was, is, 100 * magnitude(was))) return;
    WideEvaluation exactly(arguments_);
    std::optional<WideEvaluation> limit;
    if (auto large = optim::at_large(arguments_)) limit.emplace(std::move(*large));
    const auto lie = optim::judge(
        was, is, {asked_.roots()[root], pass.roots[root], exactly, limit ? &*limit : nullptr},
        Promise::whole);
    if (!lie) return;
    const std::size_t n = asked_.outputs.size();
    ErrorText text("debug",
                   fmt::format("pass '{}' changes {} {}", pass.name, root < n ? "output" : "update",
                               root < n ? root : root - n));
    text.add("worst", worst(*lie));
    text.add("why", lie->what);
    text.add("output", described(asked_.roots()[root]));
    throw InternalError(text.text());
  }

  const FunctionGraph& asked_;
  const Trace& trace_;
  optim::Values arguments_;
  bool draws_;
  std::string report_;
};

}  // namespace

void check_rewrites(const FunctionGraph& asked, const Trace& trace,
                    std::span<const std::pair<Var, Array>> arguments) {
  const QuietEffects quiet;
  try {
    RewriteCheck(asked, trace, arguments).run();
  } catch (const LocatedError& e) {
    e.raise();
  }
}

}  // namespace damo
