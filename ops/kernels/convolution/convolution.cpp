#include <damo/ops/kernels/convolution/convolution.hpp>

#include <algorithm>

#include <damo/ops/kernels/convolution/direct_back.hpp>
#include <damo/ops/kernels/convolution/direct_images.hpp>
#include <damo/ops/kernels/convolution/patch_products.hpp>
#include <damo/ops/kernels/convolution/problem.hpp>
#include <damo/ops/kernels/elementwise/nonfinite.hpp>
#include <damo/ops/kernels/machine/for_float.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>
#include <damo/ops/kernels/machine/scratch.hpp>

namespace damo {
namespace {

/// Images whose sums are made one after the other, more where each has few places; results depend
/// on it.
template <class T>
std::int64_t images_in_turn(const ConvolutionProblem<T>& p) {
  return std::clamp<std::int64_t>(1024 / std::max<std::int64_t>(p.places(), 1), 8, 1024);
}

template <class T>
void correlate_all(const ConvolutionProblem<T>& p, const T* x, const T* y, T* w) {
  const std::int64_t elements = p.plan.groups * p.filters * p.patch();
  const std::int64_t step = images_in_turn(p), blocks = (p.images + step - 1) / step;
  std::fill(w, w + elements, T(0));
  if (p.images * p.places() == 0) return;
  static thread_local Scratch memory;
  T* partial = blocks == 1 ? w : memory.reserve<T>(blocks * elements);
  if (blocks > 1) std::fill(partial, partial + blocks * elements, T(0));
  const auto run = [&](const auto& sums) {
    parallel_for(p.images, step, [&](std::int64_t first, std::int64_t end) {
      sums.correlate(x, y, partial + first / step * elements, first, end);
    });
  };
  if (DirectSums<T>::pay(p)) {
    run(DirectSums<T>(p));
  } else {
    run(PatchProducts<T>(p));
  }
  for (std::int64_t block = 0; blocks > 1 && block < blocks; ++block) {
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
    const PatchProducts<T> products(p);
    parallel_for(p.images, products.at_once(), [&](std::int64_t first, std::int64_t end) {
      products.convolve(x.as<T>(), filters.as<T>(), y.as<T>(), first, end);
    });
  });
}

void convolve_back(const ConvolutionPlan& plan, const Tensor& y, const Tensor& filters,
                   const Tensor& x) {
  for_float(x, [&]<class T>(T) {
    const ConvolutionProblem<T> p(plan, x, filters, y);
    // Straight from y, which 0 surrounds: an infinity times 0 is NaN.
    if (y.elements() > 0 && DirectBack<T>::pay(p) && !has_nonfinite(filters)) {
      const DirectBack<T> direct(p, filters.as<T>());
      parallel_for(p.images, 1, [&](std::int64_t first, std::int64_t end) {
        for (std::int64_t i = first; i < end; ++i) direct.run(y.as<T>(), x.as<T>(), i);
      });
      return;
    }
    const PatchProducts<T> products(p);
    parallel_for(p.images, products.at_once(), [&](std::int64_t first, std::int64_t end) {
      products.back(y.as<T>(), filters.as<T>(), x.as<T>(), first, end);
    });
  });
}

void correlate_places(const ConvolutionPlan& plan, const Tensor& x, const Tensor& y,
                      const Tensor& filters) {
  for_float(x, [&]<class T>(T) {
    const ConvolutionProblem<T> p(plan, x, filters, y);
    correlate_all(p, x.as<T>(), y.as<T>(), filters.as<T>());
  });
}

}  // namespace damo
