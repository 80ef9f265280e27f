#include <fmt/format.h>

#include <algorithm>
#include <map>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/common/operands.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/loop/scan_builder.hpp>
#include <damo/ops/shape/shape.hpp>

// What a scan's step is handed: items of sequences, states, non-sequences.
namespace damo::detail {

std::string ScanBuilder::title() const {
  return options_.name.empty() ? "scan" : fmt::format("scan '{}'", options_.name);
}

void ScanBuilder::fail(const std::string& what) const {
  throw GraphError(fmt::format("{}: {}\n  made at {}", title(), what, to_string(site_)));
}

void ScanBuilder::fail_type(const std::string& what) const {
  throw TypeError(fmt::format("{}: {}\n  made at {}", title(), what, to_string(site_)));
}

void ScanBuilder::add_sequences() {
  Var shortest;
  for (std::size_t i = 0; i < options_.sequences.size(); ++i) {
    const Sequence& s = options_.sequences[i];
    if (!s.x.defined() || s.x.ndim() == 0) {
      fail_type(fmt::format("sequence {} must have a first axis to run along, got {}", i,
                            s.x.defined() ? describe(s.x) : "nothing"));
    }
    if (s.taps.empty()) fail(fmt::format("sequence {} has no taps", i));
    const int low = std::min(0, *std::min_element(s.taps.begin(), s.taps.end()));
    const int high = std::max(0, *std::max_element(s.taps.begin(), s.taps.end()));
    const Var items = high - low == 0 ? s.x.shape(0) : maximum(s.x.shape(0) - (high - low), 0);
    shortest = shortest.defined() ? minimum(shortest, items) : items;
    lengths_.push_back(items);
  }
  loop_.n_steps = number_of_steps(shortest);
  for (std::size_t i = 0; i < options_.sequences.size(); ++i) add_taps(i);
}

void ScanBuilder::add_taps(std::size_t i) {
  const Sequence& s = options_.sequences[i];
  const int low = std::min(0, *std::min_element(s.taps.begin(), s.taps.end()));
  const int high = std::max(0, *std::max_element(s.taps.begin(), s.taps.end()));
  std::vector<int> by_age = s.taps;
  std::sort(by_age.begin(), by_age.end());
  if (!options_.go_backwards) std::reverse(by_age.begin(), by_age.end());
  std::map<int, Var> slices;
  for (const int tap : by_age) {
    Var& outside = slices[tap];
    if (outside.defined()) continue;
    outside = high == low ? s.x : s.x[range(tap - low, tap - low + lengths_[i])];
    if (options_.go_backwards) outside = outside[backwards()];
  }
  for (const int tap : s.taps) {
    const Var& outside = slices.at(tap);
    const Var item = item_of(outside, item_name(s.x, i, tap), site_);
    loop_.sequences.push_back({outside, item});
    loop_.roles.emplace_back(
        item, fmt::format("sequence {}{}{}", i, s.x.name().empty() ? "" : " '" + s.x.name() + "'",
                          s.taps.size() > 1 || tap != 0 ? fmt::format(" at tap {}", tap) : ""));
    args_.push_back(item);
  }
}

Range ScanBuilder::backwards() { return {Var{}, Var{}, Arg(-1).var(DType::int64)}; }

std::string ScanBuilder::item_name(const Var& v, std::size_t i, int tap) {
  const std::string name = v.name().empty() ? fmt::format("sequence {}", i) : v.name();
  return tap == 0 ? name + "[t]" : fmt::format("{}[t{:+}]", name, tap);
}

Var ScanBuilder::number_of_steps(const Var& shortest) const {
  if (options_.n_steps && options_.max_steps) fail("both n_steps and max_steps are given");
  const std::optional<Arg>& asked = options_.max_steps ? options_.max_steps : options_.n_steps;
  if (!asked) {
    if (!shortest.defined()) fail("n_steps is needed when there are no sequences");
    return shortest;
  }
  const Arg& n = *asked;
  if (n.is_literal() && (n.kind() == Arg::Kind::real || n.integer() < 0)) {
    fail(fmt::format("n_steps must be a whole number of at least 0, got {}", n.real()));
  }
  const Var v = whole(n);
  if (v.dtype() != DType::int64 || v.ndim() != 0) {
    fail_type(fmt::format("n_steps must be an int64 scalar, got {}", describe(v)));
  }
  return v;
}

Var ScanBuilder::state_input(const Var& initial, std::string name) {
  return input(carried_type(initial.type()), std::move(name), site_);
}

void ScanBuilder::add_outputs() {
  for (std::size_t i = 0; i < options_.outputs_info.size(); ++i) {
    const OutputInfo& info = options_.outputs_info[i];
    first_state_.push_back(loop_.states.size());
    depth_.push_back(0);
    if (info.taps.empty()) continue;
    if (!info.initial.defined()) fail(fmt::format("output {} has taps but no initial value", i));
    const int deepest = *std::min_element(info.taps.begin(), info.taps.end());
    for (const int tap : info.taps) {
      if (tap >= 0)
        fail(fmt::format("output {} has tap {}: an output can only be read at earlier steps", i,
                         tap));
      if (std::count(info.taps.begin(), info.taps.end(), tap) > 1) {
        fail(fmt::format("output {} has tap {} twice", i, tap));
      }
    }
    const bool has_time_axis = info.taps.size() > 1 || deepest != -1;
    const TensorType& type = info.initial.type();
    if (has_time_axis &&
        (type.rank() == 0 || (type.dims[0] != unknown && type.dims[0] < -deepest))) {
      fail_type(fmt::format(
          "output {} with taps down to {} needs an initial value of {} rows, got {}\n  hint: one "
          "row for each step before the first, the earliest first",
          i, deepest, -deepest, describe(info.initial)));
    }
    depth_.back() = -deepest;
    for (int back = 1; back <= -deepest; ++back)
      add_state(info, i, back, has_time_axis ? -deepest : 0);
    for (const int tap : info.taps)
      args_.push_back(loop_.states[first_state_[i] + static_cast<std::size_t>(-tap) - 1].inner);
  }
}

void ScanBuilder::add_state(const OutputInfo& info, std::size_t output, int back, int rows) {
  // The rows are counted from the start of the initial value, so that one with too few fails by
  // name at run time.
  Var initial = info.initial;
  if (rows != 0) {
    initial = info.initial[rows - back].named(
        fmt::format("row {} of {} in the initial value of output {} of {}", rows - back, rows,
                    output, title()));
  }
  const std::string given =
      info.initial.name().empty() ? fmt::format("output {}", output) : info.initial.name();
  const Var inner = state_input(initial, fmt::format("{}[t-{}]", given, back));
  loop_.states.push_back({initial, inner, {}});
  loop_.roles.emplace_back(inner, fmt::format("the carry of output {}{}", output,
                                              back == 1 ? "" : fmt::format(" at tap -{}", back)));
}

void ScanBuilder::add_non_sequence(const Var& v) {
  if (!v.defined()) fail("an empty Var among non_sequences");
  listed_.insert(v);
  args_.push_back(v);
}

StepResult ScanBuilder::call_step() {
  const std::size_t needed = args_.size() - options_.non_sequences.size();
  Vars args = args_;
  if (step_.arity >= 0) {
    const auto arity = static_cast<std::size_t>(step_.arity);
    if (arity < needed || arity > args_.size()) {
      fail(
          fmt::format("the step takes {} variables, but is handed {} ({} from sequences, {} "
                      "fed-back outputs) and up to {} "
                      "non-sequences",
                      arity, needed, loop_.sequences.size(), needed - loop_.sequences.size(),
                      options_.non_sequences.size()));
    }
    args.resize(arity);
  }
  return step_.call(args);
}

}  // namespace damo::detail
