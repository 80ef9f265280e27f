#pragma once
#include <damo/graph/op.hpp>
#include <damo/ops/common/gradient_mask.hpp>
#include <damo/ops/convolution/convolution.hpp>

namespace damo {

/// A convolution and its transposed maps: three products of two of images x, filters w, results y,
/// each linear in both. Between them they are closed under differentiation.
///   result   [x, w]                 -> y
///   images   [y, w, rows, columns]  -> x, of these sizes
///   filters  [x, y, rows, columns]  -> w, of these sizes
class Convolve final : public OpOf<Convolve>, public ReadsElements {
 public:
  enum class Kind : std::uint8_t { result, images, filters };
  Convolve(Kind kind, Conv2dOptions options) : kind_(kind), options_(options) {}

  std::string name() const override;
  std::string parameters() const override;
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  std::vector<std::optional<Vars>> shape_rule(const Apply& node,
                                              const std::vector<Vars>& shapes) const override;
  std::vector<Demand> demands(const Apply& node, const std::vector<Vars>& shapes) const override;
  Gradients gradient(const Apply& node, const Vars& g) const override;
  Slope slope(const Apply&) const override { return Slope::tame; }
  Var read_for(const Apply& node, std::size_t input, std::size_t output,
               const Var& marked) const override;
  Gradients gradient_of_marked(const Apply& node, const Vars& g, const Vars& marked) const override;
  Vars push_forward(const Apply& node, const Vars& tangents) const override;
  void run_shapes(const Apply& node, TensorsIn in, std::span<Shape> out) const override;
  bool shapes_need_values() const override { return kind_ != Kind::result; }
  void facts(const Apply&, std::span<const Fact> in, std::span<Fact> out) const override {
    out[0] = fact_of_total(fact_of_product(in[0], in[1]));
  }
  void perform(const Apply& node, TensorsIn in, TensorsOut out, Workspace& scratch) const override;
  friend bool operator==(const Convolve& a, const Convolve& b);

  /// Zeros before and after an image along an axis, for a filter of that size.
  std::pair<std::int64_t, std::int64_t> padding(std::size_t axis, std::int64_t filter) const;
  /// Places along an axis. Throws ShapeError when there are none.
  std::int64_t places(std::size_t axis, std::int64_t image, std::int64_t filter) const;
  /// Zeros on both sides together, and the same sizes, as int64 scalars.
  Var padding(std::size_t axis, const Var& filter) const;
  Var places(std::size_t axis, const Var& image, const Var& filter) const;
  /// The smallest image with so many places.
  Var image_size(std::size_t axis, const Var& places, const Var& filter) const;

 private:
  TensorType type_of(std::span<const TensorType> in) const;
  Var product(Kind kind, const Var& a, const Var& b, const Vars& sizes, const Var& like) const;
  Var flow_to(std::size_t input, const Apply& node, const Var& g, const Var& other) const;

  Kind kind_;
  Conv2dOptions options_;
};

}  // namespace damo
