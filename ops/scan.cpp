#include <fmt/format.h>

#include <algorithm>
#include <map>

#include <damo/graph/error.hpp>
#include <damo/graph/print.hpp>
#include <damo/ops/draw.hpp>
#include <damo/ops/loop_builder.hpp>
#include <damo/ops/math.hpp>
#include <damo/ops/scan.hpp>
#include <damo/ops/shape.hpp>
#include <damo/ops/state_updates.hpp>

namespace damo::detail {
namespace {

/// Builds one scan: gathers the step's arguments, calls it, finds what it captured, and assembles
/// the loop.
class ScanBuilder {
 public:
  ScanBuilder(const Step& step, ScanOptions& options)
      : step_(step), options_(options), site_(SiteScope::or_else(options.site)) {
    loop_.name = options.name;
    loop_.truncate_gradient = options.truncate_gradient;
    loop_.mode = options.mode.text;
    loop_.profile = options.profile;
    if (options.truncate_gradient == 0 || options.truncate_gradient < -1) {
      fail(fmt::format("truncate_gradient must be a number of steps, or -1 for all, got {}",
                       options.truncate_gradient));
    }
  }

  /// Nothing when a number among the initial values took another dtype: then build once more.
  std::optional<ScanResult> run(bool numbers_are_typed) {
    first_inner_id_ = Arg(0).var().owner().id();
    {
      const SiteScope scope(site_);
      add_sequences();
      add_outputs();
    }
    for (const Var& v : options_.non_sequences) add_non_sequence(v);
    StepResult result = call_step();
    if (!numbers_are_typed && type_numbers(result.outputs)) return std::nullopt;
    match_outputs(result.outputs);
    collect_shared_updates(result);
    capture_outside(result);
    return finish(result);
  }

 private:
  std::string title() const {
    return options_.name.empty() ? "scan" : fmt::format("scan '{}'", options_.name);
  }
  [[noreturn]] void fail(const std::string& what) const {
    throw GraphError(fmt::format("{}: {}\n  made at {}", title(), what, to_string(site_)));
  }
  [[noreturn]] void fail_type(const std::string& what) const {
    throw TypeError(fmt::format("{}: {}\n  made at {}", title(), what, to_string(site_)));
  }

  // Every tap of a sequence is a shifted slice of it, so the loop itself only reads item t.
  void add_sequences() {
    Var shortest;
    for (std::size_t i = 0; i < options_.sequences.size(); ++i) {
      const Sequence& s = options_.sequences[i];
      if (!s.x || s.x.ndim() == 0) {
        fail_type(fmt::format("sequence {} must have a first axis to run along, got {}", i,
                              s.x ? describe(s.x) : "nothing"));
      }
      if (s.taps.empty()) fail(fmt::format("sequence {} has no taps", i));
      const int low = std::min(0, *std::min_element(s.taps.begin(), s.taps.end()));
      const int high = std::max(0, *std::max_element(s.taps.begin(), s.taps.end()));
      const Var items = high - low == 0 ? s.x.shape(0) : maximum(s.x.shape(0) - (high - low), 0);
      shortest = shortest ? minimum(shortest, items) : items;
      lengths_.push_back(items);
    }
    loop_.n_steps = number_of_steps(shortest);
    for (std::size_t i = 0; i < options_.sequences.size(); ++i) add_taps(i);
  }

  // The slices that later steps read of an item come into being last: gradients are added up from
  // the newest use to the oldest, as they are where the loop is unrolled.
  void add_taps(std::size_t i) {
    const Sequence& s = options_.sequences[i];
    const int low = std::min(0, *std::min_element(s.taps.begin(), s.taps.end()));
    const int high = std::max(0, *std::max_element(s.taps.begin(), s.taps.end()));
    std::vector<int> by_age = s.taps;
    std::sort(by_age.begin(), by_age.end());
    if (!options_.go_backwards) std::reverse(by_age.begin(), by_age.end());
    std::map<int, Var> slices;
    for (const int tap : by_age) {
      Var& outside = slices[tap];
      if (outside) continue;
      outside = high == low ? s.x : s.x[range(tap - low, tap - low + lengths_[i])];
      if (options_.go_backwards) outside = outside[backwards()];
    }
    for (const int tap : s.taps) {
      const Var& outside = slices.at(tap);
      const Var item = item_of(outside, item_name(s.x, i, tap), site_);
      loop_.sequences.emplace_back(outside, item);
      loop_.roles.emplace_back(
          item, fmt::format("sequence {}{}{}", i, s.x.name().empty() ? "" : " '" + s.x.name() + "'",
                            s.taps.size() > 1 || tap != 0 ? fmt::format(" at tap {}", tap) : ""));
      args_.push_back(item);
    }
  }

