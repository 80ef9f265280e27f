#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/evaluate.hpp>
#include <damo/graph/text/located_error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/common/dense.hpp>
#include <damo/ops/control/effect_op.hpp>
#include <damo/ops/loop/scan_watch.hpp>
#include <damo/ops/random/draw.hpp>
#include <damo/optim/language/rule.hpp>
#include <damo/runtime/check/difference.hpp>
#include <damo/runtime/check/rewrite_check.hpp>

namespace damo {
namespace {

constexpr std::size_t most_bytes = std::size_t{1} << 30U;
constexpr int shown_depth = 6;

using Values = std::span<const std::pair<Var, Array>>;

class RewriteCheck {
 public:
  RewriteCheck(const FunctionGraph& asked, const Trace& trace, Values arguments)
      : asked_(asked), trace_(trace), outside_(arguments) {
    VarSet given;
    for (const auto& [v, value] : arguments) given.insert(v);
    allowance_ = draws(asked) ? 100 : 1;
    for (const Trace::Applied& a : trace.applied()) {
      Vars free;
      const Vars sides{a.before, a.after};
      for (const Var& leaf : leaves(sides)) {
        if (is_input(leaf) && !given.contains(leaf)) free.push_back(leaf);
      }
      free_.push_back(std::move(free));
    }
    checked_.resize(free_.size(), false);
  }

  void run() {
    const ScanWatch watch([this](const Scan& scan, Values values, std::int64_t step) {
      check_step(scan, values, step);
    });
    std::vector<Array> before = roots(asked_.roots());
    for (const Trace::Pass& pass : trace_.passes()) {
      check_outside(pass.name);
      std::vector<Array> after = roots(pass.roots);
      for (std::size_t i = 0; i < after.size(); ++i) {
        const Tensor was = before[i].view();
        const auto d = differ(was, after[i].view(), allowance_ * magnitude(was));
        if (d) fail_pass(pass, i, *d);
      }
      before = std::move(after);
    }
  }

 private:
  /// Whether anything random is compared with what is computed: a threshold that moves by a
  /// rounding error flips a sample now and then, and all that follows from it.
  static bool draws(const FunctionGraph& graph) {
    for (const Apply* node : graph.order()) {
      if (as<Draw>(node->op()) != nullptr) return true;
      if (node->op().body() != nullptr && draws(*node->op().body())) return true;
    }
    return false;
  }

  std::vector<Array> roots(const Vars& vars) {
    if (outside_.bytes() > most_bytes) outside_.forget();
    std::vector<Array> result;
    for (const Var& v : vars) result.push_back(dense(outside_.value(v)));
    if (!report_.empty()) throw InternalError(report_);
    for (const std::size_t i : met_) checked_[i] = true;
    met_.clear();
    return result;
  }

  /// Rewrites outside loops.
  void check_outside(const std::string& pass) {
    for (std::size_t i = 0; i < free_.size(); ++i) {
      const Trace::Applied& a = trace_.applied()[i];
      // What a pass of its own notes of a loop names the loop, not the two sides.
      if (checked_[i] || !free_[i].empty() || a.pass != pass || a.rule == a.pass) continue;
      checked_[i] = true;
      if (outside_.bytes() > most_bytes) outside_.forget();
      compare(a, outside_, "");
      if (!report_.empty()) throw InternalError(report_);
    }
  }

  /// Rewrites inside the body of a loop that is running.
  void check_step(const Scan& scan, Values values, std::int64_t step) {
    if (!report_.empty()) return;
    std::optional<Evaluation> inside;
    for (const std::size_t i : of_body(scan)) {
      if (checked_[i]) continue;
      if (!inside) inside.emplace(values);
      compare(trace_.applied()[i], *inside,
              fmt::format("scan '{}', step {}", scan.spec().name, step));
      met_.push_back(i);
    }
  }

  /// The rewrites whose sides can be computed from the inputs of the loop's body.
  const std::vector<std::size_t>& of_body(const Scan& scan) {
    const auto [it, fresh] = by_body_.try_emplace(&scan);
    if (!fresh) return it->second;
    const VarSet inputs(scan.spec().body.inputs.begin(), scan.spec().body.inputs.end());
    for (std::size_t i = 0; i < free_.size(); ++i) {
      const Trace::Applied& a = trace_.applied()[i];
      const bool here = !free_[i].empty() && a.rule != a.pass &&
                        std::all_of(free_[i].begin(), free_[i].end(),
                                    [&](const Var& v) { return inputs.contains(v); });
      if (here) it->second.push_back(i);
    }
    return it->second;
  }

  void compare(const Trace::Applied& a, Evaluation& values, const std::string& place) {
    Tensor before;
    Tensor after;
    try {
      before = values.value(a.before);
      after = values.value(a.after);
    } catch (const LocatedError&) {
      return;  // what cannot be computed from these values has no sides to compare
    }
    auto d = at_all(a, before, after);
    if (!d && differ(before, after)) d = differ(before, after, scale(a.before, values));
    if (!d) return;
    ErrorText text("debug", fmt::format("rule '{}' changes a value", a.rule));
    text.add("rule", a.equation);
    text.add("before", described(a.before));
    text.add("after", described(a.after));
    text.add("worst", d->text("before", "after"));
    if (!place.empty()) text.add("in", place);
    text.add("in", fmt::format("pass '{}'", a.pass));
    report_ = text.text();
  }

  /// The difference where the rule says that there is none.
  static std::optional<Difference> at_all(const Trace::Applied& a, const Tensor& before,
                                          const Tensor& after) {
    const bool exact = a.soundness == tag(optim::Soundness::bit_exact);
    if (!exact && a.soundness != tag(optim::Soundness::zero_sign)) return std::nullopt;
    return differ_at_all(before, after, exact);
  }

  static std::string described(const Var& v) {
    return fmt::format("{}, made at {}", pprint(v, shown_depth), to_string(v.site()));
  }

  /// How large the numbers are that `v` is computed from: cancellation makes their rounding
  /// visible.
  static double scale(const Var& v, Evaluation& values) {
    double largest = 0;
    for (const Var& in : v.inputs()) {
      if (!is_float(in.dtype())) continue;
      largest = std::max(largest, magnitude(values.value(in)));
    }
    return largest;
  }

  [[noreturn]] void fail_pass(const Trace::Pass& pass, std::size_t root,
                              const Difference& d) const {
    const std::size_t n = asked_.outputs.size();
    ErrorText text("debug",
                   fmt::format("pass '{}' changes {} {}", pass.name, root < n ? "output" : "update",
                               root < n ? root : root - n));
    text.add("worst", d.text("before", "after"));
    text.add("output", described(asked_.roots()[root]));
    throw InternalError(text.text());
  }

  const FunctionGraph& asked_;
  const Trace& trace_;
  Evaluation outside_;
  double allowance_ = 1;
  std::vector<Vars> free_;     ///< by rewrite: inputs of loop bodies that its sides depend on
  std::vector<bool> checked_;  ///< by rewrite
  std::vector<std::size_t> met_;
  std::unordered_map<const Scan*, std::vector<std::size_t>> by_body_;
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
