#include <fmt/format.h>

#include <atomic>
#include <set>

#include <damo/graph/map_graph.hpp>
#include <damo/ops/common/text_reader.hpp>
#include <damo/ops/control/effect_op.hpp>

namespace damo {
namespace {

std::atomic<std::uint64_t> last_number{0};
thread_local int quiet = 0;
thread_local const GraphComparison* comparison = nullptr;

void collect_effects(const FunctionGraph& graph, std::set<std::uint64_t>& numbers) {
  for (const Apply* node : graph.order()) {
    if (dynamic_cast<const Effect*>(&node->op()) != nullptr) numbers.insert(node->op().effect());
    if (node->op().body() != nullptr) collect_effects(*node->op().body(), numbers);
  }
}

}  // namespace

QuietEffects::QuietEffects() { ++quiet; }
QuietEffects::~QuietEffects() { --quiet; }

EffectPlaces effect_places(const FunctionGraph& graph) {
  std::set<std::uint64_t> numbers;
  collect_effects(graph, numbers);
  EffectPlaces places;
  for (const std::uint64_t number : numbers) places.emplace(number, places.size());
  return places;
}

GraphComparison::GraphComparison(const FunctionGraph& a, const FunctionGraph& b)
    : a_(effect_places(a)), b_(effect_places(b)), outer_(std::exchange(comparison, this)) {}
GraphComparison::~GraphComparison() { comparison = outer_; }

const GraphComparison* GraphComparison::current() { return comparison; }

bool GraphComparison::same_place(std::uint64_t effect_a, std::uint64_t effect_b) const {
  const auto a = a_.find(effect_a);
  const auto b = b_.find(effect_b);
  return a != a_.end() && b != b_.end() && a->second == b->second;
}

Effect::Effect(std::string name, std::string message, std::string settings, Action action,
               std::uint64_t number)
    : name_(std::move(name)),
      message_(std::move(message)),
      settings_(std::move(settings)),
      action_(std::move(action)),
      number_(number) {}

std::uint64_t Effect::reserve(std::uint64_t n) { return last_number.fetch_add(n) + 1; }

std::string Effect::parameters() const { return quoted(message_) + settings_; }

bool operator==(const Effect& a, const Effect& b) {
  const GraphComparison* graphs = GraphComparison::current();
  const bool same_one =
      graphs != nullptr ? graphs->same_place(a.number_, b.number_) : a.number_ == b.number_;
  return same_one && a.name_ == b.name_ && a.message_ == b.message_ && a.settings_ == b.settings_;
}

void Effect::perform(const Apply& node, TensorsIn in, TensorsOut out, Workspace&) const {
  if (quiet == 0) action_(node, in);
  *out[0]->as<bool>() = true;
}

Printed Effect::print(const Apply&, std::span<const Printed> inputs) const {
  std::string text = fmt::format("{}(\"{}\")(", name_, message_);
  for (std::size_t i = 0; i < inputs.size(); ++i) text += (i > 0 ? ", " : "") + inputs[i].text;
  return {text + ")"};
}

Gradients After::gradient(const Apply& node, const Vars& g) const {
  Gradients result(node.inputs().size());
  result[0] = g[0];
  return result;
}

Var without_after(const Var& v) {
  Var inner = v;
  while (as<After>(inner) != nullptr) inner = Var(inner.inputs()[0]);
  return inner;
}

Vars without_effects(const Vars& outputs) {
  return map_graph(outputs, [](const Apply& node, const Apply&) -> std::optional<Vars> {
    if (as<After>(node.op()) != nullptr) return Vars{node.input(0)};
    if (node.op().pure()) return std::nullopt;
    return with_changed_body(node, [](const FunctionGraph& body) {
      return body.with_roots(without_effects(body.roots()));
    });
  });
}

}  // namespace damo
