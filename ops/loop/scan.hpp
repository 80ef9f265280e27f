#pragma once
#include <array>
#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <damo/graph/updates.hpp>
#include <damo/ops/loop/scan_mode.hpp>

namespace damo {

struct None {};
/// In `outputs_info`: this output is not fed back.
inline constexpr None none{};

/// A sequence and the taps at which each step reads it: tap k at step t is item t + k - min(0,
/// smallest tap).
struct Sequence {
  Sequence(const Var& v) : x(v) {}
  Sequence(Var v, std::vector<int> t) : x(std::move(v)), taps(std::move(t)) {}
  Var x;
  std::vector<int> taps{0};
};
/// `seq(x, {-1, 0, 2})`: a sequence read at several taps.
inline Sequence seq(const Var& x, std::vector<int> taps) { return {x, std::move(taps)}; }

inline Sequence seq(const Var& x, int tap) { return {x, std::vector<int>{tap}}; }

/// What an output of the step starts from, and at which taps it is fed back. A number has the dtype
/// that the step makes of it. Tried first is int64, or the widest float of the variables listed;
/// when the step makes something else of it, the step is called again, and its draws are new ones
/// then.
struct OutputInfo {
  OutputInfo(None) {}
  template <class Number>
  requires std::is_arithmetic_v<Number> OutputInfo(Number value, const char* f = __builtin_FILE(),
                                                   unsigned l = __builtin_LINE())
      : number(Arg(value, f, l)), initial(number->var()), taps{-1} {}
  OutputInfo(const Var& v) : initial(v), taps{-1} {}
  OutputInfo(Var v, std::vector<int> t) : initial(std::move(v)), taps(std::move(t)) {}
  std::optional<Arg> number{};
  Var initial{};
  std::vector<int> taps{};
};
/// `init(h, {-2, -1})`: an output fed back at several taps. `h` has one row for each step before
/// the first, the earliest first: as many as the deepest tap. With the one tap -1, `h` is the
/// previous value itself, without a time axis.
inline OutputInfo init(const Var& initial, std::vector<int> taps = {-1}) {
  return {initial, std::move(taps)};
}

/// A list as scan takes it: several, or one by itself.
template <class T>
struct OneOrMore : std::vector<T> {
  OneOrMore() = default;
  OneOrMore(std::initializer_list<T> items) : std::vector<T>(items) {}
  OneOrMore(std::vector<T> items) : std::vector<T>(std::move(items)) {}
  template <class V>
  requires(!std::same_as<V, T> && std::convertible_to<const V&, T>)
      OneOrMore(const std::vector<V>& items)
      : std::vector<T>(items.begin(), items.end()) {}
  template <class One>
  requires std::convertible_to<const One&, T> OneOrMore(const One& one,
                                                        const char* f = __builtin_FILE(),
                                                        unsigned l = __builtin_LINE())
      : std::vector<T>{made(one, f, l)} {}

