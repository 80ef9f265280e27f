#include <fmt/format.h>

#include <algorithm>
#include <map>

#include <damo/graph/error.hpp>
#include <damo/graph/leaves.hpp>
#include <damo/graph/print.hpp>
#include <damo/ops/create.hpp>
#include <damo/ops/effect_op.hpp>
#include <damo/ops/gradient.hpp>
#include <damo/ops/indexing.hpp>
#include <damo/ops/loop_builder.hpp>
#include <damo/ops/math.hpp>
#include <damo/ops/movement.hpp>
#include <damo/ops/shape.hpp>

// Backpropagation through time is a loop: the body's gradient, from the last step to the first.
namespace damo {
namespace {

Range reversed() { return {Var{}, Var{}, Arg(-1).var(DType::int64)}; }

/// The cost's gradients at the body's outputs, as far as they come from outside the loop.
struct Incoming {
  std::vector<Var> per_step;  ///< by body output: n rows, or empty
  std::vector<Var> last;      ///< by body output: of the last step only, or empty
  std::vector<Var> initial;   ///< by state: of row 0 of its history, or empty
  Vars values;                ///< functions of body outputs, at the item of a step
  Vars at_values;             ///< n rows of the gradients at these
};

Var plus(const Var& a, const Var& b) { return !a ? b : !b ? a : a + b; }

class BackwardLoop {
 public:
  BackwardLoop(const Scan& scan, const Apply& node, const Vars& g,
               const std::vector<Scan::Through>& through)
      : scan_(scan), spec_(scan.spec()), node_(node) {
    find_rows();
    collect(g);
    recomputed_.resize(scan.n_body_outputs());
    for (const Scan::Through& t : through) add_function(t);
    for (const Var& v : spec_.body.inputs) {
      if (is_float(v.dtype())) wrt_.push_back(v);
    }
    find_active_states();
  }

  Gradients run() {
    Gradients result(node_.inputs().size());
    if (wrt_.empty()) return result;
    build();
    const LoopBuilder::Built built = loop_.build(node_.site());
    std::size_t k = 0;
    std::size_t trace = 0;
    Vars carried(spec_.n_states);
    for (std::size_t i = 0; i < spec_.n_states; ++i) {
      for (std::size_t part = 0; part < carried_[i].size(); ++part)
        carried[i] = plus(carried[i], built.lasts[k++].second);
    }
    for (std::size_t i = 0; i < spec_.n_states; ++i) {
      if (carried[i]) result[scan_.state_input(i)] = initial_gradient(i, carried);
    }
    for (const std::size_t i : accumulated_)
      result[scan_.non_sequence_input(i)] = built.lasts[k++].second;
    for (const std::size_t i : sequenced_)
      result[Scan::sequence_input(i)] = sequence_gradient(i, built.traces[trace++]);
    return result;
  }

 private:
  void find_rows() {
    rows_ = node_.input(0);
    for (std::size_t k = 0; k < spec_.outputs.size(); ++k) {
      const Scan::Output& o = spec_.outputs[k];
      const bool trace = o.keep == Scan::Keep::trace;
      if (trace || o.keep == Scan::Keep::history)
        outputs_[{o.body_output, o.keep}] = node_.output(k);
      if (!spec_.has_until) continue;
      if (trace) rows_ = node_.output(k).shape(0);
      if (o.keep == Scan::Keep::history) rows_ = node_.output(k).shape(0) - 1;
    }
    steps_ = spec_.truncate_gradient < 0 ? rows_ : minimum(rows_, spec_.truncate_gradient);
  }

  void collect(const Vars& g) {
    const std::size_t n = scan_.n_body_outputs();
    in_.per_step.resize(n);
    in_.last.resize(n);
    in_.initial.resize(spec_.n_states);
    for (std::size_t k = 0; k < spec_.outputs.size(); ++k) {
      if (!g[k]) continue;
      const auto [i, keep] = spec_.outputs[k];
      switch (keep) {
        case Scan::Keep::trace:
          in_.per_step[i] = plus(in_.per_step[i], g[k]);
          break;
        case Scan::Keep::history:
          in_.per_step[i] = plus(in_.per_step[i], g[k][from(1)]);
          in_.initial[i] = plus(in_.initial[i], g[k][0]);
          break;
        default:
          in_.last[i] = plus(in_.last[i], g[k]);
      }
    }
  }

