#include <damo/ops/kernels/convolution/direct.hpp>

#include <algorithm>
#include <type_traits>
#include <utility>

#define DAMO_KERNEL_FILE <damo/ops/kernels/convolution/direct.inc>
#include <damo/ops/kernels/machine/for_each_isa.inc>

namespace damo {

template <class T>
void DirectConvolution<T>::run(const T* x, std::int64_t places, std::int64_t first,
                               std::int64_t end, T* y) const {
  DAMO_BEST_ISA(convolve_direct(*this, places, x, first, end, y));
}

template <class T>
void DirectCorrelation<T>::run(std::int64_t images, std::int64_t places, const T* x, const T* y,
                               T* sums) const {
  DAMO_BEST_ISA(correlate_direct(*this, images, places, x, y, sums));
}

template <class T>
void pack_filters(const T* w, std::int64_t f_step, std::int64_t filters, const std::int64_t* order,
                  std::int64_t patch, T* packed) {
  DAMO_BEST_ISA(pack(w, f_step, filters, order, patch, packed));
}

#define DAMO_DIRECT(T)                                                                  \
  template struct DirectConvolution<T>;                                                 \
  template struct DirectCorrelation<T>;                                                 \
  template void pack_filters(const T*, std::int64_t, std::int64_t, const std::int64_t*, \
                             std::int64_t, T*)
DAMO_DIRECT(float);
DAMO_DIRECT(double);
#undef DAMO_DIRECT

}  // namespace damo
