#include <damo/ops/kernels/convolution/plane_rows.hpp>

#include <algorithm>
#include <utility>

#define DAMO_KERNEL_FILE <damo/ops/kernels/convolution/plane_rows.inc>
#include <damo/ops/kernels/machine/for_each_isa.inc>

namespace damo {

template <class T>
void gather_rows(const PlaneRows<const T>& from, std::int64_t planes, std::int64_t rows,
                 std::int64_t cols, const PlaneRows<T>& to) {
  DAMO_BEST_ISA(gather(from, planes, rows, cols, to));
}

template <class T>
void add_shifted(const ShiftedRows<T>& from, std::int64_t count, std::int64_t length,
                 std::int64_t cols, T* to) {
  DAMO_BEST_ISA(sum_shifted(from, count, length, cols, to));
}

#define DAMO_PLANE_ROWS(T)                                                                       \
  template void gather_rows(const PlaneRows<const T>&, std::int64_t, std::int64_t, std::int64_t, \
                            const PlaneRows<T>&);                                                \
  template void add_shifted(const ShiftedRows<T>&, std::int64_t, std::int64_t, std::int64_t, T*)
DAMO_PLANE_ROWS(float);
DAMO_PLANE_ROWS(double);
#undef DAMO_PLANE_ROWS

}  // namespace damo
