#include <algorithm>

#include <damo/ops/kernels/convolution/direct.hpp>

#define DAMO_KERNEL_FILE <damo/ops/kernels/convolution/direct.inc>
#include <damo/ops/kernels/machine/for_each_isa.inc>

namespace damo {

template <class T>
void DirectConvolution<T>::run(const T* image, T* y) const {
  DAMO_BEST_ISA(convolve_direct(*this, image, y));
}

template <class T>
double DirectConvolution<T>::use(std::int64_t out_cols) {
  double use = 0;
  DAMO_BEST_ISA(measure_use<T>(out_cols, use));
  return use;
}

template <class T>
void pack_filters(const T* w, std::int64_t filters, std::int64_t patch, T* packed) {
  DAMO_BEST_ISA(pack(w, filters, patch, packed));
}

template struct DirectConvolution<float>;
template struct DirectConvolution<double>;
template void pack_filters(const float*, std::int64_t, std::int64_t, float*);
template void pack_filters(const double*, std::int64_t, std::int64_t, double*);

}  // namespace damo
