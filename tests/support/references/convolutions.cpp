#include "tests/support/references/convolutions.hpp"

#include "tests/support/references/nd.hpp"
#include "tests/support/references/references.hpp"

namespace damo::test {

Array convolved(const Array& images, const Array& filters, const ConvolutionCase& c) {
  Nd x(images), w(filters);
  ConvolutionCase::Pair places{};
  for (std::size_t i = 0; i < 2; ++i) {
    const std::int64_t room =
        x.n(2 + i) + c.before[i] + c.after[i] - ((w.n(2 + i) - 1) * c.dilation[i] + 1);
    places[i] = room / c.stride[i] + 1;
  }
  const std::int64_t in_group = w.n(0) / c.groups;
  const auto element = [&](std::int64_t i, std::int64_t n) { return c.flip ? n - 1 - i : i; };
  return build({x.n(0), w.n(0), places[0], places[1]}, [&](const Position& at) {
    double total = 0;
    for (std::int64_t channel = 0; channel < w.n(1); ++channel) {
      for (std::int64_t i = 0; i < w.n(2); ++i) {
        for (std::int64_t j = 0; j < w.n(3); ++j) {
          const std::int64_t row = at[2] * c.stride[0] + i * c.dilation[0] - c.before[0];
          const std::int64_t col = at[3] * c.stride[1] + j * c.dilation[1] - c.before[1];
          if (row < 0 || row >= x.n(2) || col < 0 || col >= x.n(3)) continue;
          total += x({at[0], at[1] / in_group * w.n(1) + channel, row, col}) *
                   w({at[1], channel, element(i, w.n(2)), element(j, w.n(3))});
        }
      }
    }
    return total;
  });
}

namespace {

/// Calls `f` with where each element of each window of 2 by 3, (1, 2) apart, lies.
template <class F>
void each_window(const Nd& x, F&& f) {
  for (std::int64_t b = 0; b < x.n(0); ++b) {
    for (std::int64_t r = 0; r + 2 <= x.n(1); ++r) {
      for (std::int64_t q = 0; 2 * q + 3 <= x.n(2); ++q) {
        for (std::int64_t i = 0; i < 2; ++i) {
          for (std::int64_t j = 0; j < 3; ++j) f(Position{b, r + i, 2 * q + j});
        }
      }
    }
  }
}

}  // namespace

void add_convolutions(References& all) {
  all["convolve"] = [](const auto& in) {
    const ConvolutionCase::Pair reach{in[1].shape()[2] - 1, in[1].shape()[3] - 1};
    return convolved(in[0], in[1], {.before = reach, .after = reach});
  };
  all["convolve, strided"] = [](const auto& in) {
    return convolved(
        in[0], in[1],
        {.before = {3, 4}, .after = {3, 4}, .stride = {2, 1}, .dilation = {1, 2}, .flip = false});
  };
  all["convolve_images"] = [](const auto& in) {
    Nd y(in[0]), w(in[1]);
    Nd x({y.n(0), w.n(1), y.n(2) + w.n(2) - 1, y.n(3) + w.n(3) - 1});
    each(y.shape, [&](const Position& at) {
      for (std::int64_t c = 0; c < w.n(1); ++c) {
        for (std::int64_t i = 0; i < w.n(2); ++i) {
          for (std::int64_t j = 0; j < w.n(3); ++j) {
            x({at[0], c, at[2] + w.n(2) - 1 - i, at[3] + w.n(3) - 1 - j}) +=
                y(at) * w({at[1], c, i, j});
          }
        }
      }
    });
    return x.array();
  };
  all["convolve_filters"] = [](const auto& in) {
    Nd x(in[0]), y(in[1]);
    return build({y.n(1), x.n(1), 1, 1}, [&](const Position& at) {
      double total = 0;
      for (std::int64_t b = 0; b < x.n(0); ++b) {
        for (std::int64_t r = 0; r < x.n(2); ++r) {
          for (std::int64_t q = 0; q < x.n(3); ++q)
            total += x({b, at[1], r, q}) * y({b, at[0], r, q});
        }
      }
      return total;
    });
  };
  all["windows"] = [](const auto& in) {
    Nd x(in[0]);
    const std::int64_t rows = std::max<std::int64_t>(x.n(1) - 1, 0);
    const std::int64_t cols = x.n(2) < 3 ? 0 : (x.n(2) - 1) / 2;
    Nd out({x.n(0), rows, cols, 2, 3});
    std::size_t next = 0;
    each_window(x, [&](const Position& at) { out.values[next++] = x(at); });
    return out.array();
  };
  all["window_sums"] = [](const auto& in) {
    Nd x(in[0]);
    Nd out(x.shape);
    each_window(x, [&](const Position& at) { out(at) += x(at); });
    return out.array();
  };
}

}  // namespace damo::test
