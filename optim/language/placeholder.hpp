#pragma once
#include <string>

#include <damo/optim/language/rule.hpp>

namespace damo::optim {

/// The leaf that a placeholder is: a scalar, so that patterns are ordinary expressions.
class Wildcard final : public OpOf<Wildcard> {
 public:
  Wildcard(std::string label, DType dtype, Condition condition)
      : label_(std::move(label)), dtype_(dtype), condition_(std::move(condition)) {}
  const std::string& label() const { return label_; }
  DType dtype() const { return dtype_; }
  const Condition& condition() const { return condition_; }

  std::string name() const override { return "placeholder"; }
  std::vector<TensorType> infer(std::span<const TensorType>) const override {
    return {{dtype_, {}}};
  }
  Printed print(const Apply&, std::span<const Printed>) const override { return {label_}; }
  std::size_t hash() const override { return std::hash<const void*>{}(this); }
  friend bool operator==(const Wildcard& a, const Wildcard& b) { return &a == &b; }

 private:
  std::string label_;
  DType dtype_;
  Condition condition_;
};

}  // namespace damo::optim
