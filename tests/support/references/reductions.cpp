#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/support/references/nd.hpp"
#include "tests/support/references/references.hpp"

namespace damo::test {
namespace {

/// Folds axes (in `reduced`) of a tensor of rank 1 to 3 by `f`, starting from `start`.
Array fold(Nd x, const std::vector<bool>& reduced, bool keepdims, double start,
           double (*f)(double, double)) {
  Shape shape;
  for (std::size_t axis = 0; axis < reduced.size(); ++axis) {
    if (!reduced[axis]) shape.push_back(x.n(axis));
    if (reduced[axis] && keepdims) shape.push_back(1);
  }
  Nd out(shape, start);
  each(x.shape, [&](const Position& at) {
    Position to;
    for (std::size_t axis = 0; axis < reduced.size(); ++axis) {
      if (!reduced[axis]) to.push_back(at[axis]);
      if (reduced[axis] && keepdims) to.push_back(0);
    }
    out(to) = f(out(to), x(at));
  });
  return out.array();
}

/// exp(x) summed over the axes in `reduced`, per element.
double exp_total(Nd& x, const Position& at, const std::vector<bool>& reduced) {
  double total = 0;
  each(x.shape, [&](const Position& other) {
    for (std::size_t axis = 0; axis < at.size(); ++axis) {
      if (!reduced[axis] && other[axis] != at[axis]) return;
    }
    total += std::exp(x(other));
  });
  return total;
}

}  // namespace

void add_reductions(References& all) {
  using D = double;
  constexpr double inf = std::numeric_limits<double>::infinity();
  const auto plus = [](D a, D b) { return a + b; };
  all["sum"] = [=](const auto& in) { return fold(in[0], {true, false, true}, false, 0, plus); };
  all["sum with keepdims"] = [=](const auto& in) {
    return fold(in[0], {false, true, false}, true, 0, plus);
  };
  all["prod"] = [](const auto& in) {
    return fold(in[0], {true, false, true}, false, 1, [](D a, D b) { return a * b; });
  };
  all["max"] = [](const auto& in) {
    return fold(in[0], {false, true}, false, -inf, [](D a, D b) { return std::max(a, b); });
  };
  all["min"] = [](const auto& in) {
    return fold(in[0], {true, true}, false, inf, [](D a, D b) { return std::min(a, b); });
  };
  all["any"] = [](const auto& in) {
    return fold(in[0], {true, false}, false, 0, [](D a, D b) { return std::max(a, b); });
  };
  all["all"] = [](const auto& in) {
    return fold(in[0], {false, true}, false, 1, [](D a, D b) { return std::min(a, b); });
  };
  all["argmax"] = [](const auto& in) {
    Nd x(in[0]);
    return build({x.n(0)}, [&](const auto& i) {
      std::int64_t best = 0;
      for (std::int64_t j = 1; j < x.n(1); ++j) {
        if (x({i[0], j}) > x({i[0], best})) best = j;
      }
      return D(best);
    });
  };
  all["argmin"] = [](const auto& in) {
    const Nd x(in[0]);
    const auto best = std::min_element(x.values.begin(), x.values.end());
    return Nd({1, 1}, D(best - x.values.begin())).array();
  };
  all["product_of_others"] = [](const auto& in) {
    Nd x(in[0]);
    return build(x.shape, [&](const auto& i) {
      double product = 1;
      for (std::int64_t j = 0; j < x.n(1); ++j) product *= j == i[1] ? 1 : x({i[0], j});
      return product;
    });
  };
  all["cumsum"] = [](const auto& in) {
    Nd x(in[0]);
    return build(x.shape, [&](const auto& i) {
      double total = 0;
      for (std::int64_t j = 0; j <= i[1]; ++j) total += x({i[0], j, i[2]});
      return total;
    });
  };
  all["running_log_sum"] = [](const auto& in) {
    Nd x(in[0]);
    return build(x.shape, [&](const auto& i) {
      double total = 0;
      for (std::int64_t j = 0; j <= i[1]; ++j) total += std::exp(x({i[0], j, i[2]}));
      return std::log(total);
    });
  };
  all["softmax"] = [](const auto& in) {
    Nd x(in[0]);
    return build(x.shape, [&](const auto& i) {
      return std::exp(x(i)) / exp_total(x, i, {true, false, true});
    });
  };
  all["log_softmax"] = [](const auto& in) {
    Nd x(in[0]);
    return build(x.shape, [&](const auto& i) {
      return x(i) - std::log(exp_total(x, i, {false, true}));
    });
  };
  all["logsumexp"] = [](const auto& in) {
    Nd x(in[0]);
    return build({x.n(1)}, [&](const auto& i) {
      return std::log(exp_total(x, {0, i[0]}, {true, false}));
    });
  };
}

}  // namespace damo::test
