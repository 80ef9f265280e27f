#include <fmt/format.h>

#include <algorithm>
#include <map>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/located_error.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/control/effect_op.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include <damo/optim/engine/pipeline.hpp>
#include <damo/optim/engine/rewriter.hpp>
#include <damo/optim/verify/instances.hpp>
#include <damo/optim/verify/random_graph.hpp>
#include <damo/optim/verify/replay.hpp>
#include <damo/optim/verify/shrink.hpp>
#include <damo/optim/verify/verify.hpp>

namespace damo::optim {
namespace {

using Bindings = std::vector<std::pair<Var, Array>>;

FunctionGraph graph_of(const Vars& outputs) {
  FunctionGraph graph;
  graph.outputs = outputs;
  for (const Var& leaf : leaves(outputs)) {
    if (is_input(leaf)) graph.inputs.push_back(leaf);
  }
  return graph;
}

Trace rewritten_by(const RuleIndex& rules, const std::string& name, const FunctionGraph& graph) {
  Trace trace;
  Rewriter rewriter(rules, {.pass = name, .trace = &trace});
  Trace::Pass pass{name};
  pass.roots = rewriter.run(graph).roots();
  trace.finish(std::move(pass));
  return trace;
}

/// The graph rewritten by one rule and nothing else.
Trace rewritten_by(const Rule& rule, const FunctionGraph& graph) {
  return rewritten_by(RuleIndex({&rule}), "alone", graph);
}

/// The graph rewritten by all rules at once, those included that no pass of a mode has.
Trace rewritten_by_all(const FunctionGraph& graph) {
  static const RuleIndex every(all_rules());
  return rewritten_by(every, "all", graph);
}

Trace rewritten_in(const Mode& mode, const FunctionGraph& graph) {
  Trace trace;
  optimize(graph, mode, &trace);
  return trace;
}

/// Calls `visit` for each rewrite of a trace at these values.
void replay(const FunctionGraph& graph, const Trace& trace, const Bindings& values,
            const Replay::Visit& visit) {
  const QuietEffects quiet;
  try {
    Replay(graph, trace, values).run(visit, [](const auto&, const auto&, const auto&) {});
  } catch (const LocatedError&) {  // the graph raises; its parts were looked at
  }
}

class Verifier {
 public:
  Verifier(const std::vector<const Rule*>& rules, const VerifyOptions& options, bool catalogue)
      : rules_(rules), options_(options), dice_(options.seed) {
    for (const Rule* rule : rules) {
      Verification& v = found_[rule->name()];
      v.rule = rule->name();
      v.equation = rule->equation();
      by_name_[rule->name()] = rule;
    }
    if (!catalogue) mode_ = mode_.with_rule(*rules[0]);
  }

  std::vector<Verification> run() {
    for (const Rule* rule : rules_) {
      for (const Instance& i : instances_of(*rule, dice_)) alone(*rule, i.root, i.values);
    }
    for (const Var& example : options_.examples) at_example(graph_of({example}));
    for (std::uint64_t i = 0; i < options_.graphs; ++i) random_graph(options_.seed * 100003 + i);
    std::vector<Verification> all;
    for (const Rule* rule : rules_) all.push_back(std::move(found_[rule->name()]));
    return all;
  }

 private:
  Bindings values_of(const FunctionGraph& graph, std::size_t extreme) {
    Bindings values;
    for (const Var& v : graph.inputs) {
      Shape shape = v.type().dims;
      for (std::int64_t& n : shape) n = n == unknown ? 3 : n;
      values.emplace_back(v, drawn(dice_, v.dtype(), shape, extreme));
    }
    return values;
  }

  void random_graph(std::uint64_t seed) {
    const RandomGraph random(seed);
    const FunctionGraph graph = graph_of(random.outputs());
    if (rules_.size() == 1 && seed % 2 == 0) {
      for (const std::size_t extreme : {0, 4})
        alone(*rules_[0], graph, random.values(dice_, extreme));
      return;
    }
    try {
      const Trace trace = rewritten_in(mode_, graph);
      for (const std::size_t extreme : {0, 2, 6}) {
        const Bindings values = random.values(dice_, extreme);
        look(graph, trace, values);
      }
    } catch (const InternalError& e) {
      blame(e);
    }
  }

