#include <damo/ops/kernels/convolution/windows.hpp>

#include <algorithm>

#include <damo/ops/kernels/machine/for_float.hpp>

namespace damo {

void add_windows(const Tensor& windows, const std::array<std::int64_t, 2>& stride,
                 const Tensor& sums) {
  const std::size_t lead = sums.rank() - 2;
  std::int64_t images = 1;
  for (std::size_t i = 0; i < lead; ++i) images *= sums.shape[i];
  const std::int64_t* n = windows.shape.begin() + lead;
  const std::int64_t* step = windows.strides.begin() + lead;
  const std::int64_t cols = sums.shape[lead + 1], elements = sums.shape[lead] * cols;
  for_float(sums, [&]<class T>(T) {
    std::fill_n(sums.as<T>(), images * elements, T(0));
    for (std::int64_t image = 0; image < images; ++image) {
      T* to = sums.as<T>() + image * elements;
      const T* from = windows.as<T>();
      for (std::size_t axis = lead, rest = static_cast<std::size_t>(image); axis-- > 0;) {
        const auto size = static_cast<std::size_t>(sums.shape[axis]);
        from += static_cast<std::int64_t>(rest % size) * windows.strides[axis];
        rest /= size;
      }
      for (std::int64_t r = 0; r < n[0]; ++r) {
        for (std::int64_t q = 0; q < n[1]; ++q) {
          const T* window = from + r * step[0] + q * step[1];
          T* corner = to + r * stride[0] * cols + q * stride[1];
          for (std::int64_t i = 0; i < n[2]; ++i) {
            for (std::int64_t j = 0; j < n[3]; ++j)
              corner[i * cols + j] += window[i * step[2] + j * step[3]];
          }
        }
      }
    }
  });
}

}  // namespace damo
