#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include <damo/graph/error.hpp>
#include <damo/graph/leaves.hpp>
#include <damo/graph/print.hpp>
#include <damo/ops/scan_op.hpp>
#include <damo/optim/rewriter.hpp>
#include <damo/optim/vocabulary.hpp>

namespace damo::optim {
namespace {

constexpr std::size_t deepest_chain = 100;  // rules firing inside what a rule made
constexpr int most_sweeps = 40;
constexpr int deepest_probe = 8;
constexpr int most_probes = 32;  // probes that one probe may lead to: they branch at each level

}  // namespace

RuleIndex::RuleIndex(std::vector<const Rule*> rules) : rules_(std::move(rules)) {}

const std::vector<const Rule*>& RuleIndex::at(const Op& op) const {
  std::string key = op.name();
  if (const auto it = by_name_.find(key); it != by_name_.end()) return it->second;
  const bool elementwise = dynamic_cast<const Elementwise*>(&op) != nullptr;
  std::vector<const Rule*> found;
  for (const Rule* r : rules_) {
    const auto& roots = r->roots();
    const bool here = std::any_of(roots.begin(), roots.end(), [&](const std::string& root) {
      return root == key || root == "*" || (elementwise && root == "elementwise");
    });
    if (here) found.push_back(r);
  }
  return by_name_.emplace(std::move(key), std::move(found)).first->second;
}

std::size_t Rewriter::NodeHash::operator()(const Apply* node) const {
  std::size_t h = node->op().hash();
  const bool any_order = node->op().commutative();
  for (const Var& in : node->inputs()) {
    const std::size_t k = VarHash{}(in)*0x9e3779b97f4a7c15ULL;
    h = any_order ? h + k : (h ^ k) * 1099511628211ULL;
  }
  return h;
}

bool Rewriter::NodeSame::operator()(const Apply* a, const Apply* b) const {
  if (a == b) return true;
  const Vars& x = a->inputs();
  const Vars& y = b->inputs();
  if (x.size() != y.size() || !a->op().equals(b->op())) return false;
  if (std::equal(x.begin(), x.end(), y.begin(), VarSame{})) return true;
  return a->op().commutative() && x.size() == 2 && same(x[0], y[1]) && same(x[1], y[0]);
}

Rewriter::Rewriter(const RuleIndex& rules, Settings settings)
    : rules_(rules), settings_(std::move(settings)) {}

FunctionGraph Rewriter::run(const FunctionGraph& graph) {
  FunctionGraph result = graph;
  for (int i = 0; i < most_sweeps; ++i) {
    const std::size_t before = applied_;
    recent_.clear();
    result = sweep(result);
    if (applied_ == before) return result;
  }
  report_loop();
}

FunctionGraph Rewriter::sweep(const FunctionGraph& graph) {
  settled_.clear();
  nodes_.clear();
  uses_.clear();
  facts_ = Facts{};
  for (const auto& [v, fact] : assumed_) facts_.assume(v, fact);
  const auto order = graph.order();
  const Vars old_roots = graph.roots();
  budget_ = applied_ + 60 * order.size() + 1000;
  std::unordered_map<Var, std::size_t, VarHash, VarSame> counts;
  for (const Apply* node : order) {
    for (const Var& in : node->inputs()) ++counts[in];
  }
  for (const Var& root : old_roots) ++counts[root];
  // A loop's inputs stay, whether or not anything is left to read them.
  for (const Var& in : graph.inputs) visit(in.owner());
  for (const Apply* node : order) {
    const Vars& now = visit(*node);
    for (std::size_t i = 0; i < now.size(); ++i) {
      const auto it = counts.find(node->output(i));
      if (it != counts.end()) uses_[now[i]] += it->second;
    }
  }
  Vars roots;
  for (const Var& root : old_roots) roots.push_back(settled_.at(root.owner_ptr())[root.index()]);
  FunctionGraph result = graph.with_roots(roots);
  kept_.clear();
  return result;
}

const Vars& Rewriter::remember(const Apply& node, Vars outputs) {
  kept_.push_back(node.output());
  return settled_.insert_or_assign(&node, std::move(outputs)).first->second;
}

const Vars& Rewriter::visit(const Apply& node) {
  if (const auto it = settled_.find(&node); it != settled_.end()) return it->second;
  ++visits_;
  Vars inputs;
  inputs.reserve(node.inputs().size());
  bool changed = false;
  for (const Var& in : node.inputs()) {
    inputs.push_back(settled_.at(in.owner_ptr())[in.index()]);
    changed = changed || !same(inputs.back(), in);
  }
  if (!changed) return settle(node);
  const Vars fresh = with_inputs(node, std::move(inputs));
  Vars outputs = settle(fresh[0].owner());
  return remember(node, std::move(outputs));
}

const Vars& Rewriter::settle(const Apply& node) {
  const Var kept = node.output();
  const auto [known, is_new] = nodes_.insert(&node);
  if (!is_new) {
    if (*known == &node) return settled_.at(&node);
    Vars outputs = settled_.at(*known);
    return remember(node, std::move(outputs));
  }
  // While its own rules run, a node that turns up inside a result stands for itself.
  remember(node, node.outputs());
  if (node.op().body() != nullptr) {
    const Var fresh = with_rewritten_body(node);
    if (fresh) {
      Vars outputs = settle(fresh.owner());
      return remember(node, std::move(outputs));
    }
  }
  for (const Rule* rule : rules_.at(node.op())) {
    std::optional<Vars> result;
    {
      const SiteScope scope(node.site());
      result = rule->apply(node, *this);
    }
    if (!result) continue;
    Vars outputs = fire(*rule, node, std::move(*result));
    return remember(node, std::move(outputs));
  }
  return settled_.at(&node);
}

Vars Rewriter::fire(const Rule& rule, const Apply& node, Vars result) {
  check_result(rule, node, result);
  firing_.push_back(&rule);
  if (recent_.size() < 8) recent_.push_back(&rule);
  if (++applied_ > budget_ || firing_.size() > deepest_chain) report_loop();
  for (std::size_t i = 0; i < result.size(); ++i) {
    if (!result[i]) result[i] = node.output(i);
    if (!node.name(i).empty() && result[i].name().empty() && !is_leaf(result[i]))
      static_cast<void>(result[i].named(node.name(i)));
  }
  if (settings_.trace != nullptr && !asking_) {
    std::size_t shown = 0;
    while (shown + 1 < result.size() && same(result[shown], node.output(shown))) ++shown;
    settings_.trace->add({rule.name(), settings_.pass, rule.tags(), settings_.loop,
                          node.output(shown), result[shown], rule.equation()});
  }
  Vars outputs = simplify(result);
  firing_.pop_back();
  return outputs;
}

void Rewriter::check_result(const Rule& rule, const Apply& node, const Vars& result) {
  if (result.size() != node.n_outputs()) {
    throw InternalError(fmt::format("rule '{}': gives {} variables for the {} outputs of {}",
                                    rule.name(), result.size(), node.n_outputs(), describe(node)));
  }
  for (std::size_t i = 0; i < result.size(); ++i) {
    if (!result[i] || refines(result[i].type(), node.types()[i])) continue;
    throw InternalError(fmt::format("rule '{}': {} cannot stand for {}", rule.name(),
                                    describe(result[i]), describe(node.output(i))));
  }
}

void Rewriter::report_loop() const {
  std::string names;
  const auto& last = firing_.empty() ? recent_ : firing_;
  const std::size_t first = last.size() > 8 ? last.size() - 8 : 0;
  for (std::size_t i = first; i < last.size(); ++i)
    names += (names.empty() ? "" : ", ") + last[i]->name();
  throw InternalError(fmt::format("pass '{}': rewrites do not come to an end; the last were: {}",
                                  settings_.pass, names));
}

Vars Rewriter::simplify(const Vars& roots) {
  visit_all(roots);
  Vars result;
  for (const Var& root : roots) result.push_back(settled_.at(root.owner_ptr())[root.index()]);
  return result;
}

void Rewriter::visit_all(const Vars& roots) {
  std::vector<std::pair<const Apply*, std::size_t>> stack;
  for (const Var& root : roots) {
    stack.emplace_back(root.owner_ptr(), 0);
    while (!stack.empty()) {
      auto& [node, next] = stack.back();
      if (settled_.contains(node)) {
        stack.pop_back();
      } else if (next < node->inputs().size()) {
        const Apply* in = node->input(next++).owner_ptr();
        if (!settled_.contains(in)) stack.emplace_back(in, 0);
      } else {
        const Apply* done = node;
        stack.pop_back();
        visit(*done);
      }
    }
  }
}

std::size_t Rewriter::uses(const Var& v) {
  const auto it = uses_.find(v);
  return it == uses_.end() ? 1 : it->second;
}

std::optional<Var> Rewriter::stabilized(const Var& v) {
  if (probing_ == 0) probes_ = 0;
  if (probing_ >= deepest_probe || ++probes_ > most_probes) return std::nullopt;
  ++probing_;
  std::optional<Var> found;
  for (const Rule* rule : rules_.at(v.op())) {
    if (!rule->has_tag("stabilize")) continue;
    const auto result = rule->apply(v.owner(), *this);
    if (!result || !(*result)[v.index()]) continue;
    found = (*result)[v.index()];
    break;
  }
  --probing_;
  return found;
}

Var Rewriter::simplified(const Var& v) {
  const std::size_t before = applied_;
  const bool outer = std::exchange(asking_, true);
  const Var result = simplify({v}).front();
  asking_ = outer;
  applied_ = before;
  return result;
}

Var Rewriter::with_rewritten_body(const Apply& node) {
  const auto* scan = dynamic_cast<const Scan*>(&node.op());
  if (scan == nullptr || !scan->spec().mode.empty()) return {};
  std::shared_ptr<const Op> known = bodies_[scan];
  if (known == nullptr) {
    const Scan::Spec& spec = scan->spec();
    Rewriter inner(rules_, {settings_.pass, asking_ ? nullptr : settings_.trace,
                            settings_.loop + (settings_.loop.empty() ? "" : "/") +
                                (spec.name.empty() ? "scan" : spec.name),
                            settings_.depth + 1});
    for (const auto& [v, fact] : facts_.of_body(node)) inner.assume(v, fact);
    Scan::Spec fresh = spec;
    fresh.body = inner.run(spec.body);
    applied_ += inner.applied();
    budget_ += inner.applied();
    visits_ += inner.visits();
    kept_ops_.push_back(node.op_ptr());
    const bool changed = inner.applied() > 0;
    known = changed ? std::make_shared<Scan>(std::move(fresh)) : node.op_ptr();
    kept_ops_.push_back(known);
    bodies_[scan] = known;
    bodies_[known.get()] = known;
  }
  if (known.get() == scan) return {};
  const SiteScope scope(node.site());
  const Vars fresh = make_node(known, node.inputs(), node.site());
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    if (!node.name(i).empty()) static_cast<void>(fresh[i].named(node.name(i)));
  }
  return fresh[0];
}

}  // namespace damo::optim
