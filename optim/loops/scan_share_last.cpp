#include <algorithm>

#include <damo/graph/branch_guards.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/linalg/dot.hpp>
#include <damo/ops/linalg/round_rows.hpp>
#include <damo/optim/loops/edit_loops.hpp>
#include <damo/optim/loops/if_loop_runs.hpp>

// What a loop ends with goes on outside: a Gibbs chain's last sample is multiplied with the weights
// for its free energy, as the last step has done for its next sample.
namespace damo::optim {
namespace {

/// The product of a loop's last value with what no step changes, made outside.
struct Shared {
  Var product;
  std::size_t output;        ///< of the loop: its left operand
  std::size_t non_sequence;  ///< its right one
};

/// The product of these two in the body, if every step makes it.
Var product_inside(const OpenLoop& loop, std::size_t output, std::size_t non_sequence) {
  const Var& left = loop.body_output(loop.outputs[output]);
  const Var& right = loop.non_sequences[non_sequence].inner;
  const Vars roots = loop.body_outputs();
  const Guards guards(roots);
  for (const Apply* n : toposort(roots)) {
    if (as<Dot>(n->op()) == nullptr || !guards.always(*n)) continue;
    if (same(n->input(0), left) && same(n->input(1), right)) return n->output();
  }
  return {};
}

/// What `product` shares with the loop that its left operand comes from.
std::optional<Shared> shared_by(const Apply& product) {
  if (as<Dot>(product.op()) == nullptr) return std::nullopt;
  const Var& last = product.input(0);
  if (is_leaf(last) || as<Scan>(last.op()) == nullptr || last.owner().op().keeps_body())
    return std::nullopt;
  const OpenLoop loop = OpenLoop::of(last.owner());
  if (!surely_runs(loop.n_steps) || loop.condition.defined() ||
      loop.outputs[last.index()].keep < Scan::Keep::last)
    return std::nullopt;
  const auto at = std::find_if(loop.non_sequences.begin(), loop.non_sequences.end(),
                               [&](const auto& w) { return same(w.outer, product.input(1)); });
  if (at == loop.non_sequences.end()) return std::nullopt;
  const Shared found{product.output(), last.index(),
                     static_cast<std::size_t>(at - loop.non_sequences.begin())};
  if (!product_inside(loop, found.output, found.non_sequence).defined()) return std::nullopt;
  return found;
}

/// Whether so few steps are made that draws had better leave products to be shared: their weights
/// are not rounded.
bool is_short(const Apply& loop) {
  const Array* n = constant_value(loop.input(0));
  return n != nullptr && n->item<std::int64_t>() < RoundRows::uses_that_pay;
}

class ShareLast {
 public:
  ShareLast(const FunctionGraph& graph, bool short_loops) {
    for (const Apply* node : graph.order()) {
      const auto found = shared_by(*node);
      if (found && (!short_loops || is_short(found->product.inputs()[0].owner())))
        shared_[found->product.inputs()[0].owner_ptr()].push_back(*found);
    }
  }

  std::optional<Vars> operator()(const Apply& node, const Apply& before, Trace* trace) {
    if (const auto made = made_.find(before.output()); made != made_.end())
      return Vars{made->second};
    const auto at = shared_.find(&before);
    if (at == shared_.end()) return std::nullopt;
    OpenLoop loop = OpenLoop::of(node);
    const std::size_t n_outputs = loop.outputs.size();
    std::vector<std::pair<Var, std::size_t>> added;
    for (const Shared& s : at->second) {
      const Var inside = product_inside(loop, s.output, s.non_sequence);
      if (!inside.defined() || inside.type() != s.product.type()) continue;
      const OpenLoop::Output last{false, loop.add_extra(inside), Scan::Keep::last_strict};
      added.emplace_back(s.product, loop.add_output(last));
    }
    if (added.empty()) return std::nullopt;
    Vars fresh = loop.build();
    for (const auto& [product, k] : added) {
      made_[product] = fresh[k];
      record(trace, "scan_share_last", product, fresh[k],
             "what a loop's last step has computed is not computed again");
    }
    fresh.resize(n_outputs);
    return fresh;
  }

 private:
  std::unordered_map<const Apply*, std::vector<Shared>> shared_;
  std::unordered_map<Var, Var, VarHash, VarSame> made_;
};

FunctionGraph share_last(const FunctionGraph& graph, const Pass::Setting& setting,
                         bool short_loops) {
  return edit_scans(
      graph,
      [short_loops](const FunctionGraph& g) -> EditScan {
        auto pass = std::make_shared<ShareLast>(g, short_loops);
        return [pass](const Apply& node, const Apply& before, Trace* trace) {
          return (*pass)(node, before, trace);
        };
      },
      setting.trace);
}

}  // namespace

/// Takes products of a loop's last values from the loop where its last step has made them: of loops
/// of few steps.
FunctionGraph scan_share_last(const FunctionGraph& graph, const Pass::Setting& setting) {
  return share_last(graph, setting, true);
}
/// The same of all loops, once draws have taken in the products that they need.
FunctionGraph scan_share_last_again(const FunctionGraph& graph, const Pass::Setting& setting) {
  return share_last(graph, setting, false);
}

}  // namespace damo::optim
