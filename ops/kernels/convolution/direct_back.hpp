#pragma once
#include <algorithm>
#include <cstdint>

#include <damo/ops/kernels/convolution/direct.hpp>
#include <damo/ops/kernels/convolution/laid_columns.hpp>
#include <damo/ops/kernels/convolution/problem.hpp>
#include <damo/ops/kernels/machine/scratch.hpp>

namespace damo {

/// The transposed map of a convolution without patches: that of its results with the filters turned
/// around, channels for filters. Rows of filters that meet nothing are left out.
template <class T>
class DirectBack {
 public:
  /// Where what is added beside the results costs less than patches do.
  static bool pay(const ConvolutionProblem<T>& p) {
    const auto more = [](std::int64_t image, std::int64_t results) {
      return static_cast<double>(image) / static_cast<double>(std::max<std::int64_t>(results, 1));
    };
    const double work =
        more(p.cols, p.out_cols) * (leaves_rows_out(p.cols) ? 1.0 : more(p.rows, p.out_rows));
    return p.plan.rows.stride == 1 && p.plan.cols.stride == 1 && !p.is_product() &&
           p.channels >= 4 && p.rows * p.cols > 8 && work <= 1.25;
  }

  DirectBack(const ConvolutionProblem<T>& p, const T* w)
      : plan_(turned(p)), p_(plan_, p), laid_(p_) {
    static thread_local Scratch filters, places;
    const std::int64_t patch = p_.patch(), element = p.filter_rows * p.filter_cols;
    auto* offsets = places.reserve<std::int64_t>(2 * patch);
    find_offsets(offsets, offsets + patch);
    T* packed = filters.reserve<T>(plan_.groups * p_.filters * patch);
    for (std::int64_t group = 0; group < plan_.groups; ++group) {
      pack_filters(p.filters_of(w, group), element, p_.filters, offsets + patch, patch,
                   packed + group * p_.filters * patch);
    }
    work_ = {p_.filters, patch, offsets, packed, p_.places()};
  }
  DirectBack(const DirectBack&) = delete;
  DirectBack& operator=(const DirectBack&) = delete;

  void run(const T* y, T* x, std::int64_t i) const {
    static thread_local Scratch memory;
    T* laid = memory.reserve<T>(laid_.size() + DirectConvolution<T>::slack);
    std::fill_n(laid + laid_.size(), DirectConvolution<T>::slack, T(0));
    for (std::int64_t group = 0; group < plan_.groups; ++group) {
      DirectConvolution<T> work = work_;
      work.packed += group * p_.filters * p_.patch();
      T* image = const_cast<T*>(p_.result(x, i, group));
      for (std::int64_t first = 0; first < p_.out_rows; first += laid_.rows_at_once()) {
        const std::int64_t end = std::min(first + laid_.rows_at_once(), p_.out_rows);
        laid_.lay(p_.image(y, i, group), first, end - first, laid);
        run_rows(work, laid, first, end, image);
      }
    }
  }

 private:
  /// Rows of filters that meet results, which are neighbours.
  struct Met {
    std::int64_t first, end;
    friend bool operator==(const Met&, const Met&) = default;
  };

  static bool leaves_rows_out(std::int64_t cols) { return cols >= 16; }

  static ConvolutionPlan turned(const ConvolutionProblem<T>& p) {
    ConvolutionPlan plan = p.plan;
    plan.flip = !plan.flip;
    plan.rows.before = (p.filter_rows - 1) * plan.rows.dilation - plan.rows.before;
    plan.cols.before = (p.filter_cols - 1) * plan.cols.dilation - plan.cols.before;
    return plan;
  }

  /// By rows of filters first; `order` is where the element of a channel's filters lies.
  void find_offsets(std::int64_t* offsets, std::int64_t* order) const {
    for (std::int64_t i = 0; i < p_.filter_rows; ++i) {
      for (std::int64_t f = 0; f < p_.channels; ++f) {
        for (std::int64_t j = 0; j < p_.filter_cols; ++j) {
          *offsets++ = laid_.offset(f, i, j);
          *order++ = (f * p_.filters * p_.filter_rows + i) * p_.filter_cols + j;
        }
      }
    }
  }

  Met met(std::int64_t row) const {
    if (!leaves_rows_out(p_.out_cols)) return {0, p_.filter_rows};
    const auto meets = [&](std::int64_t i) {
      const std::int64_t at = row - plan_.rows.before + laid_.down(i);
      return at >= 0 && at < p_.rows;
    };
    Met rows{0, p_.filter_rows};
    while (rows.first < rows.end && !meets(rows.first)) ++rows.first;
    while (rows.first < rows.end && !meets(rows.end - 1)) --rows.end;
    return rows;
  }

  /// Rows of an image one behind the other that meet the same rows of filters are made together.
  void run_rows(const DirectConvolution<T>& work, const T* laid, std::int64_t first,
                std::int64_t end, T* image) const {
    const std::int64_t elements = p_.channels * p_.filter_cols;
    for (std::int64_t row = first, next = 0; row < end; row = next) {
      const Met rows = met(row);
      for (next = row + 1; next < end && met(next) == rows;) ++next;
      work.run(laid + (row - first) * p_.out_cols, (next - row) * p_.out_cols,
               rows.first * elements, rows.end * elements, image + row * p_.out_cols);
    }
  }

  ConvolutionPlan plan_;
  ConvolutionProblem<T> p_;
  LaidColumns<T> laid_;
  DirectConvolution<T> work_;
};

}  // namespace damo
