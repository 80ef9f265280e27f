#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/common/operands.hpp>
#include <damo/ops/convolution/convolution.hpp>
#include <damo/ops/convolution/windows.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/shape/size_check.hpp>

namespace damo {
namespace {

using Pair = std::array<int, 2>;

/// The zeros, or other values, around the last two axes: in front and altogether.
struct Frame {
  Pair before{0, 0};
  Vars rows_and_cols;  ///< sizes with the frame
};

Var framed(const Var& x, const Frame& frame, double value) {
  Vars wanted = sizes(x);
  std::vector<Index> inside(x.ndim() - 2, all());
  for (std::size_t i = 0; i < 2; ++i) {
    const std::size_t axis = x.ndim() - 2 + i;
    inside.emplace_back(range(frame.before[i], wanted[axis] + frame.before[i]));
    wanted[axis] = frame.rows_and_cols[i];
  }
  const Var empty = full(wanted, Arg(value).var(x.dtype()));
  return set_subtensor(index_with(empty, inside, x.site()), x);
}

class Pooling {
 public:
  Pooling(const char* who, const Arg& x, Pair window, const Pool2dOptions& options)
      : x_(as_float(x)),
        window_(window),
        stride_(options.stride.value_or(window)),
        options_(options) {
    const auto least = [](const Pair& p, int n) { return p[0] >= n && p[1] >= n; };
    std::string wrong;
    if (x_.ndim() < 2) {
      wrong = "expected two axes at least";
    } else if (!least(window_, 1) || !least(stride_, 1) || !least(options.padding, 0)) {
      wrong = "windows and strides must be positive, and padding not negative";
    } else if (options.padding[0] >= window[0] || options.padding[1] >= window[1]) {
      wrong = "padding must be smaller than the window";
    } else if (!options.ignore_border && options.padding != Pair{0, 0}) {
      wrong = "padding does not go with ignore_border = false";
    }
    if (!wrong.empty()) throw ShapeError(fmt::format("{}: {}, got {}", who, wrong, describe(x_)));
  }

  Var largest() const {
    return max(windows(x_, -std::numeric_limits<double>::infinity()), {-2, -1});
  }
  Var average() const {
    if (options_.ignore_border && (options_.count_padding || options_.padding == Pair{0, 0}))
      return mean(windows(x_, 0), {-2, -1});
    const Var one = ones(Vars{size_of(0), size_of(1)}, x_.dtype());
    return sum(windows(x_, 0), {-2, -1}) / sum(windows(one, 0), {-2, -1});
  }

 private:
  Var size_of(std::size_t i) const { return size_at(x_, x_.ndim() - 2 + i); }

  Var windows(const Var& x, double around) const {
    const bool framed_in = !options_.ignore_border || options_.padding != Pair{0, 0};
    return windows_of(framed_in ? framed(x, frame(), around) : x, window_, stride_);
  }

  Frame frame() const {
    if (options_.ignore_border) {
      return {options_.padding,
              {size_of(0) + 2 * options_.padding[0], size_of(1) + 2 * options_.padding[1]}};
    }
    Frame f;
    for (std::size_t i = 0; i < 2; ++i) {
      const Var n = size_of(i);
      const int step = stride_[i], size = window_[i];
      // As many as begin inside, until one reaches the end.
      const Var places = step >= size
                             ? floor_div(n + (step - 1), step)
                             : minimum(floor_div(maximum(n - size, 0) + (step - 1), step) + 1, n);
      f.rows_and_cols.push_back(maximum(n, (places - 1) * step + size));
    }
    return f;
  }

  Var x_;
  Pair window_, stride_;
  Pool2dOptions options_;
};

}  // namespace

Var max_pool2d(const Arg& x, std::array<int, 2> window, const Pool2dOptions& options) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  return Pooling("max_pool2d", x, window, options).largest();
}

Var mean_pool2d(const Arg& x, std::array<int, 2> window, const Pool2dOptions& options) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  return Pooling("mean_pool2d", x, window, options).average();
}

ProbabilisticPool probabilistic_max_pool2d(const Arg& x, std::array<int, 2> block) {
  const Site site = SiteScope::or_else(x.site());
  const SiteScope scope(site);
  const char* who = "probabilistic_max_pool2d";
  const Var v = as_float(x);
  if (v.ndim() < 2 || v.ndim() + 2 > max_rank || block[0] < 1 || block[1] < 1) {
    throw ShapeError(fmt::format("{}: expected two axes at least and a positive block, got {}", who,
                                 describe(v)));
  }
  // (..., rows, columns) as (..., blocks, rows of a block, blocks, columns of a block).
  Vars blocks = sizes(v);
  Vars checks;
  const Var cols = blocks.back();
  const Var rows = blocks[blocks.size() - 2];
  for (const auto& [n, b] : {std::pair(rows, block[0]), std::pair(cols, block[1])}) {
    if (const auto known = scalar_constant(n)) {
      if (static_cast<std::int64_t>(*known) % b == 0) continue;
      throw ShapeError(fmt::format("{}: blocks of {} do not fill {}", who, b, describe(v)));
    }
    checks.push_back(size_check(Demand::Kind::equal, n % b, int_constant(0), who, {v}, site));
  }
  blocks.resize(blocks.size() - 2);
  blocks.insert(blocks.end(), {floor_div(rows, block[0]), int_constant(block[0]),
                               floor_div(cols, block[1]), int_constant(block[1])});
  const Var split = reshape(checks.empty() ? v : after_checks(v, checks), blocks);
  const Var total = logsumexp(split, {-3, -1}, {.keepdims = true});
  const Var hidden = exp(split - softplus(total));
  return {reshape(hidden, sizes(v)), sigmoid(logsumexp(split, {-3, -1}))};
}

}  // namespace damo