 private:
  /// A number keeps the user's line.
  template <class One>
  static T made(const One& one, const char* f, unsigned l) {
    if constexpr (std::is_constructible_v<T, const One&, const char*, unsigned>) {
      return T(one, f, l);
    } else {
      return T(one);
    }
  }
};

/// What a step returns: its outputs, and perhaps updates of shared variables and a condition that
/// ends the loop.
struct StepResult {
  StepResult(const Var& output) : outputs{output} {}
  StepResult(Vars o) : outputs(std::move(o)) {}
  StepResult(Updates u) : updates(std::move(u)) {}
  StepResult(std::pair<Vars, Updates> both)
      : outputs(std::move(both.first)), updates(std::move(both.second)) {}
  StepResult(std::pair<Var, Updates> both)
      : outputs{std::move(both.first)}, updates(std::move(both.second)) {}
  StepResult(std::pair<Updates, Vars> both)
      : outputs(std::move(both.second)), updates(std::move(both.first)) {}
  StepResult(std::pair<Updates, Var> both)
      : outputs{std::move(both.second)}, updates(std::move(both.first)) {}
  StepResult(Vars o, Updates u, Var c = {})
      : outputs(std::move(o)), updates(std::move(u)), condition(std::move(c)) {}
  template <std::size_t N>
  StepResult(const std::array<Var, N>& o) : outputs(o.begin(), o.end()) {}
  Vars outputs{};
  Updates updates{};
  Var condition{};
};
/// Ends the loop after the first step at which `condition` (a bool scalar) holds; that step is
/// kept.
inline StepResult until(Vars outputs, Var condition) {
  return {std::move(outputs), Updates{}, std::move(condition)};
}
inline StepResult until(const Var& output, Var condition) {
  return until(Vars{output}, std::move(condition));
}
inline StepResult until(Vars outputs, Updates updates, Var condition) {
  return {std::move(outputs), std::move(updates), std::move(condition)};
}

inline StepResult until(Updates updates, Var condition) {
  return {Vars{}, std::move(updates), std::move(condition)};
}

struct ScanOptions {
  OneOrMore<Sequence> sequences{};
  /// One entry an output; empty: no output is fed back.
  OneOrMore<OutputInfo> outputs_info{};
  /// Handed to the step after sequences and outputs, where it has parameters left. Captured
  /// variables need not be listed.
  OneOrMore<Var> non_sequences{};
  /// A number or an int64 scalar; without it the shortest sequence decides.
  std::optional<Arg> n_steps{};
  /// The same for a loop that `until` ends: how many steps there are if its condition never holds.
  std::optional<Arg> max_steps{};
  /// Backpropagation through time goes back over the last so many steps only; -1: over all. Of
  /// steps before those, sequences get zero gradients and non-sequences none; an initial value gets
  /// one from the steps that are left, if one of them reads it.
  int truncate_gradient = -1;
  /// The sequences are read from their ends.
  bool go_backwards = false;
  /// Capturing a variable that is not listed is an error, shared ones included; constants, and what
  /// the step itself updates, excepted.
  bool strict = false;
  std::string name{};
  /// How the body is rewritten, guarded and checked: `.mode = Mode::guard()`. Without one, as the
  /// function is. A guard here looks at what the loop itself computes.
  ScanMode mode{};
  /// A function with this loop in it is profiled from its first call on, as with
  /// FunctionOptions::profile.
  bool profile = false;
  Site site = Site::here();
};

/// `auto [outs, updates] = scan(...)`: outs[k] has time as its first axis. The updates hold the
/// final values of the shared variables that the steps change, random streams among them; handing
/// them on to `function` is optional for streams.
struct ScanResult {
  Vars outputs;
  Updates updates;
};

/// What `scan_checkpoints` takes, in Theano's order.
struct CheckpointOptions {
  OneOrMore<Sequence> sequences{};
  OneOrMore<OutputInfo> outputs_info{};
  OneOrMore<Var> non_sequences{};
  std::string name{};
  std::optional<Arg> n_steps{};
  /// A number or an int64 scalar, at least 1.
  Arg save_every_N = 10;
  /// Without it, a number of steps that save_every_N does not divide is a ShapeError of the run.
  bool padding = true;
  Site site = Site::here();
};

namespace detail {

/// A step whose number of parameters is known (or not: -1, then it takes all).
struct Step {
  std::function<StepResult(const Vars&)> call;
  int arity = -1;
};

template <class F, std::size_t... I>
constexpr bool takes(std::index_sequence<I...>) {
  return std::is_invocable_v<F&, decltype((static_cast<void>(I), std::declval<const Var&>()))...>;
}
template <class F, std::size_t N = 0>
constexpr int arity_of() {
  if constexpr (N > 16) {
    return -1;
  } else if constexpr (takes<F>(std::make_index_sequence<N>{})) {
    return static_cast<int>(N);
  } else {
    return arity_of<F, N + 1>();
  }
}
template <class F, std::size_t... I>
StepResult spread(F& f, const Vars& args, std::index_sequence<I...>) {
  return StepResult(f(args[I]...));
}
template <class F>
Step make_step(F f) {
  constexpr int arity = arity_of<F>();
  if constexpr (arity >= 0) {
    return {[f = std::move(f)](const Vars& args) mutable {
              return spread(f, args, std::make_index_sequence<static_cast<std::size_t>(arity)>{});
            },
            arity};
  } else {
    static_assert(std::is_invocable_v<F&, const Vars&>,
                  "scan: the step takes up to 16 Var parameters, or one const Vars&");
    return {[f = std::move(f)](const Vars& args) mutable { return StepResult(f(args)); }, -1};
  }
}

ScanResult scan(const Step& step, ScanOptions options, bool in_pieces = false);
ScanResult fold(const Step& step, ScanOptions options);
ScanResult filter(const Step& step, const ScanOptions& options);
Vars associative_scan(const std::function<Vars(const Vars&, const Vars&)>& combine,
                      const Vars& items, Site site);
ScanResult scan_checkpoints(const Step& step, const CheckpointOptions& options);

}  // namespace detail

/// A symbolic loop (Theano's scan). `step` is called with symbolic arguments in Theano's order: the
/// sequences' taps, the outputs' taps, the non-sequences; it builds the expressions of one step.
/// Errors name the scan, the role of the variable at fault, both types and the remedy.
template <class F>
ScanResult scan(F step, const ScanOptions& options) {
  return detail::scan(detail::make_step(std::move(step)), options);
}

/// A scan that keeps every N-th value only, and computes those between anew for the gradient: a
/// loop of n steps holds about n / N + N values where `scan` holds n. outs[k] has a row for every N
/// steps and one for those that are left, so outs[k][-1] is the last value, with the bits that it
/// and its gradient have where no pass takes a product out of the plain loop. Each output is fed
/// back at tap -1 or not at all, sequences are read at tap 0, and the step does not end the loop by
/// `until`: GraphError otherwise. A negative number of steps is a ShapeError of the run. (Theano's
/// fills the sequences up with zeros to a multiple of N and runs the step on these too; here the
/// last piece is shorter.)
template <class F>
ScanResult scan_checkpoints(F step, const CheckpointOptions& options) {
  return detail::scan_checkpoints(detail::make_step(std::move(step)), options);
}

struct MapOptions {
  OneOrMore<Var> non_sequences{};
  int truncate_gradient = -1;
  bool go_backwards = false;
  std::string name{};
  ScanMode mode{};
  Site site = Site::here();

