#include <algorithm>
#include <cmath>
#include <limits>

#include <damo/graph/wide/wide.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/operands.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/decomposition/decomposition.hpp>
#include <damo/ops/decomposition/matrices.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/kernels/decomposition/factors.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

long double largest(const WideArray& a) {
  long double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i].value));
  return most;
}

class MatrixInverse final : public OnSquare<MatrixInverse, 2>, public ComputesWide {
 public:
  std::string name() const override { return "matrix_inverse"; }
  Gradients gradient(const Apply& node, const Vars& g) const override {
    const Var turned = mT(node.output());
    return {-matmul(matmul(turned, g[0]), turned)};
  }
  Vars push_forward(const Apply& node, const Vars& tangents) const override {
    if (!tangents[0].defined()) return {Var{}};
    return {-matmul(matmul(node.output(), tangents[0]), node.output())};
  }
  void perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const override {
    invert(*in[0], *out[0]);
  }
  /// An elimination's error is bounded by norms, not element by element (Higham, "Accuracy and
  /// Stability of Numerical Algorithms", 14.1): one huge element is felt in all of the inverse.
  void perform_wide(const Apply& node, WidesIn in, WidesOut out) const override {
    wide_by_kernel(node, in, out);
    const long double unit = in[0]->dtype() == DType::float32
                                 ? std::numeric_limits<float>::epsilon()
                                 : std::numeric_limits<double>::epsilon();
    const auto n = static_cast<long double>(in[0]->shape().back());
    const long double norm = largest(out[0]);
    const long double bound = 4 * n * n * unit * largest(*in[0]) * norm * norm;
    for (std::size_t i = 0; i < out[0].size(); ++i) {
      out[0][i].rounding += bound;
      out[0][i].doubt += bound;
    }
  }
  friend bool operator==(const MatrixInverse&, const MatrixInverse&) = default;
};

}  // namespace

Var matrix_inverse(const Arg& a) {
  const SiteScope scope(SiteScope::or_else(a.site()));
  return make_var(std::make_shared<MatrixInverse>(), {as_float(a)});
}

DAMO_OPS(inverse) {
  ops.reader({"matrix_inverse", read_plain<MatrixInverse>, 1, 1});
  ops.sample({.name = "matrix_inverse", .inputs = {{"bnn"}}, .apply = [](const Vars& in) {
                return matrix_inverse(in[0] + 9 * eye(size_at(in[0], 2), float32));
              }});
}

}  // namespace damo
