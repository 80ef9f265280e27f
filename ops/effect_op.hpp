#pragma once
#include <functional>

#include <damo/graph/op.hpp>

// An op with an effect is two nodes. The `Effect` looks at values and does what it is for; the
// `After` is the value that goes on, with the effect for its second input, so that whoever needs
// the value has the effect happen. Rewriting may look through the second at what it likes; the
// first stays, and stays one, however often the value is read.
namespace damo {

/// Calls a function with its inputs whenever it runs. Its output is a bool without meaning.
class Effect final : public OpOf<Effect> {
 public:
  using Action = std::function<void(const Apply& node, TensorsIn in)>;
  /// `name` is "Print" and the like. Every instance is its own, numbered in the order of making.
  Effect(std::string name, std::string message, Action action);

  std::string name() const override { return name_; }
  std::string parameters() const override { return message_; }
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
  friend bool operator==(const Effect& a, const Effect& b) { return a.number_ == b.number_; }

 private:
  std::string name_, message_;
  Action action_;
  std::uint64_t number_;
};

/// Its first input, once the effects that are its other inputs have happened.
class After final : public OpOf<After> {
 public:
  std::string name() const override { return "after"; }
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
  Printed print(const Apply&, std::span<const Printed> in) const override { return in[1]; }
  friend bool operator==(const After&, const After&) = default;
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