  // Where a function of a value is stable only beside what the step computed it from, the value
  // is not read back.
  void add_function(const Scan::Through& t) {
    Var value = spec_.body.outputs[t.body_output];
    recomputed_[t.body_output] = true;
    for (std::size_t i = t.functions.size(); i-- > 0;) {
      Vars inputs = t.functions[i]->inputs();
      for (Var& in : inputs) {
        const auto c = uniform_value(in);
        in = c ? Arg(*c).var(in.dtype()) : value;
      }
      value = make_var(t.functions[i]->op_ptr(), std::move(inputs), t.functions[i]->site());
    }
    in_.values.push_back(value);
    in_.at_values.push_back(t.g);
  }

  /// What flows to the body's float inputs, in parts, from `seeds` at its outputs and `at_values`
  /// at functions of them.
  std::vector<Vars> body_gradient(std::vector<Vars> seeds, const Vars& at_values) const {
    Vars outputs(spec_.body.outputs.begin(),
                 spec_.body.outputs.begin() + static_cast<std::ptrdiff_t>(seeds.size()));
    outputs.insert(outputs.end(), in_.values.begin(), in_.values.end());
    for (const Var& g : at_values) seeds.push_back({g});
    return gradient_parts(outputs, wrt_, seeds);
  }

  /// The place of a state among `wrt_`, or its end.
  std::size_t place(std::size_t state) const {
    const auto at = std::find_if(wrt_.begin(), wrt_.end(),
                                 [&](const Var& v) { return same(v, scan_.body_state(state)); });
    return static_cast<std::size_t>(at - wrt_.begin());
  }

  Var placeholder(std::size_t body_output) const {
    return input(spec_.body.outputs[body_output].type(), "", node_.site());
  }

  // A state's gradient must be carried backwards when it comes from outside or from a state that is
  // itself carried. It is carried in as many parts as uses of the state add to it: they are added
  // up after what comes from outside, as they are where no loop is.
  void find_active_states() {
    std::vector<Vars> seeds(scan_.n_body_outputs());
    carried_.resize(spec_.n_states);
    std::vector<bool> summed(spec_.n_states, false);
    for (std::size_t i = 0; i < seeds.size(); ++i) {
      if (!is_float(spec_.body.outputs[i].dtype())) continue;
      if (in_.per_step[i] || in_.last[i]) seeds[i].push_back(placeholder(i));
    }
    Vars at_values;
    for (const Var& v : in_.values) at_values.push_back(input(v.type(), "", node_.site()));
    for (std::size_t round = 0;; ++round) {
      bool changed = false;
      const std::vector<Vars> flows = body_gradient(seeds, at_values);
      for (std::size_t i = 0; i < spec_.n_states; ++i) {
        const std::size_t at = place(i);
        if (at == wrt_.size() || (seeds[i].empty() && flows[at].empty())) continue;
        std::size_t parts = std::max<std::size_t>(1, flows[at].size());
        // A state that hands itself on would gain a part at each round.
        if (round > spec_.n_states && parts > carried_[i].size()) summed[i] = true;
        if (summed[i]) parts = 1;
        if (parts == carried_[i].size()) continue;
        carried_[i].clear();
        for (std::size_t k = 0; k < parts; ++k)
          carried_[i].push_back(input(scan_.body_state(i).type(), "", node_.site()));
        seeds[i] = carried_[i];
        changed = true;
      }
      if (!changed) return;
    }
  }

  /// Rows [n - steps, n) of `outer`, last first.
  Var last_rows(const Var& outer) const { return outer[range(rows_ - steps_, rows_)][reversed()]; }

  Var backward_sequence(const Var& outer, const TensorType& type) {
    const Var inner = input(type, "", node_.site());
    loop_.sequences.emplace_back(last_rows(outer), inner);
    return inner;
  }

  void add_forward_values() {
    for (std::size_t i = 0; i < spec_.n_sequences; ++i) {
      loop_.sequences.emplace_back(last_rows(node_.input(Scan::sequence_input(i))),
                                   scan_.body_sequence(i));
    }
    for (std::size_t i = 0; i < spec_.n_states; ++i) {
      loop_.sequences.emplace_back(last_rows(history(i)), scan_.body_state(i));
    }
    for (std::size_t i = 0; i < scan_.n_non_sequences(); ++i) {
      loop_.non_sequences.emplace_back(node_.input(scan_.non_sequence_input(i)),
                                       scan_.body_non_sequence(i));
    }
  }

