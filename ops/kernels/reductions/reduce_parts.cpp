#include <algorithm>
#include <type_traits>
#include <utility>

#include <damo/ops/kernels/reductions/reduce_parts.hpp>

#define DAMO_KERNEL_FILE <damo/ops/kernels/reductions/reduce.inc>
#include <damo/ops/kernels/machine/for_each_isa.inc>

namespace damo {

template <Reduction R, class T>
FloatKernels<T> float_kernels() {
  constexpr auto all = []<class Kernels>(Kernels) {
    return FloatKernels<T>{&Kernels::run,          &Kernels::run_products, &Kernels::add,
                           &Kernels::finish,       &Kernels::rows,         &Kernels::fold_rows,
                           &Kernels::fold_products};
  };
  static constexpr FloatKernels<T> tables[] = {all(simd_sse2::ReduceKernels<R, T>{}),
                                               all(simd_avx2::ReduceKernels<R, T>{}),
                                               all(simd_avx512::ReduceKernels<R, T>{})};
  return tables[static_cast<std::size_t>(isa())];
}

template FloatKernels<float> float_kernels<Reduction::sum, float>();
template FloatKernels<float> float_kernels<Reduction::prod, float>();
template FloatKernels<float> float_kernels<Reduction::max, float>();
template FloatKernels<float> float_kernels<Reduction::min, float>();
template FloatKernels<double> float_kernels<Reduction::sum, double>();
template FloatKernels<double> float_kernels<Reduction::prod, double>();
template FloatKernels<double> float_kernels<Reduction::max, double>();
template FloatKernels<double> float_kernels<Reduction::min, double>();

}  // namespace damo