  ScanOptions with(OneOrMore<Sequence> sequences, OneOrMore<OutputInfo> outputs_info) const {
    return {.sequences = std::move(sequences),
            .outputs_info = std::move(outputs_info),
            .non_sequences = non_sequences,
            .truncate_gradient = truncate_gradient,
            .go_backwards = go_backwards,
            .name = name,
            .mode = mode,
            .site = site};
  }
};
/// The step on each item of the sequences.
template <class F>
ScanResult map(F step, const OneOrMore<Sequence>& sequences, const MapOptions& o = {}) {
  return scan(std::move(step), o.with(sequences, {}));
}
/// Folds the sequences' items, first to last (with go_backwards, last to first), into `initial`:
/// the outputs are the last step's, or `initial` where there are no items. The step takes the
/// items, then the previous results.
template <class F>
ScanResult reduce(F step, const OneOrMore<Sequence>& sequences,
                  const OneOrMore<OutputInfo>& initial, const MapOptions& o = {}) {
  return detail::fold(detail::make_step(std::move(step)), o.with(sequences, initial));
}
/// The items of each sequence for which the step, which returns a bool scalar, holds.
template <class F>
ScanResult filter(F step, const OneOrMore<Sequence>& sequences, const MapOptions& o = {}) {
  return detail::filter(detail::make_step(std::move(step)), o.with(sequences, {}));
}
/// Item i of the result is items 0 to i combined, in as many steps as n can be halved, each of
/// which combines all pairs at once. `combine(a, b)` takes slices of many items and must be
/// associative; of several tensors it takes and returns a `Vars` with a slice of each.
inline Vars associative_scan(const std::function<Vars(const Vars&, const Vars&)>& combine,
                             const Vars& items, Site site = Site::here()) {
  return detail::associative_scan(combine, items, site);
}
inline Var associative_scan(const std::function<Var(const Var&, const Var&)>& combine,
                            const Var& items, Site site = Site::here()) {
  return detail::associative_scan(
      [&](const Vars& a, const Vars& b) { return Vars{combine(a[0], b[0])}; }, {items}, site)[0];
}
/// `outputs` for each item along a new first axis: of each pair the variable is that of the graph,
/// and the expression has its items, with one axis more. What the graph reads besides is the same
/// for all.
Vars vectorize(const Vars& outputs, const std::vector<std::pair<Var, Var>>& items,
               Site site = Site::here());
inline Var vectorize(const Var& output, const std::vector<std::pair<Var, Var>>& items,
                     Site site = Site::here()) {
  return vectorize(Vars{output}, items, site)[0];
}
/// From the first item to the last.
template <class F>
ScanResult foldl(F step, const OneOrMore<Sequence>& sequences, const OneOrMore<OutputInfo>& initial,
                 MapOptions o = {}) {
  o.go_backwards = false;
  return reduce(std::move(step), sequences, initial, o);
}
/// From the last item to the first.
template <class F>
ScanResult foldr(F step, const OneOrMore<Sequence>& sequences, const OneOrMore<OutputInfo>& initial,
                 MapOptions o = {}) {
  o.go_backwards = true;
  return reduce(std::move(step), sequences, initial, o);
}

}  // namespace damo