  Var history(std::size_t state) const {
    const auto it = outputs_.find({state, Scan::Keep::history});
    if (it == outputs_.end()) {
      throw InternalError(
          fmt::format("scan '{}': the history of state {} is gone before its gradient was built",
                      spec_.name, state));
    }
    return it->second;
  }

  void build() {
    loop_.n_steps = steps_;
    loop_.name = spec_.name.empty() ? "gradient" : "gradient of " + spec_.name;
    loop_.mode = spec_.mode;
    loop_.profile = spec_.profile;
    add_forward_values();
    std::vector<Vars> seeds(scan_.n_body_outputs());
    for (std::size_t i = 0; i < seeds.size(); ++i) {
      if (in_.per_step[i])
        seeds[i].push_back(backward_sequence(in_.per_step[i], item_type(in_.per_step[i].type())));
    }
    for (std::size_t i = 0; i < spec_.n_states; ++i)
      seeds[i].insert(seeds[i].end(), carried_[i].begin(), carried_[i].end());
    add_last_step(seeds);
    Vars at_values;
    for (const Var& g : in_.at_values)
      at_values.push_back(backward_sequence(g, item_type(g.type())));
    add_results(body_gradient(std::move(seeds), at_values));
    reuse_forward_outputs();
  }

  // The gradient of an output's last value enters at the first backward step only.
  void add_last_step(std::vector<Vars>& seeds) {
    for (std::size_t i = spec_.n_states; i < seeds.size(); ++i) {
      if (!in_.last[i]) continue;
      const Var pending = input(in_.last[i].type(), "", node_.site());
      loop_.states.push_back({in_.last[i], pending, zeros_like(pending)});
      seeds[i].push_back(pending);
    }
  }

  void add_results(const std::vector<Vars>& flows) {
    const std::size_t pending = loop_.states.size();
    std::size_t f = 0;
    const auto next_flow = [&](const Var& body_input) {
      return is_float(body_input.dtype()) ? flows[f++] : Vars{};
    };
    for (std::size_t i = 0; i < spec_.n_sequences; ++i) {
      if (const Vars parts = next_flow(scan_.body_sequence(i)); !parts.empty()) {
        sequenced_.push_back(i);
        loop_.extras.push_back(added_to({}, parts));
      }
    }
    for (std::size_t i = 0; i < spec_.n_states; ++i) carry(i, next_flow(scan_.body_state(i)));
    for (std::size_t i = 0; i < scan_.n_non_sequences(); ++i) {
      const Vars parts = next_flow(scan_.body_non_sequence(i));
      if (parts.empty()) continue;
      accumulated_.push_back(i);
      const Var sum = input(scan_.body_non_sequence(i).type(), "", node_.site());
      loop_.states.push_back(
          {zeros_like(node_.input(scan_.non_sequence_input(i))), sum, added_to(sum, parts)});
    }
    for (std::size_t i = pending; i < loop_.states.size(); ++i) loop_.lasts.push_back(i);
  }

  static Var added_to(Var sum, const Vars& parts) {
    for (const Var& part : parts) sum = plus(sum, part);
    return sum;
  }

  void carry(std::size_t state, const Vars& parts) {
    const Var zero = zeros_like(node_.input(scan_.state_input(state)));
    for (std::size_t k = 0; k < carried_[state].size(); ++k) {
      const Var& inner = carried_[state][k];
      const Var next = parts.empty()                 ? zeros_like(inner)
                       : carried_[state].size() == 1 ? added_to({}, parts)
                                                     : parts[k];
      loop_.states.push_back({k == 0 && in_.last[state] ? in_.last[state] : zero, inner, next});
    }
  }

