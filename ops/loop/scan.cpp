#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
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

}  // namespace

ScanResult scan(const Step& step, ScanOptions options, bool in_pieces) {
  widen_numbers(options);
  // From bool over int64 and float32 to float64 there are three changes of a dtype.
  for (int change = 0; change < 3; ++change) {
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

/// How many steps there are in all.
Var steps_of(const CheckpointOptions& o) {
  if (o.n_steps) return o.n_steps->is_literal() ? o.n_steps->var(DType::int64) : o.n_steps->var();
  Var n;
  for (const Sequence& s : o.sequences) {
    const Var length = size_at(s.x, 0);
    n = n.defined() ? minimum(n, length) : length;
  }
  if (!n.defined()) refuse_pieces(o, "n_steps is needed where there are no sequences");
  return n;
}

/// N, once a run has found it, and the number of steps, to be such as they must.
Var checked_piece(const CheckpointOptions& o, const Var& n_steps, const Site& site) {
  const Arg& asked = o.save_every_N;
  const Var every = asked.is_literal() ? asked.var(DType::int64) : asked.var();
  if (every.dtype() != DType::int64 || every.ndim() != 0)
    refuse_pieces(o, fmt::format("save_every_N is an int64 scalar, got {}", describe(every)));
  const auto known = scalar_constant(every);
  if (known && *known < 1)
    refuse_pieces(o, fmt::format("save_every_N is {}, not 1 at least", *known));
  Vars checks;
  const auto check = [&](Demand::Kind kind, const Var& a, const Var& b) {
    checks.push_back(size_check(kind, a, b, "scan_checkpoints", {n_steps, every}, site));
  };
  if (!known) check(Demand::Kind::at_least, every, int_constant(1));
  if (!o.padding) check(Demand::Kind::equal, n_steps % every, int_constant(0));
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

}  // namespace

ScanResult scan_checkpoints(const Step& step, const CheckpointOptions& o) {
  const Site site = SiteScope::or_else(o.site);
  const SiteScope scope(site);
  check_taps(o);
  const Var n_steps = steps_of(o);
  const Var every = checked_piece(o, n_steps, site);
  const Step piece{
      [&](const Vars& now) {
        const Var from = now[0] * every;
        const Var n = minimum(every, n_steps - from);
        ScanOptions inner{.non_sequences = o.non_sequences, .n_steps = Arg(n), .name = o.name};
        for (const Sequence& s : o.sequences)
          inner.sequences.emplace_back(s.x[range(from, from + n)]);
        std::size_t next = 1;
        for (const OutputInfo& info : o.outputs_info)
          inner.outputs_info.push_back(info.taps.empty() ? info : OutputInfo(now[next++]));
        ScanResult made = scan(step, std::move(inner));
        for (Var& v : made.outputs) v = v[-1];
        return StepResult(made.outputs, made.updates);
      },
      -1};
  ScanOptions outer{.sequences = arange(floor_div(n_steps + every - 1, every)),
                    .outputs_info = o.outputs_info,
                    .name = o.name,
                    .site = site};
  return scan(piece, std::move(outer), true);
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
