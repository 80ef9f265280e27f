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

template <class T>
void DirectCorrelation<T>::run(std::int64_t images, const T* x, const T* y, std::int64_t y_step,
                               T* sums) const {
  DAMO_BEST_ISA(correlate_direct(*this, images, x, y, y_step, sums));
}

template <class T>
void DirectCorrelation<T>::find_starts(std::int64_t* found, std::int64_t row_step,
                                       std::int64_t out_rows, std::int64_t out_cols) const {
  DAMO_BEST_ISA(find_half_starts<T>(found, row_step, out_rows, out_cols));
}

template <class T>
std::int64_t DirectCorrelation<T>::padded_row(std::int64_t out_cols) {
  std::int64_t n = 0;
  DAMO_BEST_ISA(pad_row<T>(out_cols, n));
  return n;
}
template <class T>
std::int64_t DirectCorrelation<T>::padded(std::int64_t out_rows, std::int64_t out_cols) {
  const std::int64_t half = padded_row(1);
  return (padded_row(out_cols) * out_rows + 2 * half - 1) / (2 * half) * (2 * half);
}

template struct DirectCorrelation<float>;
template struct DirectCorrelation<double>;
template struct DirectConvolution<float>;
template struct DirectConvolution<double>;
template void pack_filters(const float*, std::int64_t, std::int64_t, float*);
template void pack_filters(const double*, std::int64_t, std::int64_t, double*);

}  // namespace damo
