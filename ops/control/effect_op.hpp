#pragma once
#include <functional>
#include <unordered_map>

#include <damo/graph/function_graph.hpp>
#include <damo/ops/common/gradient_mask.hpp>

// An op with an effect is two nodes. The `Effect` looks at values and does what it is for; the
// `After` is the value that goes on, with the effect for its second input, so that whoever needs
// the value has the effect happen. Rewriting may look through the second at what it likes; the
// first stays, and stays one, however often the value is read.
namespace damo {

/// Calls a function with its inputs whenever it runs. Its output is a bool without meaning.
class Effect final : public OpOf<Effect> {
 public:
  using Action = std::function<void(const Apply& node, TensorsIn in)>;
  /// `name` is "Print" and the like; `settings` is what its text says after the message. Every
  /// instance is its own, numbered in the order of making.
  Effect(std::string name, std::string message, std::string settings, Action action,
         std::uint64_t number = reserve(1));
  /// The first of `n` numbers that no other effect gets.
  static std::uint64_t reserve(std::uint64_t n);

  std::string name() const override { return name_; }
  bool takes_storage(std::size_t) const override { return true; }
  std::string parameters() const override;
  std::vector<TensorType> infer(std::span<const TensorType>) const override {
    return {{DType::boolean, {}}};
  }
  std::vector<std::optional<Vars>> shape_rule(const Apply&,
                                              const std::vector<Vars>&) const override {
    return {Vars{}};
  }
  Vars push_forward(const Apply&, const Vars&) const override { return {Var{}}; }
  void run_shapes(const Apply&, TensorsIn, std::span<Shape> out) const override { out[0] = {}; }
  void perform(const Apply& node, TensorsIn in, TensorsOut out, Workspace&) const override;
  Printed print(const Apply& node, std::span<const Printed> inputs) const override;
  std::uint64_t effect() const override { return number_; }
  std::size_t hash() const override { return number_; }
  friend bool operator==(const Effect& a, const Effect& b);

 private:
  std::string name_, message_, settings_;
  Action action_;
  std::uint64_t number_;
};

/// Its first input, once the effects that are its other inputs have happened.
class After final : public OpOf<After>, public ReadsElements {
 public:
  std::string name() const override { return "after"; }
  bool takes_storage(std::size_t) const override { return true; }
  Origin origin(const Apply&, std::size_t) const override {
    return {0, 1, Origin::Way::same_place};
  }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override { return {in[0]}; }
  std::vector<std::optional<Vars>> shape_rule(const Apply&,
                                              const std::vector<Vars>& shapes) const override {
    return {shapes[0]};
  }
  Gradients gradient(const Apply& node, const Vars& g) const override;
  Vars push_forward(const Apply&, const Vars& tangents) const override { return {tangents[0]}; }
  void run_shapes(const Apply&, TensorsIn in, std::span<Shape> out) const override {
    out[0] = in[0]->shape;
  }
  bool is_view() const override { return true; }
  void view(const Apply&, TensorsIn in, Tensor& out) const override { out = *in[0]; }
  Printed print(const Apply& node, std::span<const Printed> in) const override {
    return as<Effect>(node.input(1)) != nullptr ? in[1] : in[0];
  }
  friend bool operator==(const After&, const After&) = default;
};

/// The place of each effect of a graph, by its number: 0, 1, ... in the order in which they were
/// made, those in bodies included.
using EffectPlaces = std::unordered_map<std::uint64_t, std::size_t>;
EffectPlaces effect_places(const FunctionGraph& graph);

/// While alive, two graphs are being compared on this thread. Then effects are equal that say the
/// same at the same place, and derivatives that were given to graphs when what they build is.
/// Otherwise, where equal nodes would be merged, each is equal to itself only.
class GraphComparison {
 public:
  GraphComparison(const FunctionGraph& a, const FunctionGraph& b);
  ~GraphComparison();
  GraphComparison(const GraphComparison&) = delete;
  GraphComparison& operator=(const GraphComparison&) = delete;
  /// The innermost one, or null.
  static const GraphComparison* current();
  bool as_many_effects() const { return a_.size() == b_.size(); }
  bool same_place(std::uint64_t effect_a, std::uint64_t effect_b) const;

 private:
  EffectPlaces a_, b_;
  const GraphComparison* outer_;
};

/// The same values with no effects on the way, inside loops too: for copies of what happens anyway,
/// as in the gradient of a loop.
Vars without_effects(const Vars& outputs);

/// What `v` is the same as, with no regard to what it comes after.
Var without_after(const Var& v);

/// While alive, effects on this thread do nothing: a computation is being repeated.
class QuietEffects {
 public:
  QuietEffects();
  ~QuietEffects();
  QuietEffects(const QuietEffects&) = delete;
  QuietEffects& operator=(const QuietEffects&) = delete;
};

}  // namespace damo
