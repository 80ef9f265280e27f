#include <damo/ops/kernels/convolution/convolution.hpp>

#include <algorithm>

#include <damo/ops/kernels/convolution/direct_images.hpp>
#include <damo/ops/kernels/convolution/problem.hpp>
#include <damo/ops/kernels/elementwise/nonfinite.hpp>
#include <damo/ops/kernels/machine/for_float.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>
#include <damo/ops/kernels/machine/scratch.hpp>
#include <damo/ops/kernels/products/gemm.hpp>

namespace damo {
namespace {

/// Images whose sums are made one after the other; results depend on it.
constexpr std::int64_t images_in_turn = 8;

template <class T>
Matrix<const T> constant_rows(const T* data, std::int64_t rows, std::int64_t cols,
                              std::int64_t stride) {
  return {data, rows, cols, stride, 1};
}

/// Calls `f(element of the patch, place, column of the first place, places, where in the image)`
/// for each run of places in a row that an element of a patch meets inside of the image.
template <class T, class F>
void each_run(const ConvolutionProblem<T>& p, std::int64_t first, std::int64_t end, F&& f) {
  const FilterSteps &down = p.plan.rows, &across = p.plan.cols;
  std::int64_t element = 0;
  for (std::int64_t c = 0; c < p.channels; ++c) {
    for (std::int64_t i = 0; i < p.filter_rows; ++i) {
      const std::int64_t top =
          (p.plan.flip ? p.filter_rows - 1 - i : i) * down.dilation - down.before;
      for (std::int64_t j = 0; j < p.filter_cols; ++j, ++element) {
        const std::int64_t left =
            (p.plan.flip ? p.filter_cols - 1 - j : j) * across.dilation - across.before;
        // 0 <= left + q stride < cols.
        const std::int64_t low =
            std::clamp<std::int64_t>((across.stride - 1 - left) / across.stride, 0, p.out_cols);
        const std::int64_t high = std::clamp<std::int64_t>(
            left < p.cols ? (p.cols - 1 - left) / across.stride + 1 : 0, low, p.out_cols);
        for (std::int64_t r = first; r < end; ++r) {
          const std::int64_t row = top + r * down.stride;
          const bool inside = row >= 0 && row < p.rows;
          f(element, (r - first) * p.out_cols, inside ? low : p.out_cols,
            inside ? high : p.out_cols,
            inside ? (c * p.rows + row) * p.cols + left + low * across.stride : 0);
        }
      }
    }
  }
}

/// The patches of places in rows [first, end) as columns.
template <class T>
void lay_out(const ConvolutionProblem<T>& p, const T* x, std::int64_t first, std::int64_t end,
             T* patches) {
  const std::int64_t places = (end - first) * p.out_cols;
  const std::int64_t stride = p.plan.cols.stride;
  each_run(p, first, end,
           [&](std::int64_t element, std::int64_t place, std::int64_t low, std::int64_t high,
               std::int64_t from) {
             T* to = patches + element * places + place;
             std::fill(to, to + low, T(0));
             if (stride == 1) {
               std::copy(x + from, x + from + (high - low), to + low);
             } else {
               for (std::int64_t q = low; q < high; ++q) to[q] = x[from + (q - low) * stride];
             }
             std::fill(to + high, to + p.out_cols, T(0));
           });
}

/// Adds patches to where they come from.
template <class T>
void put_back(const ConvolutionProblem<T>& p, const T* patches, std::int64_t first,
              std::int64_t end, T* x) {
  const std::int64_t places = (end - first) * p.out_cols;
  const std::int64_t stride = p.plan.cols.stride;
  each_run(p, first, end,
           [&](std::int64_t element, std::int64_t place, std::int64_t low, std::int64_t high,
               std::int64_t from) {
             const T* source = patches + element * places + place;
             for (std::int64_t q = low; q < high; ++q) x[from + (q - low) * stride] += source[q];
           });
}

template <class T>
T* patch_memory(std::int64_t elements) {
  static thread_local Scratch memory;
  return memory.reserve<T>(elements);
}

/// Calls `f(first row, end)` for parts of the rows of places.
template <class T, class F>
void each_part(const ConvolutionProblem<T>& p, F&& f) {
  const std::int64_t step = p.rows_at_once();
  for (std::int64_t first = 0; first < p.out_rows; first += step)
    f(first, std::min(first + step, p.out_rows));
}

template <class T>
void convolve_image(const ConvolutionProblem<T>& p, const T* x, const T* w, T* y, std::int64_t i) {
  for (std::int64_t group = 0; group < p.plan.groups; ++group) {
    const T* image = p.image(x, i, group);
    T* result = const_cast<T*>(p.result(y, i, group));
    const auto filters = constant_rows(p.filters_of(w, group), p.filters, p.patch(), p.patch());
    each_part(p, [&](std::int64_t first, std::int64_t end) {
      const std::int64_t places = (end - first) * p.out_cols;
      const T* patches = image + first * p.out_cols;
      if (!p.is_product()) {
        T* laid = patch_memory<T>(p.patch() * places);
        lay_out(p, image, first, end, laid);
        patches = laid;
      }
      gemm(T(1), filters,
           constant_rows(patches, p.patch(), places, p.is_product() ? p.places() : places), T(0),
           {result + first * p.out_cols, p.filters, places, p.places(), 1});
    });
  }
}

template <class T>
void convolve_image_back(const ConvolutionProblem<T>& p, const T* y, const T* w, T* x,
                         std::int64_t i) {
  for (std::int64_t group = 0; group < p.plan.groups; ++group) {
    T* image = const_cast<T*>(p.image(x, i, group));
    std::fill(image, image + p.channels * p.rows * p.cols, T(0));
    const auto filters = constant_rows(p.filters_of(w, group), p.filters, p.patch(), p.patch());
    each_part(p, [&](std::int64_t first, std::int64_t end) {
      const std::int64_t places = (end - first) * p.out_cols;
      T* patches = patch_memory<T>(p.patch() * places);
      gemm(T(1), filters.transposed(),
           constant_rows(p.result(y, i, group) + first * p.out_cols, p.filters, places, p.places()),
           T(0), {patches, p.patch(), places, places, 1});
      put_back(p, patches, first, end, image);
    });
  }
}

/// Adds one image's part to the sums at `w`.
template <class T>
void correlate_image(const ConvolutionProblem<T>& p, const T* x, const T* y, T* w, std::int64_t i) {
  for (std::int64_t group = 0; group < p.plan.groups; ++group) {
    T* sums = const_cast<T*>(p.filters_of(w, group));
    each_part(p, [&](std::int64_t first, std::int64_t end) {
      const std::int64_t places = (end - first) * p.out_cols;
      T* patches = patch_memory<T>(p.patch() * places);
      lay_out(p, p.image(x, i, group), first, end, patches);
      gemm(T(1),
           constant_rows(p.result(y, i, group) + first * p.out_cols, p.filters, places, p.places()),
           constant_rows(static_cast<const T*>(patches), p.patch(), places, places).transposed(),
           T(1), {sums, p.filters, p.patch(), p.patch(), 1});
    });
  }
}

/// Whether sums over places are made without patches.
template <class T>
bool sums_directly(const ConvolutionProblem<T>& p, const Tensor& x, const Tensor& y) {
  if (x.elements() == 0 || y.elements() == 0 || !DirectSums<T>::pay(p)) return false;
  return DirectSums<T>::exact(p) || !has_nonfinite(x);
}

template <class T>
void correlate_all(const ConvolutionProblem<T>& p, const T* x, const T* y, T* w, bool direct) {
  const std::int64_t elements = p.plan.groups * p.filters * p.patch();
  const std::int64_t blocks = (p.images + images_in_turn - 1) / images_in_turn;
  static thread_local Scratch memory;
  T* partial = memory.reserve<T>(blocks * elements);
  std::fill(partial, partial + blocks * elements, T(0));
  const auto run = [&](auto&& f) {
    parallel_for(p.images, images_in_turn, [&](std::int64_t first, std::int64_t end) {
      f(partial + first / images_in_turn * elements, first, end);
    });
  };
  if (direct) {
    const DirectSums<T> sums(p);
    run([&](T* to, std::int64_t first, std::int64_t end) { sums.run(x, y, to, first, end); });
  } else {
    run([&](T* to, std::int64_t first, std::int64_t end) {
      for (std::int64_t i = first; i < end; ++i) correlate_image(p, x, y, to, i);
    });
  }
  std::fill(w, w + elements, T(0));
  for (std::int64_t block = 0; block < blocks; ++block) {
    for (std::int64_t k = 0; k < elements; ++k) w[k] += partial[block * elements + k];
  }
}

}  // namespace

void convolve(const ConvolutionPlan& plan, const Tensor& x, const Tensor& filters,
              const Tensor& y) {
  for_float(x, [&]<class T>(T) {
    const ConvolutionProblem<T> p(plan, x, filters, y);
    if (p.patch() == 0) {
      std::fill_n(y.as<T>(), y.elements(), T(0));
      return;
    }
    if (y.elements() == 0) return;
    if (DirectImages<T>::pay(p)) {
      const DirectImages<T> direct(p, filters.as<T>());
      parallel_for(p.images, 1, [&](std::int64_t first, std::int64_t end) {
        for (std::int64_t i = first; i < end; ++i) direct.run(x.as<T>(), y.as<T>(), i);
      });
      return;
    }
    parallel_for(p.images, 1, [&](std::int64_t first, std::int64_t end) {
      for (std::int64_t i = first; i < end; ++i)
        convolve_image(p, x.as<T>(), filters.as<T>(), y.as<T>(), i);
    });
  });
}

void convolve_back(const ConvolutionPlan& plan, const Tensor& y, const Tensor& filters,
                   const Tensor& x) {
  for_float(x, [&]<class T>(T) {
    const ConvolutionProblem<T> p(plan, x, filters, y);
    parallel_for(p.images, 1, [&](std::int64_t first, std::int64_t end) {
      for (std::int64_t i = first; i < end; ++i)
        convolve_image_back(p, y.as<T>(), filters.as<T>(), x.as<T>(), i);
    });
  });
}

void correlate_places(const ConvolutionPlan& plan, const Tensor& x, const Tensor& y,
                      const Tensor& filters) {
  for_float(x, [&]<class T>(T) {
    const ConvolutionProblem<T> p(plan, x, filters, y);
    correlate_all(p, x.as<T>(), y.as<T>(), filters.as<T>(), sums_directly(p, x, y));
  });
}

}  // namespace damo
