#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/map_graph.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/analysis/shape_fitting.hpp>
#include <damo/optim/engine/rewriter.hpp>

namespace damo::optim {
namespace {

// Rules firing inside what a rule made: a size asks for the sizes below, as deep as the graph is.
std::size_t deepest_chain(std::size_t nodes) { return std::min<std::size_t>(100 + nodes, 3000); }
constexpr std::size_t most_flat = 500;

bool is_transposed(Var v) {
  for (; v.owner().op().is_view(); v = Var(v.inputs()[0])) {
    const auto* shuffle = as<DimShuffle>(v);
    if (shuffle != nullptr && !shuffle->keeps_order()) return true;
  }
  return false;
}

/// Whether a view with its axes in another order in memory would stand for what a node computes.
bool turns_axes(const Apply& node, const Vars& made) {
  if (node.op().is_view()) return false;
  return std::any_of(made.begin(), made.end(),
                     [](const Var& v) { return v.defined() && is_transposed(v); });
}

}  // namespace

Rewriter::Rewriter(const RuleIndex& rules, Settings settings)
    : rules_(rules),
      settings_(std::move(settings)),
      learned_(settings_.learned != nullptr ? *settings_.learned : own_learned_) {}

Vars Rewriter::settled(const Vars& old) const {
  Vars now;
  now.reserve(old.size());
  for (const Var& v : old) now.push_back(settled_.at(v));
  return now;
}

void Rewriter::settle_as(const Apply& node, const Vars& outputs) {
  for (std::size_t i = 0; i < outputs.size(); ++i) settled_.set(node, i, outputs[i]);
}

void Rewriter::visit(const Apply& node) {
  if (settled_.contains(node)) return;
  ++visits_;
  const auto stays = [&](const Var& in) { return same(settled_.at(in), in); };
  if (std::all_of(node.inputs().begin(), node.inputs().end(), stays)) return settle(node);
  const auto fresh = on_new_inputs(node);
  if (!fresh) return keep(node);
  settle(fresh->front().owner());
  settle_as(node, settled(*fresh));
}

std::optional<Vars> Rewriter::on_new_inputs(const Apply& node) const {
  try {
    return with_inputs(node, settled(node.inputs()));
  } catch (const ShapeError&) {
    return std::nullopt;
  }
}

void Rewriter::keep(const Apply& node) {
  for (std::size_t i = 0; i < node.n_outputs(); ++i) {
    kept_.insert(node.output(i));
    settled_.set(node, i, node.output(i));
  }
}

void Rewriter::settle(const Apply& node) {
  const Apply& known = nodes_.insert(node);
  if (&known != &node) return settle_as(node, settled(known.outputs()));
  if (settled_.contains(node)) return;
  if (settings_.for_grad) ages_.insert(node, 0, age_);
  // While its own rules run, a node that turns up inside a result stands for itself.
  for (std::size_t i = 0; i < node.n_outputs(); ++i) settled_.set(node, i, node.output(i));
  if (node.op().body() != nullptr) {
    if (const Var fresh = with_rewritten_body(node); fresh.defined()) {
      settle(fresh.owner());
      return settle_as(node, settled(fresh.owner().outputs()));
    }
  }
  Vars result;
  if (const Rule* rule = first_to_apply(node, result))
    settle_as(node, fire(*rule, node, std::move(result)));
}

const Rule* Rewriter::first_to_apply(const Apply& node, Vars& result) {
  const RuleIndex::List& list = rules_.at(node.op());
  Refusals refused;
  if (const Refusals* known = learned_.refusals.find(node)) refused = *known;
  if (list.refused(refused)) return nullptr;
  const SiteScope scope(node.site());
  if (applying_ == 0 && flat_.size() > most_flat) {
    flat_.clear();
    flat_places_.clear();
  }
  ++applying_;
  const Rule* found = nullptr;
  Heads heads;
  for (const auto& [rule, number] : list.entries) {
    const bool numbered = number < refused.size();
    if (numbered && refused.test(number)) continue;
    if (lacks_heads(*rule, node, heads)) {
      if (numbered) refused.set(number);
      continue;
    }
    ++tries_;
    asked_ = false;
    auto made = rule->apply(node, *this);
    if (made && settings_.keeps_bits && turns_axes(node, *made)) made.reset();
    if (made) {
      result = std::move(*made);
      found = rule;
      break;
    }
    if (numbered && !asked_) refused.set(number);
  }
  --applying_;
  learned_.refusals[node] = refused;
  return found;
}

bool Rewriter::lacks_heads(const Rule& rule, const Apply& node, Heads& known) {
  const NeededHeads& needed = rule.needed_heads();
  if (needed.within.none()) return false;
  const Reached reached = this->reached(node.output());
  if (lacks(reached.in_both, needed.within) ||
      lacks(needed.of_sum ? reached.in_sum : reached.in_product, needed.heads))
    return true;
  if (needed.heads.none()) return false;
  const auto group = needed.of_sum ? Terms::Group::sum : Terms::Group::product;
  std::optional<FunctionSet>& heads = known[needed.of_sum ? 0 : 1];
  if (!heads) heads = terms(group, node.output()).heads();
  return lacks(*heads, needed.heads);
}

Vars Rewriter::fire(const Rule& rule, const Apply& node, Vars result) {
  fit_result(rule, node, result);
  firing_.push_back(&rule);
  if (recent_.size() < 8) recent_.push_back(&rule);
  if (++applied_ > budget_ || firing_.size() > deepest_chain(settled_.size())) report_loop();
  for (std::size_t i = 0; i < result.size(); ++i) {
    if (!result[i].defined()) result[i] = node.output(i);
    if (!node.name(i).empty() && result[i].name().empty() && !is_leaf(result[i]))
      static_cast<void>(result[i].named(node.name(i)));
  }
  const bool stabilizes = rule.has_tag("stabilize") || rule.has_tag("before_grad");
  if (stabilizes && !asking_) ++stabilized_;
  if (settings_.trace != nullptr && !asking_) {
    std::size_t shown = 0;
    while (shown + 1 < result.size() && same(result[shown], node.output(shown))) ++shown;
    settings_.trace->add({rule.name(), settings_.pass, rule.tags(), settings_.loop,
                          node.output(shown), result[shown], rule.equation(),
                          tag(rule.soundness())});
  }
  Vars outputs = simplify(result);
  firing_.pop_back();
  return outputs;
}

// What a result does not know of its sizes, the node it stands for may.
void Rewriter::fit_result(const Rule& rule, const Apply& node, Vars& result) {
  if (result.size() != node.n_outputs()) {
    throw InternalError(fmt::format("rule '{}': gives {} variables for the {} outputs of {}",
                                    rule.name(), result.size(), node.n_outputs(), describe(node)));
  }
  for (std::size_t i = 0; i < result.size(); ++i) {
    if (!result[i].defined() || refines(result[i].type(), node.types()[i])) continue;
    if (compatible(result[i].type(), node.types()[i])) {
      result[i] = fit(result[i], node.output(i));
      continue;
    }
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
  return settled(roots);
}

void Rewriter::visit_all(const Vars& roots) {
  std::vector<std::pair<const Apply*, std::size_t>> stack;
  for (const Var& root : roots) {
    stack.emplace_back(root.owner_ptr(), 0);
    while (!stack.empty()) {
      auto& [node, next] = stack.back();
      if (settled_.contains(*node)) {
        stack.pop_back();
      } else if (next < node->inputs().size()) {
        const Apply* in = node->input(next++).owner_ptr();
        if (!settled_.contains(*in)) stack.emplace_back(in, 0);
      } else {
        const Apply* done = node;
        stack.pop_back();
        visit(*done);
      }
    }
  }
}

Var Rewriter::with_rewritten_body(const Apply& node) {
  const Op& op = node.op();
  if (op.body() == nullptr || op.keeps_body()) return {};
  std::shared_ptr<const Op> known = bodies_[&op];
  if (known == nullptr) {
    const FunctionGraph& body = *op.body();
    Settings settings = settings_;
    if (asking_) settings.trace = nullptr;
    settings.loop +=
        (settings_.loop.empty() ? "" : "/") + (body.name.empty() ? op.name() : body.name);
    ++settings.depth;
    settings.learned = &learned_;
    Rewriter inner(rules_, std::move(settings));
    for (const auto& [v, fact] : facts_.inside(node)) inner.assume(v, fact);
    FunctionGraph fresh = inner.run(body);
    applied_ += inner.applied();
    if (!asking_) stabilized_ += inner.stabilized();
    budget_ += inner.applied();
    visits_ += inner.visits();
    tries_ += inner.tries();
    kept_ops_.push_back(node.op_ptr());
    known = inner.applied() > 0 ? op.with_body(std::move(fresh)) : node.op_ptr();
    kept_ops_.push_back(known);
    bodies_[&op] = known;
    bodies_[known.get()] = known;
  }
  if (known.get() == &op) return {};
  return with_op(node, known).front();
}

}  // namespace damo::optim