  static Range backwards() { return {Var{}, Var{}, Arg(-1).var(DType::int64)}; }

  static std::string item_name(const Var& v, std::size_t i, int tap) {
    const std::string name = v.name().empty() ? fmt::format("sequence {}", i) : v.name();
    return tap == 0 ? name + "[t]" : fmt::format("{}[t{:+}]", name, tap);
  }

  Var number_of_steps(const Var& shortest) const {
    if (!options_.n_steps) {
      if (!shortest) fail("n_steps is needed when there are no sequences");
      return shortest;
    }
    const Arg& n = *options_.n_steps;
    if (n.is_literal() && (n.kind() == Arg::Kind::real || n.integer() < 0)) {
      fail(fmt::format("n_steps must be a whole number of at least 0, got {}", n.real()));
    }
    const Var v = n.is_literal() ? n.var(DType::int64) : n.var();
    if (v.dtype() != DType::int64 || v.ndim() != 0) {
      fail_type(fmt::format("n_steps must be an int64 scalar, got {}", describe(v)));
    }
    return v;
  }

  /// The state inside: its sizes are free to be anything, but an axis of size 1 stays one.
  Var state_input(const Var& initial, std::string name) {
    TensorType type = initial.type();
    for (std::size_t axis = 0; axis < type.rank(); ++axis) {
      if (type.dims[axis] != 1) type.dims[axis] = unknown;
    }
    return input(type, std::move(name), site_);
  }

