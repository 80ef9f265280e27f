#include <damo/ops/common/dense.hpp>
#include <damo/ops/kernels/movement/copy.hpp>

namespace damo {

Array dense(const Tensor& t) {
  Array all(t.dtype, t.shape);
  copy(t, all.view());
  return all;
}

}  // namespace damo