  // What the forward loop stored need not be computed again: tanh' = 1 - y^2 reads y.
  void reuse_forward_outputs() {
    VarMap stored;
    std::vector<std::pair<Var, Var>> added;
    for (std::size_t i = 0; i < scan_.n_body_outputs(); ++i) {
      const Var& out = spec_.body.outputs[i];
      const bool state = i < spec_.n_states;
      const auto it = outputs_.find({i, state ? Scan::Keep::history : Scan::Keep::trace});
      if (it == outputs_.end() || is_leaf(out) || stored.contains(out) || recomputed_[i]) continue;
      const Var inner = input(out.type(), "", node_.site());
      stored.emplace(out, inner);
      if (const Var same_value = without_after(out); !is_leaf(same_value))
        stored.emplace(same_value, inner);
      const Var rows = specify_item_shape(state ? it->second[from(1)] : it->second, out.type());
      added.emplace_back(last_rows(rows), inner);
    }
    const std::size_t n = loop_.states.size();
    Vars inside;
    for (const auto& s : loop_.states) inside.push_back(s.next);
    inside.insert(inside.end(), loop_.extras.begin(), loop_.extras.end());
    inside = replace(inside, stored);
    if (!scan_.pure()) inside = without_effects(inside);
    for (std::size_t i = 0; i < n; ++i) loop_.states[i].next = inside[i];
    for (std::size_t i = n; i < inside.size(); ++i) loop_.extras[i - n] = inside[i];
    const std::vector<Var> used = leaves(inside);
    for (const auto& pair : added) {
      if (std::any_of(used.begin(), used.end(),
                      [&](const Var& v) { return same(v, pair.second); })) {
        loop_.sequences.push_back(pair);
      }
    }
  }

  /// A body output may be known more closely than the history it is stored in.
  static Var specify_item_shape(const Var& rows, const TensorType& item) {
    if (refines(item_type(rows.type()), item)) return rows;
    Vars sizes{Arg(-1).var(DType::int64)};
    for (const std::int64_t dim : item.dims) sizes.push_back(Arg(dim).var(DType::int64));
    return specify_shape(rows, Sizes(sizes));
  }

  // Truncation cuts every path to the initial value that is longer than the truncation. Handing an
  // initial row on from tap to tap is no path: the row was there from the beginning, and what the
  // last backward step found at a deeper tap is its gradient.
  Var initial_gradient(std::size_t state, const Vars& carried) const {
    Var g = carried[state];
    if (spec_.truncate_gradient >= 0) {
      g = where(eq(rows_, steps_), g, 0.0);
      std::int64_t left = 1;
      for (std::size_t tap = state + 1; tap < spec_.n_states && carried[tap]; ++tap, ++left) {
        if (!same(spec_.body.outputs[tap], scan_.body_state(tap - 1))) break;
        g = where(eq(rows_ - steps_, left), carried[tap], g);
      }
    }
    return plus(g, in_.initial[state]);
  }

  Var sequence_gradient(std::size_t i, const Var& trace) const {
    const Var& x = node_.input(Scan::sequence_input(i));
    return set_subtensor(zeros_like(x)[range(rows_ - steps_, rows_)], trace[reversed()]);
  }

  const Scan& scan_;
  const Scan::Spec& spec_;
  const Apply& node_;
  Var rows_;   ///< how many steps ran
  Var steps_;  ///< how many of them the gradient goes back
  std::map<std::pair<std::size_t, Scan::Keep>, Var> outputs_;
  Incoming in_;
  std::vector<bool> recomputed_;  ///< by body output
  Vars wrt_;                      ///< the body's float inputs
  std::vector<Vars> carried_;  ///< by state: the parts in which its gradient is carried; none: not
  LoopBuilder loop_{};
  std::vector<std::size_t> sequenced_;
  std::vector<std::size_t> accumulated_;
};

}  // namespace

void drop_effects(LoopBuilder& loop) {
  for (auto& s : loop.states) s.next = without_effects({s.next}).front();
  loop.extras = without_effects(loop.extras);
  if (loop.condition) loop.condition = without_effects({loop.condition}).front();
}

Gradients Scan::gradient(const Apply& node, const Vars& g) const { return gradient(node, g, {}); }

Gradients Scan::gradient(const Apply& node, const Vars& g,
                         const std::vector<Through>& through) const {
  try {
    return BackwardLoop(*this, node, g, through).run();
  } catch (const GradError& e) {
    // Some path inside has no derivative. It is an error only for a variable that is asked for and
    // lies on it.
    Gradients none(node.inputs().size());
    for (std::size_t i = 1; i < none.size(); ++i) {
      if (is_float(node.input(i).dtype()))
        none[i] = Gradient::undefined(fmt::format("in scan '{}': {}", spec_.name, e.what()));
    }
    return none;
  }
}

}  // namespace damo