  // Output taps deeper than -1 become a chain of states: the k-th holds the value k steps back.
  void add_outputs() {
    for (std::size_t i = 0; i < options_.outputs_info.size(); ++i) {
      const OutputInfo& info = options_.outputs_info[i];
      first_state_.push_back(loop_.states.size());
      depth_.push_back(0);
      if (info.taps.empty()) continue;
      if (!info.initial) fail(fmt::format("output {} has taps but no initial value", i));
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

  void add_state(const OutputInfo& info, std::size_t output, int back, int rows) {
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

  // The step gets the variable itself; like anything else from outside it is captured afterwards.
  void add_non_sequence(const Var& v) {
    if (!v) fail("an empty Var among non_sequences");
    listed_.insert(v);
    args_.push_back(v);
  }

  StepResult call_step() {
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

  bool type_numbers(const Vars& outputs) {
    bool changed = false;
    for (std::size_t i = 0; i < std::min(outputs.size(), options_.outputs_info.size()); ++i) {
      OutputInfo& info = options_.outputs_info[i];
      if (!info.number || !outputs[i] || outputs[i].dtype() == info.initial.dtype()) continue;
      if (info.number->kind() == Arg::Kind::real && !is_float(outputs[i].dtype())) continue;
      info.initial = info.number->var(outputs[i].dtype());
      changed = true;
    }
    return changed;
  }

  void match_outputs(const Vars& outputs) {
    if (options_.outputs_info.empty()) {
      first_state_.assign(outputs.size(), 0);
      depth_.assign(outputs.size(), 0);
    }
    if (outputs.size() != depth_.size()) {
      fail(fmt::format("the step returns {} outputs, outputs_info lists {}", outputs.size(),
                       depth_.size()));
    }
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (!outputs[i]) fail(fmt::format("output {} of the step is empty", i));
      if (depth_[i] == 0) {
        loop_.extras.push_back(outputs[i]);
        continue;
      }
      const std::size_t first = first_state_[i];
      loop_.states[first].next =
          checked_carry(outputs[i], loop_.states[first], fmt::format("output {}", i));
      for (std::size_t back = 1; back < static_cast<std::size_t>(depth_[i]); ++back) {
        loop_.states[first + back].next = loop_.states[first + back - 1].inner;
      }
    }
  }

  /// The next value of a state as a variable of exactly the state's type.
  Var checked_carry(const Var& next, const LoopBuilder::State& state, const std::string& role) {
    const TensorType& wanted = state.inner.type();
    if (refines(next.type(), wanted)) return next;
    std::string remedy = "cast the initial value, or the output, so that both types match";
    if (next.dtype() == wanted.dtype && next.ndim() == wanted.rank()) {
      remedy =
          "an axis of size 1 must stay one: build the initial value with an axis not known to be "
          "1, or specify_shape the output";
    } else if (next.dtype() == wanted.dtype) {
      remedy = "give the initial value the output's number of dimensions";
    }
    fail_type(
        fmt::format("{} changes type from step to step\n  initial value  {}\n  carried as     {}\n "
                    " next value     {}\n"
                    "  hint: {}",
                    role, describe(state.initial), to_string(wanted), describe(next), remedy));
  }

  bool inner_node(const Apply& node) const { return node.id() > first_inner_id_; }

  /// Nodes built by the step, in an order in which they can run.
  std::vector<const Apply*> inner_nodes(const Vars& roots) const {
    std::vector<const Apply*> inner;
    for (const Apply* node : toposort(roots)) {
      if (inner_node(*node)) inner.push_back(node);
    }
    return inner;
  }

  Vars roots(const StepResult& result) const {
    Vars all = loop_.extras;
    for (const auto& s : loop_.states) all.push_back(s.next);
    for (const auto& [target, value] : result.updates) all.push_back(value);
    if (result.condition) all.push_back(result.condition);
    return all;
  }

  // Shared variables that the step updates, or that its draws advance, are carried from step to
  // step.
  void collect_shared_updates(const StepResult& result) {
    std::vector<std::pair<Var, Var>> next = result.updates.pairs();
    std::vector<std::pair<Var, Vars>> drawn;
    const Vars all = roots(result);
    const Guards guards(all);
    for (const Apply* node : inner_nodes(all)) {
      for (const auto& [state, value] : state_updates(*node, guards)) {
        if (!is_shared(state) || result.updates.find(state)) continue;
        const auto it = std::find_if(drawn.begin(), drawn.end(), [&state = state](const auto& d) {
          return same(d.first, state);
        });
        if (it == drawn.end()) {
          drawn.emplace_back(state, Vars{value});
        } else {
          it->second.push_back(value);
        }
      }
    }
    for (const auto& [state, values] : drawn) next.emplace_back(state, farthest_state(values));
    add_default_updates(all, next);
    for (const auto& [target, value] : next) {
      LoopBuilder::State state{target, input(target.type(), target.name(), site_), value};
      const std::string role = fmt::format("the carried shared variable '{}'", target.name());
      state.next = checked_carry(value, state, role);
      loop_.roles.emplace_back(state.inner, role);
      loop_.carried.push_back(loop_.states.size());
      loop_.states.push_back(state);
      outside_to_inside_.insert_or_assign(target, state.inner);
      shared_targets_.push_back(target);
    }
  }

  // Those that the step, or such an update, reads, and that have a default update.
  void add_default_updates(Vars all, std::vector<std::pair<Var, Var>>& next) const {
    for (std::size_t before = all.size() + 1; before != all.size();) {
      before = all.size();
      Vars read = all;
      for (const Apply* node : inner_nodes(all))
        read.insert(read.end(), node->inputs().begin(), node->inputs().end());
      for (const Var& v : read) {
        const Var value = is_shared(v) ? SharedVar(v).default_update() : Var{};
        const bool known = std::any_of(next.begin(), next.end(),
                                       [&](const auto& pair) { return same(pair.first, v); });
        if (!value || known) continue;
        next.emplace_back(v, value);
        all.push_back(value);
      }
    }
  }

  // What the step used from outside becomes a non-sequence; constants go inside as they are.
  void capture_outside(const StepResult& result) {
    const auto capture = [&](const Var& v) {
      if (outside_to_inside_.contains(v) || inner_node(v.owner()) || constant_value(v) != nullptr)
        return;
      if (options_.strict && !listed_.contains(v)) {
        fail(fmt::format("strict, but the step captures {}\n  hint: list it in non_sequences",
                         describe(v)));
      }
      const Var inner = input(v.type(), v.name(), site_);
      loop_.non_sequences.emplace_back(v, inner);
      outside_to_inside_.emplace(v, inner);
    };
    const Vars all = roots(result);
    for (const Var& v : all) capture(v);
    for (const Apply* node : inner_nodes(all)) {
      for (const Var& in : node->inputs()) capture(in);
    }
  }

  ScanResult finish(StepResult& result) {
    Vars inside;
    for (const auto& s : loop_.states) inside.push_back(s.next);
    inside.insert(inside.end(), loop_.extras.begin(), loop_.extras.end());
    if (result.condition) inside.push_back(checked_condition(result.condition));
    inside = rebuilt(inside);
    const std::size_t n_states = loop_.states.size();
    for (std::size_t i = 0; i < n_states; ++i) loop_.states[i].next = inside[i];
    for (std::size_t i = 0; i < loop_.extras.size(); ++i) loop_.extras[i] = inside[n_states + i];
    if (result.condition) loop_.condition = inside.back();

    const SiteScope scope(site_);
    const LoopBuilder::Built built = loop_.build(site_);
    ScanResult out;
    std::size_t extra = 0;
    for (std::size_t i = 0; i < depth_.size(); ++i) {
      const Var trace =
          depth_[i] == 0 ? built.traces[extra++] : built.histories[first_state_[i]][from(1)];
      out.outputs.push_back(trace);
    }
    for (std::size_t i = 0; i < shared_targets_.size(); ++i)
      out.updates.set(shared_targets_[i], built.lasts[i].second);
    return out;
  }

  /// The step's expressions with what stands inside for what they captured. All of the step's nodes
  /// are made anew, in the order in which the step made them: gradients are added up in that order.
  Vars rebuilt(const Vars& inside) const {
    VarMap done = outside_to_inside_;
    const auto mapped = [&](const Var& v) {
      const auto it = done.find(v);
      return it == done.end() ? v : it->second;
    };
    std::vector<const Apply*> nodes = inner_nodes(inside);
    std::sort(nodes.begin(), nodes.end(),
              [](const Apply* a, const Apply* b) { return a->id() < b->id(); });
    for (const Apply* node : nodes) {
      if (node->inputs().empty()) continue;
      Vars inputs;
      for (const Var& in : node->inputs()) inputs.push_back(mapped(in));
      const Vars fresh = with_inputs(*node, std::move(inputs));
      for (std::size_t i = 0; i < fresh.size(); ++i) done.emplace(node->output(i), fresh[i]);
    }
    Vars result;
    for (const Var& v : inside) result.push_back(mapped(v));
    return result;
  }

  Var checked_condition(const Var& condition) const {
    if (condition.ndim() != 0)
      fail_type(
          fmt::format("the condition of until must be a scalar, got {}", describe(condition)));
    return cast(condition, DType::boolean);
  }

  const Step& step_;
  ScanOptions& options_;
  Site site_;
  std::uint64_t first_inner_id_ = 0;
  LoopBuilder loop_{};
  Vars args_{};
  Vars lengths_{};
  std::vector<std::size_t> first_state_{};
  std::vector<int> depth_{};
  VarMap outside_to_inside_{};
  VarSet listed_{};
  Vars shared_targets_{};
};

}  // namespace

ScanResult scan(const Step& step, ScanOptions options) {
  // From bool over int64 and float32 to float64 there are three changes of a dtype.
  for (int change = 0; change < 3; ++change) {
    if (auto result = ScanBuilder(step, options).run(false)) return *result;
  }
  return *ScanBuilder(step, options).run(true);
}

ScanResult fold(const Step& step, ScanOptions options) {
  const Site site = SiteScope::or_else(options.site);
  ScanResult result = scan(step, std::move(options));
  const SiteScope scope(site);
  for (Var& v : result.outputs) v = v[-1];
  return result;
}

}  // namespace damo::detail
