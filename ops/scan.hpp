#pragma once
#include <array>
#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <damo/ops/updates.hpp>

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

/// What an output of the step starts from, and at which taps it is fed back.
struct OutputInfo {
  OutputInfo(None) {}
  OutputInfo(const Var& v) : initial(v), taps{-1} {}
  OutputInfo(Var v, std::vector<int> t) : initial(std::move(v)), taps(std::move(t)) {}
  Var initial{};
  std::vector<int> taps{};
};
/// `init(h, {-2, -1})`: an output fed back at several taps. `h` has one row for each step before
/// the first, the earliest first: as many as the deepest tap. With the one tap -1, `h` is the
/// previous value itself, without a time axis.
inline OutputInfo init(const Var& initial, std::vector<int> taps) {
  return {initial, std::move(taps)};
}

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

struct ScanOptions {
  std::vector<Sequence> sequences{};
  /// One entry an output; empty: no output is fed back.
  std::vector<OutputInfo> outputs_info{};
  /// Handed to the step after sequences and outputs, where it has parameters left. Captured
  /// variables need not be listed.
  Vars non_sequences{};
  /// A number or an int64 scalar; without it the shortest sequence decides.
  std::optional<Arg> n_steps{};
  /// Backpropagation through time stops after so many steps; -1: never.
  int truncate_gradient = -1;
  /// The sequences are read from their ends.
  bool go_backwards = false;
  /// Capturing a variable that is not listed is an error (shared variables and constants excepted).
  bool strict = false;
  std::string name{};
  Site site = Site::here();
};

/// `auto [outs, updates] = scan(...)`: outs[k] has time as its first axis. The updates hold the
/// final values of the shared variables that the steps change, random streams among them; handing
/// them on to `function` is optional for streams.
struct ScanResult {
  Vars outputs;
  Updates updates;
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

ScanResult scan(const Step& step, const ScanOptions& options);
ScanResult fold(const Step& step, const Vars& sequences, const Vars& initial,
                const Vars& non_sequences, bool backwards, std::string name, Site site);

}  // namespace detail

/// A symbolic loop (Theano's scan). `step` is called once, with symbolic arguments in Theano's
/// order: the sequences' taps, the outputs' taps, the non-sequences; it builds the expressions of
/// one step. Errors name the scan, the role of the variable at fault, both types and the remedy.
template <class F>
ScanResult scan(F step, const ScanOptions& options) {
  return detail::scan(detail::make_step(std::move(step)), options);
}

struct MapOptions {
  Vars non_sequences{};
  bool go_backwards = false;
  std::string name{};
  Site site = Site::here();
};
/// The step on each item of the sequences.
template <class F>
ScanResult map(F step, const VarList& sequences, const MapOptions& o = {}) {
  ScanOptions options{.non_sequences = o.non_sequences,
                      .go_backwards = o.go_backwards,
                      .name = o.name,
                      .site = o.site};
  options.sequences.assign(sequences.vars().begin(), sequences.vars().end());
  return scan(std::move(step), options);
}
/// Folds the sequences' items, first to last, into `initial`: the outputs are the last step's. The
/// step takes the items, then the previous results.
template <class F>
ScanResult foldl(F step, const VarList& sequences, const VarList& initial,
                 const MapOptions& o = {}) {
  return detail::fold(detail::make_step(std::move(step)), sequences.vars(), initial.vars(),
                      o.non_sequences, false, o.name, o.site);
}
/// The same from the last item to the first.
template <class F>
ScanResult foldr(F step, const VarList& sequences, const VarList& initial,
                 const MapOptions& o = {}) {
  return detail::fold(detail::make_step(std::move(step)), sequences.vars(), initial.vars(),
                      o.non_sequences, true, o.name, o.site);
}
/// The same as `foldl`, or `foldr` with go_backwards.
template <class F>
ScanResult reduce(F step, const VarList& sequences, const VarList& initial,
                  const MapOptions& o = {}) {
  return detail::fold(detail::make_step(std::move(step)), sequences.vars(), initial.vars(),
                      o.non_sequences, o.go_backwards, o.name, o.site);
}

}  // namespace damo
