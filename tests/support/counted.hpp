#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <damo/graph/op.hpp>
#include <damo/optim/engine/mode.hpp>

namespace damo::test {

/// The identity, which counts how often it is computed.
class Counted final : public Op {
 public:
  explicit Counted(int* count) : count_(count) {}
  std::string name() const override { return "counted"; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override { return {in[0]}; }
  std::vector<std::optional<Vars>> shape_rule(const Apply&,
                                              const std::vector<Vars>& shapes) const override {
    return {shapes[0]};
  }
  Gradients gradient(const Apply& node, const Vars& g) const override {
    return {Gradient(make_var(node.op_ptr(), {g[0]}))};
  }
  Vars push_forward(const Apply& node, const Vars& t) const override {
    return {make_var(node.op_ptr(), {t[0]})};
  }
  void perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const override {
    ++*count_;
    const auto* x = reinterpret_cast<const double*>(in[0]->data);
    auto* y = reinterpret_cast<double*>(out[0]->data);
    for (std::int64_t i = 0; i < in[0]->elements(); ++i)
      y[i] = x[i * (in[0]->rank() > 0 ? in[0]->strides[0] : 0)];
  }
  std::uint64_t effect() const override { return 1; }
  bool equals(const Op& other) const override { return this == &other; }
  std::size_t hash() const override { return std::hash<const void*>{}(this); }

 private:
  int* count_;
};

inline Var counted(const Var& x, int& count) {
  return make_var(std::make_shared<Counted>(&count), {x});
}

/// Modes with and without each stage of rewriting.
inline const std::vector<Mode>& modes() {
  static const std::vector<Mode> all{Mode::fast(), Mode::fast_compile(), Mode::none(),
                                     Mode::fast().excluding("stabilize")};
  return all;
}

}  // namespace damo::test
