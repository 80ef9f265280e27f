#pragma once
#include <damo/graph/op.hpp>
#include <damo/ops/kernels/philox.hpp>

namespace damo {

/// A random tensor as a pure function of its stream's state.
///   inputs  [state, sizes (one int64 scalar an axis)..., parameters (tensors of the output's rank,
///   stretched as elementwise
///           operands are)...]
///   output  the sample
/// The state is an int64 vector (seed, stream, draw number): element e of the sample comes from the
/// Philox4x32-10 counter (e, draw number) under the key (seed, stream). Whoever draws moves the
/// state on by one.
class Draw final : public OpOf<Draw> {
 public:
  enum class Distribution : std::uint8_t {
    uniform,           ///< [0, 1), no parameters
    normal,            ///< mean 0, variance 1, no parameters
    bernoulli,         ///< one parameter p; uniform < p
    binomial,          ///< two parameters n, p
    poisson,           ///< one parameter, the rate
    gamma,             ///< one parameter, the shape; scale 1
    truncated_normal,  ///< two parameters, the bounds of a standard normal
    permutation        ///< a random order of 0 .. n - 1 along the one axis, int64
  };
  /// `dims`: the sizes known while the graph is built, or `unknown`.
  Draw(Distribution distribution, DType dtype, const Shape& dims)
      : distribution_(distribution), dtype_(dtype), dims_(dims) {}

  Distribution distribution() const { return distribution_; }
  std::size_t rank() const { return dims_.rank(); }
  const Shape& dims() const { return dims_; }
  /// Elements [first, first + n) in row-major order of a parameterless draw; what fused loops call
  /// tile by tile.
  void fill(const Tensor& state, std::int64_t first, std::int64_t n, void* out) const;

  std::string name() const override;
  std::string parameters() const override;
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  std::vector<std::optional<Vars>> shape_rule(const Apply& node,
                                              const std::vector<Vars>& shapes) const override;
  Gradients gradient(const Apply& node, const Vars& g) const override;
  Vars push_forward(const Apply& node, const Vars& tangents) const override;
  void run_shapes(const Apply& node, TensorsIn in, std::span<Shape> out) const override;
  bool shapes_need_values() const override { return true; }
  void perform(const Apply& node, TensorsIn in, TensorsOut out, Workspace& scratch) const override;
  std::vector<std::pair<Var, Var>> state_updates(const Apply& node) const override;
  friend bool operator==(const Draw& a, const Draw& b) {
    return a.distribution_ == b.distribution_ && a.dtype_ == b.dtype_ && a.dims_ == b.dims_;
  }

 private:
  Distribution distribution_;
  DType dtype_;
  Shape dims_;
};

}  // namespace damo
