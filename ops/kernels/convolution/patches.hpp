#pragma once
#include <algorithm>
#include <cstdint>

#include <damo/ops/kernels/convolution/plane_rows.hpp>
#include <damo/ops/kernels/convolution/problem.hpp>
#include <damo/ops/kernels/machine/scratch.hpp>

namespace damo {

/// Patches of places in rows [first, end) of images `pixels` apart: as columns, of rows `step`
/// apart, one image's behind the other's.
struct PatchPlaces {
  std::int64_t first, end, images, pixels, step;
};

/// Calls `f(element of the patch, rows and columns of places, where in the image the first of them
/// meets it)` with those of the places that it meets inside of images.
template <class T, class F>
void each_element(const ConvolutionProblem<T>& p, const PatchPlaces& places, F&& f) {
  const FilterSteps &down = p.plan.rows, &across = p.plan.cols;
  std::int64_t element = 0;
  for (std::int64_t c = 0; c < p.channels; ++c) {
    for (std::int64_t i = 0; i < p.filter_rows; ++i) {
      const std::int64_t top = (p.plan.flip ? p.filter_rows - 1 - i : i) * down.dilation -
                               down.before + places.first * down.stride;
      const auto rows = IndexRange::inside(top, down.stride, p.rows, places.end - places.first);
      for (std::int64_t j = 0; j < p.filter_cols; ++j, ++element) {
        const std::int64_t left =
            (p.plan.flip ? p.filter_cols - 1 - j : j) * across.dilation - across.before;
        const auto cols = IndexRange::inside(left, across.stride, p.cols, p.out_cols);
        f(element, rows, cols,
          (c * p.rows + top + rows.first * down.stride) * p.cols + left +
              cols.first * across.stride);
      }
    }
  }
}

/// Lays patches out.
template <class T>
void lay_out(const ConvolutionProblem<T>& p, const PatchPlaces& places, const T* x, T* patches) {
  const std::int64_t stride = p.plan.cols.stride, step = p.cols * p.plan.rows.stride;
  const std::int64_t in_image = (places.end - places.first) * p.out_cols;
  each_element(
      p, places, [&](std::int64_t element, IndexRange rows, IndexRange cols, std::int64_t from) {
        T* to = patches + element * places.step;
        if (rows.size() * cols.size() < in_image) std::fill_n(to, places.images * in_image, T(0));
        to += rows.first * p.out_cols + cols.first;
        const T* source = x + from;
        for (std::int64_t k = 0; k < places.images; ++k, to += in_image, source += places.pixels) {
          for (std::int64_t r = 0; r < rows.size(); ++r) {
            for (std::int64_t q = 0; q < cols.size(); ++q)
              to[r * p.out_cols + q] = source[r * step + q * stride];
          }
        }
      });
}

/// Adds patches of an image to where they come from, where places step by 1 along its rows: row by
/// row of the image, which is read and written once.
template <class T>
void put_back_rows(const ConvolutionProblem<T>& p, const PatchPlaces& places, const T* patches,
                   T* x) {
  static thread_local Scratch shift_memory, row_memory;
  const FilterSteps &down = p.plan.rows, &across = p.plan.cols;
  auto* shifts = shift_memory.reserve<std::int64_t>(p.filter_cols);
  for (std::int64_t j = 0; j < p.filter_cols; ++j)
    shifts[j] = (p.plan.flip ? p.filter_cols - 1 - j : j) * across.dilation - across.before;
  const T** rows = row_memory.reserve<const T*>(p.filter_rows);
  for (std::int64_t c = 0; c < p.channels; ++c) {
    for (std::int64_t row = 0; row < p.rows; ++row, x += p.cols) {
      std::int64_t n = 0;
      for (std::int64_t i = 0; i < p.filter_rows; ++i) {
        const std::int64_t from =
            row + down.before - (p.plan.flip ? p.filter_rows - 1 - i : i) * down.dilation;
        if (from < 0 || from % down.stride != 0) continue;
        const std::int64_t place = from / down.stride;
        if (place < places.first || place >= places.end) continue;
        rows[n++] = patches + (c * p.filter_rows + i) * p.filter_cols * places.step +
                    (place - places.first) * p.out_cols;
      }
      if (n > 0)
        add_shifted<T>({rows, p.filter_cols, places.step, shifts}, n, p.out_cols, p.cols, x);
    }
  }
}

/// Adds patches to where they come from.
template <class T>
void put_back(const ConvolutionProblem<T>& p, const PatchPlaces& places, const T* patches, T* x) {
  if (places.images == 1 && p.plan.cols.stride == 1) return put_back_rows(p, places, patches, x);
  const std::int64_t stride = p.plan.cols.stride, step = p.cols * p.plan.rows.stride;
  const std::int64_t in_image = (places.end - places.first) * p.out_cols;
  each_element(
      p, places, [&](std::int64_t element, IndexRange rows, IndexRange cols, std::int64_t at) {
        const T* from = patches + element * places.step + rows.first * p.out_cols + cols.first;
        T* to = x + at;
        for (std::int64_t k = 0; k < places.images; ++k, from += in_image, to += places.pixels) {
          for (std::int64_t r = 0; r < rows.size(); ++r) {
            for (std::int64_t q = 0; q < cols.size(); ++q)
              to[r * step + q * stride] += from[r * p.out_cols + q];
          }
        }
      });
}

}  // namespace damo
