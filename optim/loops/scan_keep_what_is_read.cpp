#include <algorithm>
#include <unordered_set>

#include <damo/graph/branch_guards.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/loop/loop_reads.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/shape/shape_of.hpp>
#include <damo/optim/loops/edit_loops.hpp>
#include <damo/optim/loops/if_loop_runs.hpp>

namespace damo::optim {
namespace {

/// How the outputs of the loops of a graph are read.
struct Reading {
  /// Outputs of loops that something reads otherwise than by [-1].
  VarSet whole;
  VarSet any;
  /// x[-1] of a loop's output, or of its rows from 1 on: the output, and whether those.
  struct Last {
    Var output;
    bool of_tail;
  };
  std::unordered_map<Var, Last, VarHash, VarSame> lasts;
  /// By output: the reader that is its rows from 1 on, when something reads more of it than [-1].
  VarSet whole_tails;
};

bool is_loop(const Var& v) { return as<Scan>(v.op()) != nullptr; }

Reading read_outputs(const FunctionGraph& graph) {
  Reading r;
  std::unordered_set<Var, VarHash, VarSame> tails;
  const auto order = graph.order();
  const auto whole = [&](const Var& v) {
    if (tails.contains(v)) {
      r.whole.insert(v.inputs()[0]);
      r.any.insert(v.inputs()[0]);
    } else if (is_loop(v)) {
      r.whole.insert(v);
      r.any.insert(v);
    }
  };
  for (const Apply* node : order) {
    for (std::size_t i = 0; i < node->inputs().size(); ++i) {
      const Var& in = node->input(i);
      if (i == 0 && is_loop(in) && drops_first(*node)) {
        tails.insert(node->output());
      } else if (i == 0 && takes_last(*node) && (is_loop(in) || tails.contains(in))) {
        const bool of_tail = !is_loop(in);
        const Var output = of_tail ? in.inputs()[0] : in;
        r.lasts.emplace(node->output(), Reading::Last{output, of_tail});
        r.any.insert(output);
      } else {
        whole(in);
      }
    }
  }
  for (const Var& root : graph.roots()) whole(root);
  return r;
}

/// The output that holds what [-1] of `from` is.
std::optional<OpenLoop::Output> last_of(const OpenLoop::Output& from, bool of_tail) {
  OpenLoop::Output last = from;
  if (from.keep == Scan::Keep::trace && !of_tail) {
    last.keep = Scan::Keep::last_strict;
  } else if (from.keep == Scan::Keep::history) {
    last.keep = of_tail ? Scan::Keep::last_strict : Scan::Keep::last;
  } else {
    return std::nullopt;
  }
  return last;
}

/// Rebuilds the loops of one graph with the outputs that its reading asks for.
class KeepWhatIsRead {
 public:
  explicit KeepWhatIsRead(const FunctionGraph& graph)
      : reading_(read_outputs(graph)), guards_(graph.roots()) {}

  std::optional<Vars> operator()(const Apply& node, const Apply& before, Trace* trace) {
    if (const auto it = reading_.lasts.find(before.output()); it != reading_.lasts.end()) {
      const auto known = last_values_.find(before.output());
      if (known == last_values_.end()) return std::nullopt;
      return Vars{known->second};
    }
    if (as<Scan>(before.op()) == nullptr) return std::nullopt;
    return shrink(node, before, trace);
  }

 private:
  std::optional<Vars> shrink(const Apply& node, const Apply& before, Trace* trace) {
    OpenLoop edit = OpenLoop::of(node);
    const std::vector<OpenLoop::Output> had = edit.outputs;
    edit.outputs.clear();
    std::vector<std::size_t> place(had.size());
    for (std::size_t k = 0; k < had.size(); ++k) {
      if (reading_.whole.contains(before.output(k))) place[k] = edit.add_output(had[k]);
    }
    std::vector<std::pair<Var, std::size_t>> lasts;
    for (const auto& [reader, last] : reading_.lasts) {
      if (last.output.owner_ptr() != &before || reading_.whole.contains(last.output)) continue;
      const auto output = last_of(had[last.output.index()], last.of_tail);
      if (output && may_fail_with(*output, reader.owner(), node, before)) {
        lasts.emplace_back(reader, edit.add_output(*output));
      } else {
        place[last.output.index()] = edit.add_output(had[last.output.index()]);
        reading_.whole.insert(last.output);
      }
    }
    const std::size_t n_before =
        edit.states.size() + edit.extras.size() + edit.sequences.size() + edit.non_sequences.size();
    edit.drop_unused();
    const std::size_t n_after =
        edit.states.size() + edit.extras.size() + edit.sequences.size() + edit.non_sequences.size();
    if (edit.outputs == had && n_before == n_after) return std::nullopt;
    if (edit.outputs.empty()) return std::nullopt;
    const Vars fresh = edit.build();
    for (const auto& [reader, k] : lasts) last_values_[reader] = fresh[k];
    Vars result(had.size());
    for (std::size_t k = 0; k < had.size(); ++k) {
      if (reading_.whole.contains(before.output(k))) result[k] = fresh[place[k]];
    }
    record(trace, "scan_keep_what_is_read", before.output(), fresh[0],
           "a loop keeps what is read of it");
    return result;
  }

  /// Without a step a loop fails that has to have a last one. A reader in a branch may not be
  /// reached where the loop runs all the same.
  bool may_fail_with(const OpenLoop::Output& last, const Apply& reader, const Apply& loop,
                     const Apply& before) const {
    return last.keep != Scan::Keep::last_strict || surely_runs(loop.input(0)) ||
           guards_.ways(reader) == guards_.ways(before);
  }

  Reading reading_;
  Guards guards_;
  std::unordered_map<Var, Var, VarHash, VarSame> last_values_;
};

}  // namespace

/// Keeps of a loop's values what is read: no outputs that nobody reads, only the last step where
/// only that is; then drops the states, sequences and computations that served nothing else.
FunctionGraph scan_keep_what_is_read(const FunctionGraph& graph, const Pass::Setting& setting) {
  return edit_scans(
      graph,
      [](const FunctionGraph& g) -> EditScan {
        auto pass = std::make_shared<KeepWhatIsRead>(g);
        return [pass](const Apply& node, const Apply& before, Trace* trace) {
          return (*pass)(node, before, trace);
        };
      },
      setting.trace);
}

}  // namespace damo::optim
