#include "tests/fuzz/differential.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/located_error.hpp>
#include <damo/graph/variables.hpp>
#include <damo/optim/engine/pipeline.hpp>
#include <damo/optim/verify/random_graph.hpp>
#include <damo/optim/verify/replay.hpp>
#include <damo/runtime/function/function.hpp>

namespace damo::test {
namespace {

using Bindings = std::vector<std::pair<Var, Array>>;
using optim::Counterexample;
using optim::Lie;

FunctionGraph graph_of(const Vars& outputs) {
  FunctionGraph graph;
  graph.outputs = outputs;
  for (const Var& leaf : leaves(outputs)) {
    if (is_input(leaf)) graph.inputs.push_back(leaf);
  }
  return graph;
}

/// Random streams advance when a function is called; the next mode draws the same.
class StreamsAsTheyWere {
 public:
  explicit StreamsAsTheyWere(const Vars& outputs) {
    for (const Var& leaf : leaves(outputs)) {
      if (is_shared(leaf)) before_.emplace_back(leaf, SharedVar(leaf).value());
    }
  }
  ~StreamsAsTheyWere() {
    for (const auto& [v, value] : before_) SharedVar(v).set_array(value);
  }
  StreamsAsTheyWere(const StreamsAsTheyWere&) = delete;
  StreamsAsTheyWere& operator=(const StreamsAsTheyWere&) = delete;

 private:
  Bindings before_;
};

/// What a call gives: values, or an error.
struct Result {
  std::vector<Array> values{};
  std::string error{};
};

/// A function of the leaves of `outputs`.
class Compiled {
 public:
  Compiled(const Vars& outputs, const Mode& mode) : asked_(graph_of(outputs)) {
    function_ = function(asked_.inputs, outputs, {.mode = mode});
  }
  const Vars& rewritten() const { return function_.graph().outputs; }

  Result operator()(const Bindings& values) {
    const StreamsAsTheyWere streams(asked_.outputs);
    std::vector<Argument> arguments;
    for (const Var& in : asked_.inputs) {
      for (const auto& [v, value] : values) {
        if (same(v, in)) arguments.emplace_back(value);
      }
    }
    Result result;
    try {
      const Outputs out = function_.call(arguments);
      for (std::size_t i = 0; i < asked_.outputs.size(); ++i) result.values.push_back(out[i]);
    } catch (const InternalError&) {
      throw;
    } catch (const Error& e) {
      result.error = e.what();
    }
    return result;
  }

 private:
  FunctionGraph asked_;
  Function function_{};
};

bool same_bytes(const Array& a, const Array& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() &&
         std::equal(a.raw(), a.raw() + a.bytes(), b.raw());
}

/// What was written, beside what a mode makes of it.
class Comparison {
 public:
  Comparison(Vars outputs, const Held& held) : outputs_(std::move(outputs)), held_(held) {}

  /// A lie of the mode at these values.
  std::optional<Counterexample> lie_at(const Bindings& values) {
    if (!as_written_) as_written_.emplace(outputs_, Mode::none());
    const Result was = (*as_written_)(values);
    Result is;
    try {
      if (!in_mode_) in_mode_.emplace(outputs_, held_.mode);
      is = (*in_mode_)(values);
    } catch (const InternalError& e) {
      return Counterexample{
          outputs_[0], outputs_[0], values, {"an internal error", "", e.what(), {}, {}}};
    }
    if (was.error.empty() != is.error.empty()) {
      return Counterexample{outputs_[0], in_mode_->rewritten()[0], values, error_lie(was, is)};
    }
    return lie_of_values(was, is, values);
  }

 private:
  static Lie error_lie(const Result& was, const Result& is) {
    const auto text = [](const Result& r) { return r.error.empty() ? "no error" : r.error; };
    return {was.error.empty() ? "an error appears" : "an error is lost",
            text(was),
            text(is),
            {},
            "the whole"};
  }

  std::optional<Counterexample> lie_of_values(const Result& was, const Result& is,
                                              const Bindings& values) const {
    std::optional<WideEvaluation> exactly, limit;
    for (std::size_t i = 0; i < was.values.size(); ++i) {
      if (same_bytes(was.values[i], is.values[i])) continue;
      if (!exactly) {
        exactly.emplace(values);
        if (auto large = optim::at_large(values)) limit.emplace(std::move(*large));
      }
      const Var& after = in_mode_->rewritten()[i];
      auto lie =
          optim::judge(was.values[i].view(), is.values[i].view(),
                       {outputs_[i], after, *exactly, limit ? &*limit : nullptr}, held_.promise);
      if (lie) return Counterexample{outputs_[i], after, values, std::move(*lie)};
    }
    return std::nullopt;
  }

  Vars outputs_;
  const Held& held_;
  std::optional<Compiled> as_written_{}, in_mode_{};
};

/// The first rewrite that lies when the graph is rewritten.
std::string rule_at_fault(const Counterexample& found, const Mode& mode) {
  const FunctionGraph graph = graph_of({found.before});
  std::string name;
  try {
    Trace trace;
    optimize(graph, mode, &trace);
    optim::Replay(graph, trace, found.values)
        .run(
            [&](const optim::Sides& sides) {
              if (name.empty() && sides.judged()) name = sides.applied.rule;
            },
            [](const auto&, const auto&, const auto&) {});
  } catch (const LocatedError&) {
  } catch (const Error&) {
  }
  return name;
}

}  // namespace

std::string Finding::text() const {
  return fmt::format("seed {}, mode {}{}\n{}", seed, mode,
                     rule.empty() ? "" : fmt::format(", rule '{}'", rule), example.text());
}

// A product that selects rows is documented not to read the others, nor do draws by one.
Mode reading_all_rows(const Mode& mode) {
  return mode.excluding("binary_product").excluding("bernoulli_dot");
}

std::vector<Held> held_modes() {
  return {{reading_all_rows(Mode::fast()), optim::Promise::whole},
          {Mode::fast_compile(), optim::Promise::whole},
          {Mode::strict(), optim::Promise::same_bits}};
}

std::optional<Finding> differential(std::uint64_t seed) {
  const optim::RandomGraph graph(seed);
  optim::Dice dice(seed + 1);
  std::vector<Bindings> values;
  for (const std::size_t extreme : {0, 3}) values.push_back(graph.values(dice, extreme));
  std::vector<Held> all = held_modes();
  if (seed % 10 == 0) all.push_back({reading_all_rows(Mode::debug()), optim::Promise::whole});
  for (const Held& held : all) {
    Comparison comparison(graph.outputs(), held);
    for (const Bindings& at : values) {
      auto found = comparison.lie_at(at);
      if (!found) continue;
      Counterexample least =
          optim::shrunk(std::move(*found), [&](const Var& root, const Bindings& near) {
            return Comparison({root}, held).lie_at(near);
          });
      std::string rule = rule_at_fault(least, held.mode);
      return Finding{seed, held.mode.text(), std::move(rule), std::move(least)};
    }
  }
  return std::nullopt;
}

}  // namespace damo::test
