#include <doctest/doctest.h>

#include <cstdint>
#include <tests/support/allocations.hpp>
#include <vector>

#include <damo/graph/values/array.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>
#include <damo/ops/kernels/movement/copy.hpp>
#include <damo/ops/kernels/products/binary_dot.hpp>
#include <damo/ops/kernels/products/gemm.hpp>
#include <damo/ops/kernels/random/philox.hpp>
#include <damo/ops/kernels/reductions/reduce.hpp>

namespace {

/// Every kernel once, on sizes that use several threads and every scratch buffer.
struct Work {
  damo::Array x{damo::float32, damo::Shape{100, 300}};
  damo::Array w{damo::float32, damo::Shape{300, 400}};
  damo::Array out{damo::float32, damo::Shape{100, 400}};
  damo::Array back{damo::float32, damo::Shape{100, 300}};
  damo::Array sums{damo::float32, damo::Shape{400}};
  damo::PackedMatrix<float> packed;

  void run() {
    const damo::Matrix<float> a{x.data<float>(), 100, 300, 300, 1};
    const damo::Matrix<float> b{w.data<float>(), 300, 400, 400, 1};
    const damo::Matrix<float> c{out.data<float>(), 100, 400, 400, 1};
    const damo::Matrix<float> d{back.data<float>(), 100, 300, 300, 1};
    damo::uniform({.seed = 1}, 0, x.elements(), x.data<float>());
    damo::normal({.seed = 2}, 0, w.elements(), w.data<float>());
    damo::gemm(1.0F, a, b, 0.0F, c);
    damo::gemm(1.0F, c, b.transposed(), 1.0F, d);
    damo::gemm(0.5F, a.block(0, 0, 20, 300), b, 0.0F, c.block(0, 0, 20, 400));
    damo::gemm(0.5F, c.block(0, 0, 20, 400), b.transposed(), 0.0F, d.block(0, 0, 20, 300));
    damo::gemm(1.0F, b.transposed(), a.transposed(), 0.0F, c.transposed());
    packed.pack(b);
    damo::gemm_packed(1.0F, a, packed, 0.0F, c);
    damo::binary_dot(a, b, c);
    damo::binary_dot(a, packed, c);
    damo::reduce(damo::Reduction::sum, out.view(), 1, sums.view());
    damo::copy(x.view(), back.view());
  }
};

}  // namespace

TEST_CASE("warmed-up kernels allocate nothing on any number of threads") {
  const int before = damo::num_threads();
  for (const int threads : {1, 2}) {
    damo::set_num_threads(threads);
    Work work;
    work.run();
    const std::uint64_t allocations = damo::test::allocations();
    work.run();
    CHECK(damo::test::allocations() == allocations);
  }
  damo::set_num_threads(before);
}