  /// The rules each by themselves, and all as they follow one another.
  void at_example(const FunctionGraph& graph) {
    for (std::size_t extreme : {0, 4, 8}) {
      const Bindings values = values_of(graph, extreme);
      for (const Rule* rule : rules_) alone(*rule, graph, values);
      in_pipeline(graph, values);
    }
  }

  void alone(const Rule& rule, const Var& root, const Bindings& values) {
    alone(rule, graph_of({root}), values);
  }
  void alone(const Rule& rule, const FunctionGraph& graph, const Bindings& values) {
    try {
      const Trace trace = rewritten_by(rule, graph);
      if (trace.fired(rule.name())) look(graph, trace, values);
    } catch (const InternalError& e) {
      blame(e);
    }
  }

  void in_pipeline(const FunctionGraph& graph, const Bindings& values) {
    try {
      look(graph, rewritten_in(mode_, graph), values);
      look(graph, rewritten_by_all(graph), values);
    } catch (const InternalError& e) {
      blame(e);
    }
  }

  /// An error of the rewriter names the rule.
  void blame(const InternalError& e) {
    const std::string text = e.what();
    for (auto& [name, v] : found_) {
      const bool named = found_.size() == 1 || text.find("'" + name + "'") != std::string::npos;
      if (named && v.error.empty()) v.error = text;
    }
  }

  void look(const FunctionGraph& graph, const Trace& trace, const Bindings& values) {
    std::vector<std::pair<const Rule*, Counterexample>> lies;
    replay(graph, trace, values, [&](const Sides& sides) {
      const auto it = found_.find(sides.applied.rule);
      if (it == found_.end()) return;
      ++it->second.applied;
      if (it->second.lie) return;
      if (auto lie = lie_of(sides)) {
        it->second.lie = *lie;
        lies.emplace_back(by_name_[it->first], std::move(*lie));
      }
    });
    for (auto& [rule, lie] : lies) {
      const Rule& r = *rule;
      found_[r.name()].lie = shrunk(
          std::move(lie), [&](const Var& root, const Bindings& at) { return again(r, root, at); });
    }
  }

  static std::optional<Counterexample> lie_of(const Sides& sides) {
    auto lie = sides.judged();
    if (!lie) return std::nullopt;
    return Counterexample{sides.applied.before, sides.applied.after,
                          Bindings(sides.given.begin(), sides.given.end()), std::move(*lie),
                          sides.place};
  }

  /// Whether the rule lies in this graph too.
  std::optional<Counterexample> again(const Rule& rule, const Var& root, const Bindings& values) {
    const FunctionGraph graph = graph_of({root});
    std::optional<Counterexample> lie;
    for (const int way : {0, 1, 2}) {
      try {
        const Trace trace = way == 0   ? rewritten_by(rule, graph)
                            : way == 1 ? rewritten_in(mode_, graph)
                                       : rewritten_by_all(graph);
        if (!trace.fired(rule.name())) continue;
        replay(graph, trace, values, [&](const Sides& sides) {
          if (!lie && sides.applied.rule == rule.name()) lie = lie_of(sides);
        });
      } catch (const InternalError&) {
        continue;
      }
      if (lie) return lie;
    }
    return std::nullopt;
  }

  const std::vector<const Rule*>& rules_;
  const VerifyOptions& options_;
  Dice dice_;
  Mode mode_ = Mode::fast();
  std::map<std::string, Verification> found_{};
  std::map<std::string, const Rule*> by_name_{};
};

}  // namespace

std::string Verification::text() const {
  const std::string head = fmt::format("rule '{}' ({})", rule, equation);
  if (!error.empty()) return fmt::format("{} fails: {}\n", head, error);
  if (lie) return fmt::format("{} lies:\n{}", head, lie->text());
  return fmt::format("{} held {} times\n", head, applied);
}

Verification verify(const Rule& rule, const VerifyOptions& options) {
  const std::vector<const Rule*> rules{&rule};
  return std::move(Verifier(rules, options, false).run()[0]);
}

std::vector<Verification> verify(const std::vector<const Rule*>& rules,
                                 const VerifyOptions& options) {
  return Verifier(rules, options, true).run();
}

}  // namespace damo::optim
