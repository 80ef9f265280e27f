#pragma once
#include <optional>
#include <string>

#include <damo/optim/language/rule.hpp>

namespace damo::optim {

/// The leaf that a placeholder is: a matrix unless it has a rank of its own, so that patterns are
/// ordinary expressions.
class Wildcard final : public OpOf<Wildcard> {
 public:
  Wildcard(std::string label, DType dtype, std::optional<std::size_t> rank, Condition condition)
      : label_(std::move(label)), dtype_(dtype), rank_(rank), condition_(std::move(condition)) {}
  const std::string& label() const { return label_; }
  DType dtype() const { return dtype_; }
  /// Whether it stands for tensors of its own rank only.
  bool has_rank() const { return rank_.has_value(); }
  const Condition& condition() const { return condition_; }

  std::string name() const override { return "placeholder"; }
  std::vector<TensorType> infer(std::span<const TensorType>) const override {
    Shape dims;
    for (std::size_t i = 0; i < rank_.value_or(2); ++i) dims.push_back(unknown);
    return {{dtype_, dims}};
  }
  Printed print(const Apply&, std::span<const Printed>) const override { return {label_}; }
  std::size_t hash() const override { return std::hash<const void*>{}(this); }
  friend bool operator==(const Wildcard& a, const Wildcard& b) { return &a == &b; }

 private:
  std::string label_;
  DType dtype_;
  std::optional<std::size_t> rank_;
  Condition condition_;
};

}  // namespace damo::optim
