#pragma once
#include <damo/graph/op.hpp>
#include <damo/ops/kernels/random/mt19937.hpp>
#include <damo/ops/random/distribution.hpp>

namespace damo {

/// Numbers in the state of a NumPy-compatible stream: a packed Mt19937 and the draw number.
inline constexpr std::int64_t numpy_state_size = Mt19937::packed_size + 1;

/// A random tensor as a pure function of its stream's state.
///   inputs  [state, sizes (one int64 scalar an axis)..., parameters (tensors of the output's rank,
///   stretched as elementwise
///           operands are)...]
///   output  the sample; from MT19937 also the next state
/// Philox: the state is an int64 vector (seed, stream, draw number): the elements of the sample
/// come from the words of Philox4x32-10 at the counters (0, draw number), (1, draw number), ...
/// under the key (seed, stream), each from its own (docs/random.md). Whoever draws moves the state
/// on by one. MT19937: the state is an int64 vector, a packed `Mt19937` and the draw number; the
/// elements are those that NumPy's legacy `RandomState` gives, one after the other.
class Draw final : public OpOf<Draw> {
 public:
  enum class Generator : std::uint8_t { philox, mt19937 };
  /// `dims`: the sizes known while the graph is built, or `unknown`.
  Draw(const Distribution& distribution, DType dtype, const Shape& dims,
       Generator generator = Generator::philox)
      : distribution_(&distribution), dtype_(dtype), dims_(dims), generator_(generator) {}

  const Distribution& distribution() const { return *distribution_; }
  DType dtype() const { return dtype_; }
  Generator generator() const { return generator_; }
  std::size_t rank() const { return dims_.rank(); }
  const Shape& dims() const { return dims_; }
  /// Whether `fill` can make it.
  bool fillable() const {
    return generator_ == Generator::philox && distribution_->fill != nullptr;
  }
  /// Whether `fill_from` can, from a float32 parameter.
  bool fillable_from_parameter() const {
    return generator_ == Generator::philox && distribution_->fill_from != nullptr &&
           dtype_ == DType::float32;
  }
  /// Elements [first, first + n) in row-major order of a parameterless Philox draw; what fused
  /// loops call tile by tile.
  void fill(const Tensor& state, std::int64_t first, std::int64_t n, void* out) const;
  /// The same of a draw with one parameter, given for each of them.
  void fill_from(const Tensor& state, std::int64_t first, std::int64_t n, const float* parameter,
                 float* out) const;

  std::string name() const override;
  std::string parameters() const override;
  void facts(const Apply& node, std::span<const Fact> in, std::span<Fact> out) const override;
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  std::vector<std::optional<Vars>> shape_rule(const Apply& node,
                                              const std::vector<Vars>& shapes) const override;
  std::vector<Demand> demands(const Apply& node, const std::vector<Vars>& shapes) const override;
  Gradients gradient(const Apply& node, const Vars& g) const override;
  Vars push_forward(const Apply& node, const Vars& tangents) const override;
  void run_shapes(const Apply& node, TensorsIn in, std::span<Shape> out) const override;
  bool shapes_need_values() const override { return true; }
  void perform(const Apply& node, TensorsIn in, TensorsOut out, Workspace& scratch) const override;
  std::vector<std::pair<Var, Var>> state_updates(const Apply& node) const override;
  friend bool operator==(const Draw& a, const Draw& b) {
    return a.distribution_ == b.distribution_ && a.dtype_ == b.dtype_ && a.dims_ == b.dims_ &&
           a.generator_ == b.generator_;
  }

 private:
  bool has_derivative(const Var& parameter) const;
  void perform_philox(TensorsIn in, const Tensor& out, Workspace& scratch) const;
  void perform_mt19937(TensorsIn in, TensorsOut out, Workspace& scratch) const;
  const Distribution* distribution_;
  DType dtype_;
  Shape dims_;
  Generator generator_;
};

}  // namespace damo
