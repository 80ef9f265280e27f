#include <damo/ops/convolution/convolution.hpp>

#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/arranging/turns.hpp>
#include <damo/ops/convolution/convolve.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/shape/axes.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

void check(const char* who, const Conv2dOptions& options) {
  const auto all = [](const std::array<int, 2>& pair, int least) {
    return pair[0] >= least && pair[1] >= least;
  };
  if (!all(options.stride, 1) || !all(options.dilation, 1) || options.groups < 1 ||
      (options.padding && !all(*options.padding, 0))) {
    throw ShapeError(
        fmt::format("{}: strides, dilations and groups must be positive, and padding "
                    "not negative, at {}",
                    who, to_string(SiteScope::or_else({}))));
  }
}

void check_transposed(const char* who, const Conv2dOptions& options,
                      const std::array<int, 2>& more) {
  check(who, options);
  for (std::size_t i = 0; i < 2; ++i) {
    if (more[i] < 0 || more[i] >= options.stride[i]) {
      throw ShapeError(
          fmt::format("{}: {} more rows or columns do not lie within a stride of {}, at {}", who,
                      more[i], options.stride[i], to_string(SiteScope::or_else({}))));
    }
  }
}

/// Two operands in one float dtype.
std::pair<Var, Var> floats(const char* who, const Arg& a, const Arg& b, std::size_t rank) {
  const Var left = a.var(), right = b.var();
  if (left.ndim() != rank || right.ndim() != rank) {
    throw ShapeError(fmt::format("{}: expected {} axes each, at {}\n  left   {}\n  right  {}", who,
                                 rank, to_string(SiteScope::or_else({})), describe(left),
                                 describe(right)));
  }
  DType dtype = promote(left.dtype(), right.dtype());
  if (!is_float(dtype)) dtype = floatX();
  const auto in = [&](const Var& v) { return v.dtype() == dtype ? v : cast(v, dtype); };
  return {in(left), in(right)};
}

/// Whether a filter of even size laid on as it is has one place more before it than after it:
/// NumPy's choice along one axis, where SciPy's `correlate2d` has one less.
bool leans_on(const Conv1dOptions& options, const Var& filters) {
  if (options.filter_flip || options.padding || options.border != Border::same) return false;
  const std::int64_t size = filters.type().dims[2];
  return size == unknown || (size - 1) * options.dilation % 2 != 0;
}

/// Sequences as images of one row.
Conv2dOptions in_a_row(const Conv1dOptions& options) {
  Conv2dOptions wide{.border = options.border,
                     .stride = {1, options.stride},
                     .dilation = {1, options.dilation},
                     .groups = options.groups,
                     .filter_flip = options.filter_flip};
  if (options.padding) wide.padding = std::array{0, *options.padding};
  return wide;
}
Var as_row(const Var& x) { return expand_dims(x, 2); }
Var without_row(const Var& x) { return squeeze(x, 2); }

}  // namespace

Var conv2d(const Arg& images, const Arg& filters, const Conv2dOptions& options) {
  const SiteScope scope(SiteScope::or_else(images.site()));
  check("conv2d", options);
  const auto [x, w] = floats("conv2d", images, filters, 4);
  return make_var(std::make_shared<Convolve>(Convolve::Kind::result, options), {x, w});
}

Var conv1d(const Arg& sequences, const Arg& filters, const Conv1dOptions& options) {
  const SiteScope scope(SiteScope::or_else(sequences.site()));
  Conv2dOptions wide = in_a_row(options);
  check("conv1d", wide);
  auto [x, w] = floats("conv1d", sequences, filters, 3);
  if (leans_on(options, w)) {
    // As a turned filter that is turned again lies.
    w = flip(w, -1);
    wide.filter_flip = true;
  }
  return without_row(conv2d(as_row(x), as_row(w), wide));
}

Var correlate2d(const Arg& images, const Arg& filters, Conv2dOptions options) {
  options.filter_flip = false;
  const SiteScope scope(SiteScope::or_else(images.site()));
  return conv2d(images, filters, options);
}
Var correlate1d(const Arg& sequences, const Arg& filters, Conv1dOptions options) {
  options.filter_flip = false;
  const SiteScope scope(SiteScope::or_else(sequences.site()));
  return conv1d(sequences, filters, options);
}

Var conv2d_transpose(const Arg& images, const Arg& filters, const Conv2dOptions& options,
                     std::array<int, 2> more) {
  const SiteScope scope(SiteScope::or_else(images.site()));
  check_transposed("conv2d_transpose", options, more);
  const auto [y, w] = floats("conv2d_transpose", images, filters, 4);
  const auto op = std::make_shared<Convolve>(Convolve::Kind::images, options);
  const auto size = [&](std::size_t i) {
    return op->image_size(i, size_at(y, 2 + i), size_at(w, 2 + i)) + more[i];
  };
  return make_var(op, {y, w, size(0), size(1)});
}

Var conv1d_transpose(const Arg& sequences, const Arg& filters, const Conv1dOptions& options,
                     int more) {
  const SiteScope scope(SiteScope::or_else(sequences.site()));
  const Conv2dOptions row = in_a_row(options);
  check_transposed("conv1d_transpose", row, {0, more});
  const auto [y, w] = floats("conv1d_transpose", sequences, filters, 3);
  const Var wide = conv2d_transpose(as_row(y), as_row(w), row, {0, more});
  return without_row(wide);
}

}  // namespace damo
