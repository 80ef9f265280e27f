#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/common/operands.hpp>
#include <damo/ops/control/ifelse.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/loop/scan_builder.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/shape/size_check.hpp>

namespace damo::detail {
namespace {

/// Numbers with a fraction begin as wide as the variables that are listed, so that the step need
/// not be called again for them.
void widen_numbers(ScanOptions& options) {
  std::optional<DType> widest;
  const auto see = [&](const Var& v) {
    if (v.defined() && is_float(v.dtype()))
      widest = std::max(widest.value_or(v.dtype()), v.dtype());
  };
  for (const Sequence& s : options.sequences) see(s.x);
  for (const OutputInfo& info : options.outputs_info) see(info.number ? Var{} : info.initial);
  for (const Var& v : options.non_sequences) see(v);
  for (OutputInfo& info : options.outputs_info) {
    const bool fraction = info.number && info.number->kind() == Arg::Kind::real;
    if (fraction && widest) info.initial = info.number->var(*widest);
  }
}

/// From bool over int64 and float32 to float64 a number changes its dtype as often.
constexpr int n_dtype_changes = 3;

}  // namespace

ScanResult scan(const Step& step, ScanOptions options, bool in_pieces) {
  widen_numbers(options);
  for (int change = 0; change < n_dtype_changes; ++change) {
    if (auto result = ScanBuilder(step, options, in_pieces).run(false)) return *result;
  }
  return *ScanBuilder(step, options, in_pieces).run(true);
}

ScanResult fold(const Step& step, ScanOptions options) {
  const Site site = SiteScope::or_else(options.site);
  const std::vector<OutputInfo> initial = options.outputs_info;
  ScanResult result = scan(step, std::move(options));
  const SiteScope scope(site);
  for (std::size_t i = 0; i < result.outputs.size(); ++i) {
    Var& v = result.outputs[i];
    const auto steps = scalar_constant(size_at(v, 0));
    const bool starts = i < initial.size() && initial[i].taps == std::vector<int>{-1};
    const Var last = v[-1];
    // Of no items the initial value, in the dtype and sizes that the step makes of it.
    if (starts && steps.value_or(0) == 0) {
      const Var first = specify_shape(cast(initial[i].initial, v.dtype()), last.type().dims);
      v = ifelse(size_at(v, 0) > 0, last, first);
    } else {
      v = last;
    }
  }
  return result;
}

ScanResult filter(const Step& step, const ScanOptions& options) {
  const Site site = SiteScope::or_else(options.site);
  ScanResult kept = scan(step, options);
  const SiteScope scope(site);
  if (kept.outputs.size() != 1 || kept.outputs[0].dtype() != DType::boolean ||
      kept.outputs[0].ndim() != 1) {
    throw TypeError(fmt::format("filter: the step returns one bool scalar, got {}, at {}",
                                kept.outputs.empty() ? "nothing" : describe(kept.outputs[0]),
                                to_string(site)));
  }
  const Var holds = kept.outputs[0];
  ScanResult result{{}, kept.updates};
  for (const Sequence& s : options.sequences) {
    const Var items = options.go_backwards ? s.x[Range{{}, {}, int_constant(-1)}] : s.x;
    // The shortest sequence decides how many items there are.
    result.outputs.push_back(items[range(0, size_at(holds, 0))][holds]);
  }
  return result;
}

// After step k item i is the combination of items i - 2^k + 1 to i (Hillis and Steele 1986).
Vars associative_scan(const std::function<Vars(const Vars&, const Vars&)>& combine,
                      const Vars& items, Site site) {
  const SiteScope scope(SiteScope::or_else(site));
  if (items.empty()) return {};
  for (const Var& v : items) {
    if (v.ndim() > 0) continue;
    throw ShapeError(fmt::format("associative_scan: {} has no items, at {}", describe(v),
                                 to_string(SiteScope::or_else(site))));
  }
  const Var n = size_at(items[0], 0);
  const Var positions = arange(n);
  const Var longest = cast(maximum(n, 1), float64);
  const Var doublings = cast(ceil(log2(longest)), DType::int64);
  std::vector<OutputInfo> start{OutputInfo(int_constant(1))};
  for (const Var& v : items) start.emplace_back(v);
  const Step step{[&](const Vars& now) {
                    const Var& distance = now[0];
                    const Vars later(now.begin() + 1,
                                     now.begin() + 1 + static_cast<std::ptrdiff_t>(items.size()));
                    Vars before;
                    for (const Var& v : later)
                      before.push_back(take(v, maximum(positions - distance, 0), 0));
                    const Vars both = combine(before, later);
                    if (both.size() != later.size()) {
                      throw GraphError(fmt::format(
                          "associative_scan: combine returns {} tensors of {}, at {}", both.size(),
                          later.size(), to_string(SiteScope::or_else(site))));
                    }
                    Vars next{distance * 2};
                    for (std::size_t i = 0; i < later.size(); ++i) {
                      Vars ones = sizes(later[i]);
                      for (std::size_t k = 1; k < ones.size(); ++k) ones[k] = int_constant(1);
                      const Var done = reshape(positions < distance, ones);
                      next.push_back(where(done, later[i], both[i]));
                    }
                    return StepResult(next);
                  },
                  -1};
  ScanOptions options{.outputs_info = OneOrMore<OutputInfo>(start),
                      .n_steps = Arg(doublings),
                      .name = "associative_scan"};
  Vars result;
  const ScanResult made = fold(step, std::move(options));
  for (std::size_t i = 0; i < items.size(); ++i) result.push_back(made.outputs[i + 1]);
  return result;
}

namespace {

[[noreturn]] void refuse_pieces(const CheckpointOptions& o, const std::string& what) {
  throw GraphError(fmt::format("scan_checkpoints{}: {}, at {}",
                               o.name.empty() ? "" : " '" + o.name + "'", what,
                               to_string(SiteScope::or_else(o.site))));
}

/// `asked` as an int64 scalar that is at least `least`: of a number here, else in `checks`, which a
/// run makes.
Var checked_count(const CheckpointOptions& o, const char* what, const Arg& asked, int least,
                  Vars& checks) {
  const auto known =
      asked.is_literal() ? std::optional(asked.real()) : scalar_constant(asked.var());
  if (known && (*known != std::floor(*known) || *known < least)) {
    refuse_pieces(o,
                  fmt::format("{} is {}, not a whole number of at least {}", what, *known, least));
  }
  const Var n = whole(asked);
  if (n.dtype() != DType::int64 || n.ndim() != 0)
    refuse_pieces(o, fmt::format("{} is an int64 scalar, got {}", what, describe(n)));
  if (!known) {
    checks.push_back(size_check(Demand::Kind::at_least, n, int_constant(least), "scan_checkpoints",
                                {n}, o.site));
  }
  return n;
}

/// How many steps there are in all.
Var steps_of(const CheckpointOptions& o) {
  if (o.n_steps) {
    Vars checks;
    const Var n = checked_count(o, "n_steps", *o.n_steps, 0, checks);
    return after_checks(n, checks);
  }
  Var n;
  for (const Sequence& s : o.sequences) {
    const Var length = size_at(s.x, 0);
    n = n.defined() ? minimum(n, length) : length;
  }
  if (!n.defined()) refuse_pieces(o, "n_steps is needed where there are no sequences");
  return n;
}

/// N, once a run has found it, and the number of steps, to be such as they must.
Var checked_piece(const CheckpointOptions& o, const Var& n_steps) {
  Vars checks;
  const Var every = checked_count(o, "save_every_N", o.save_every_N, 1, checks);
  if (!o.padding) {
    checks.push_back(size_check(Demand::Kind::equal, n_steps % every, int_constant(0),
                                "scan_checkpoints", {n_steps, every}, o.site));
  }
  return after_checks(every, checks);
}

void check_taps(const CheckpointOptions& o) {
  for (const Sequence& s : o.sequences) {
    if (s.taps != std::vector<int>{0}) refuse_pieces(o, "a sequence is read at tap 0 only");
    if (s.x.ndim() == 0) refuse_pieces(o, "a sequence has an axis for time");
  }
  for (const OutputInfo& info : o.outputs_info) {
    if (!info.taps.empty() && info.taps != std::vector<int>{-1})
      refuse_pieces(o, "an output is fed back at tap -1 only");
  }
}

/// The step, if it does not end the loop: a piece that ends early would be followed by the next.
/// Numbers among the initial values take the dtypes that it makes of them, and `changed` says so.
Step step_of_piece(const Step& step, const CheckpointOptions& o, std::vector<OutputInfo>& infos,
                   bool& changed) {
  return {[&](const Vars& arguments) {
            StepResult made = step.call(arguments);
            if (made.condition.defined()) refuse_pieces(o, "until cannot end a loop in pieces");
            const std::vector<OutputInfo> before = infos;
            if (!type_numbers(infos, made.outputs)) return made;
            changed = true;
            for (std::size_t i = 0; i < std::min(made.outputs.size(), infos.size()); ++i) {
              if (infos[i].number)
                made.outputs[i] = cast(made.outputs[i], before[i].initial.dtype());
            }
            return made;
          },
          step.arity};
}

/// Nothing when a number among the initial values took another dtype: then build once more.
std::optional<ScanResult> scan_pieces(const Step& step, const CheckpointOptions& o,
                                      std::vector<OutputInfo>& infos) {
  const Var n_steps = steps_of(o);
  const Var every = checked_piece(o, n_steps);
  bool changed = false;
  const Step inside = step_of_piece(step, o, infos, changed);
  const Step piece{
      [&](const Vars& now) {
        const Var from = now[0] * every;
        const Var n = minimum(every, n_steps - from);
        ScanOptions inner{.non_sequences = o.non_sequences, .n_steps = Arg(n), .name = o.name};
        for (const Sequence& s : o.sequences)
          inner.sequences.emplace_back(s.x[range(from, from + n)]);
        std::size_t next = 1;
        for (const OutputInfo& info : infos)
          inner.outputs_info.push_back(info.taps.empty() ? info : OutputInfo(now[next++]));
        ScanResult made = scan(inside, std::move(inner));
        for (Var& v : made.outputs) v = v[-1];
        return StepResult(made.outputs, made.updates);
      },
      -1};
  // Not n_steps + every - 1, which an N that is to be larger than all may take out of range.
  ScanOptions outer{
      .sequences = arange(floor_div(n_steps - 1, every) + 1), .name = o.name, .site = o.site};
  for (const OutputInfo& info : infos)
    outer.outputs_info.push_back(info.number ? OutputInfo(info.initial) : info);
  ScanResult result = scan(piece, std::move(outer), true);
  return changed ? std::nullopt : std::optional(std::move(result));
}

}  // namespace

ScanResult scan_checkpoints(const Step& step, const CheckpointOptions& options) {
  CheckpointOptions o = options;
  o.site = SiteScope::or_else(options.site);
  const SiteScope scope(o.site);
  check_taps(o);
  ScanOptions all{
      .sequences = o.sequences, .outputs_info = o.outputs_info, .non_sequences = o.non_sequences};
  widen_numbers(all);
  for (int change = 0; change < n_dtype_changes; ++change) {
    if (auto result = scan_pieces(step, o, all.outputs_info)) return *result;
  }
  for (OutputInfo& info : all.outputs_info) info.number.reset();
  return *scan_pieces(step, o, all.outputs_info);
}

}  // namespace damo::detail

namespace damo {

Vars vectorize(const Vars& outputs, const std::vector<std::pair<Var, Var>>& items, Site site) {
  const SiteScope scope(SiteScope::or_else(site));
  std::vector<Sequence> sequences;
  for (const auto& [variable, all] : items) {
    if (all.dtype() != variable.dtype() || all.ndim() != variable.ndim() + 1) {
      throw ShapeError(fmt::format(
          "vectorize: the items have one axis more\n  variable  {}\n  items     {}\n  at {}",
          describe(variable), describe(all), to_string(SiteScope::or_else(site))));
    }
    sequences.emplace_back(all);
  }
  const detail::Step step{[&](const Vars& now) {
                            VarMap known;
                            for (std::size_t i = 0; i < items.size(); ++i)
                              known.emplace(items[i].first, now[i]);
                            return StepResult(replace(outputs, known));
                          },
                          -1};
  ScanOptions options{.sequences = OneOrMore<Sequence>(sequences), .name = "vectorize"};
  return detail::scan(step, std::move(options)).outputs;
}

}  // namespace damo
