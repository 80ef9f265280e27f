#include "reference.hpp"

#include <algorithm>
#include <cmath>

#include <damo/ops/kernels/philox.hpp>

namespace damo::test {
namespace {

using Position = std::vector<std::int64_t>;

/// A tensor of doubles by position.
struct Nd {
  Shape shape;
  std::vector<double> values;

  Nd(const Array& a) : shape(a.shape()) {
    const Array d = a.cast(float64);
    values.assign(d.data<double>(), d.data<double>() + d.elements());
  }
  explicit Nd(const Shape& s, double value = 0)
      : shape(s), values(static_cast<std::size_t>(s.elements()), value) {}
  double& operator()(const Position& at) {
    std::int64_t flat = 0;
    for (std::size_t i = 0; i < at.size(); ++i) flat = flat * shape[i] + at[i];
    return values.at(static_cast<std::size_t>(flat));
  }
  std::int64_t n(std::size_t axis) const { return shape[axis]; }
  Array array() const { return Array::from(values, shape); }
  std::int64_t integer(const Position& at) { return static_cast<std::int64_t>((*this)(at)); }
};

template <class F>
void each(const Shape& shape, F&& f) {
  Position at(shape.rank(), 0);
  for (std::int64_t i = 0; i < shape.elements(); ++i) {
    std::int64_t rest = i;
    for (std::size_t axis = shape.rank(); axis-- > 0; rest /= shape[axis]) {
      at[axis] = rest % shape[axis];
    }
    f(at);
  }
}

template <class F>
Array build(const Shape& shape, F&& f) {
  Nd out(shape);
  each(shape, [&](const Position& at) { out(at) = f(at); });
  return out.array();
}

using Scalars = std::function<double(const std::vector<double>&)>;

/// An elementwise function under broadcasting.
Reference elementwise(Scalars f) {
  return [f](const std::vector<Array>& in) {
    std::vector<Nd> x(in.begin(), in.end());
    Shape shape = x[0].shape;
    for (const Nd& operand : x) {
      for (std::size_t axis = 0; axis < operand.shape.rank(); ++axis) {
        if (operand.shape[axis] != 1) shape[axis] = operand.shape[axis];
      }
    }
    return build(shape, [&](const Position& at) {
      std::vector<double> arguments;
      for (Nd& operand : x) {
        Position own;
        for (std::size_t axis = 0; axis < operand.shape.rank(); ++axis) {
          own.push_back(operand.shape[axis] == 1 ? 0 : at[axis]);
        }
        arguments.push_back(operand(own));
      }
      return f(arguments);
    });
  };
}
Reference unary(double (*f)(double)) {
  return elementwise([f](const std::vector<double>& x) { return f(x[0]); });
}
Reference binary(double (*f)(double, double)) {
  return elementwise([f](const std::vector<double>& x) { return f(x[0], x[1]); });
}

double digamma(double x) {
  double sum = 0;
  for (int k = 0; k < 3000; ++k) sum -= 1 / (x + k);
  const double y = x + 3000;
  return sum + std::log(y) - 1 / (2 * y) - 1 / (12 * y * y);
}
double trigamma(double x) {
  double sum = 0;
  for (int k = 0; k < 3000; ++k) sum += 1 / ((x + k) * (x + k));
  const double y = x + 3000;
  return sum + 1 / y + 1 / (2 * y * y) + 1 / (6 * y * y * y);
}

void add_binary(std::map<std::string, Reference>& all) {
  using D = double;
  all["add"] = binary([](D a, D b) { return a + b; });
  all["sub"] = binary([](D a, D b) { return a - b; });
  all["mul"] = binary([](D a, D b) { return a * b; });
  all["div"] = binary([](D a, D b) { return a / b; });
  all["mod"] = binary([](D a, D b) { return a - b * std::floor(a / b); });
  all["floor_div"] = binary([](D a, D b) { return std::floor(a / b); });
  all["pow"] = binary([](D a, D b) { return std::pow(a, b); });
  all["atan2"] = binary([](D a, D b) { return std::atan2(a, b); });
  all["logaddexp"] = binary([](D a, D b) { return std::log(std::exp(a) + std::exp(b)); });
  all["xlogy0"] = binary([](D a, D b) { return a * std::log(b); });
  all["maximum"] = binary([](D a, D b) { return a > b ? a : b; });
  all["minimum"] = binary([](D a, D b) { return a < b ? a : b; });
  all["lt"] = binary([](D a, D b) { return D(a < b); });
  all["le"] = binary([](D a, D b) { return D(a <= b); });
  all["gt"] = binary([](D a, D b) { return D(a > b); });
  all["ge"] = binary([](D a, D b) { return D(a >= b); });
  all["eq"] = binary([](D a, D b) { return D(a == b); });
  all["neq"] = binary([](D a, D b) { return D(a != b); });
  all["and_"] = binary([](D a, D b) { return D(a != 0 && b != 0); });
  all["or_"] = binary([](D a, D b) { return D(a != 0 || b != 0); });
  all["xor_"] = binary([](D a, D b) { return D((a != 0) != (b != 0)); });
  all["where"] = elementwise([](const auto& x) { return x[0] != 0 ? x[1] : x[2]; });
  all["clip"] = elementwise([](const auto& x) { return std::min(std::max(x[0], x[1]), x[2]); });
}

void add_unary(std::map<std::string, Reference>& all) {
  using D = double;
  all["neg"] = unary([](D x) { return -x; });
  all["sqr"] = unary([](D x) { return x * x; });
  all["exp"] = unary([](D x) { return std::exp(x); });
  all["expm1"] = unary([](D x) { return std::expm1(x); });
  all["sigmoid"] = unary([](D x) { return 1 / (1 + std::exp(-x)); });
  all["softplus"] = unary([](D x) { return std::log1p(std::exp(x)); });
  all["sin"] = unary([](D x) { return std::sin(x); });
  all["cos"] = unary([](D x) { return std::cos(x); });
  all["tan"] = unary([](D x) { return std::tan(x); });
  all["arcsin"] = unary([](D x) { return std::asin(x); });
  all["arccos"] = unary([](D x) { return std::acos(x); });
  all["arctan"] = unary([](D x) { return std::atan(x); });
  all["sinh"] = unary([](D x) { return std::sinh(x); });
  all["cosh"] = unary([](D x) { return std::cosh(x); });
  all["tanh"] = unary([](D x) { return std::tanh(x); });
  all["erf"] = unary([](D x) { return std::erf(x); });
  all["erfc"] = unary([](D x) { return std::erfc(x); });
  all["abs"] = unary([](D x) { return std::abs(x); });
  all["relu"] = unary([](D x) { return std::max(x, 0.0); });
  all["reciprocal"] = unary([](D x) { return 1 / x; });
  all["sqrt"] = unary([](D x) { return std::sqrt(x); });
  all["log"] = unary([](D x) { return std::log(x); });
  all["log2"] = unary([](D x) { return std::log2(x); });
  all["log10"] = unary([](D x) { return std::log10(x); });
  all["log1p"] = unary([](D x) { return std::log1p(x); });
  all["log1mexp"] = unary([](D x) { return std::log(1 - std::exp(x)); });
  all["xlogx"] = unary([](D x) { return x * std::log(x); });
  all["gammaln"] = unary([](D x) { return std::log(std::tgamma(x)); });
  all["digamma"] = unary(digamma);
  all["trigamma"] = unary(trigamma);
  all["sign"] = unary([](D x) { return D(x > 0) - D(x < 0); });
  all["floor"] = unary([](D x) { return std::floor(x); });
  all["ceil"] = unary([](D x) { return std::ceil(x); });
  all["trunc"] = unary([](D x) { return std::trunc(x); });
  all["round"] = unary([](D x) { return std::nearbyint(x); });
  all["isnan"] = unary([](D x) { return D(x != x); });
  all["isinf"] = unary([](D x) { return D(std::isinf(x)); });
  all["not_"] = unary([](D x) { return D(x == 0); });
  all["cast to bool"] = unary([](D x) { return D(x != 0); });
  all["cast to int64"] = unary([](D x) { return std::trunc(x); });
  all["cast to float32"] = unary([](D x) { return D(static_cast<float>(x)); });
  all["cast to float64"] = unary([](D x) { return x; });
}

void add_shape(std::map<std::string, Reference>& all) {
  all["shape"] = [](const auto& in) { return Array::scalar(double(in[0].shape()[1])); };
  all["make_vector"] = [](const auto& in) {
    std::vector<double> v;
    for (const Array& a : in) v.push_back(a.template item<double>());
    return Array::from(v);
  };
  all["transpose"] = [](const auto& in) {
    Nd x(in[0]);
    return build({x.n(2), x.n(0), x.n(1)}, [&](const auto& i) { return x({i[1], i[2], i[0]}); });
  };
  all["dimshuffle"] = [](const auto& in) {
    Nd x(in[0]);
    return build({x.n(2), 1, x.n(0)}, [&](const auto& i) { return x({i[2], 0, i[0]}); });
  };
  all["broadcast_to"] = [](const auto& in) {
    Nd x(in[0]);
    return build({3, x.n(0), in[1].shape()[0]}, [&](const auto& i) { return x({i[1], 0}); });
  };
  all["specify_shape"] = [](const auto& in) { return in[0]; };
  all["reshape"] = [](const auto& in) {
    const Shape& s = in[0].shape();
    return in[0].reshaped({s[0] * s[2], s[1]});
  };
  all["reshape with one size open"] = [](const auto& in) {
    const Shape& s = in[0].shape();
    return in[0].reshaped({s[0], s[1] * s[2]});
  };
  all["concatenate"] = [](const auto& in) {
    Nd out({in[0].shape()[0] + in[1].shape()[0] + 1, in[0].shape()[1]});
    out.values.clear();
    for (const Array& a : in) {
      const Nd x(a);
      out.values.insert(out.values.end(), x.values.begin(), x.values.end());
    }
    return out.array();
  };
  all["concatenate along axis 1"] = [](const auto& in) {
    Nd a(in[0]);
    Nd b(in[1]);
    return build({a.n(0), a.n(1) + b.n(1)}, [&](const auto& i) {
      return i[1] < a.n(1) ? a(i) : b({i[0], i[1] - a.n(1)});
    });
  };
  all["arange"] = [](const auto& in) {
    std::vector<double> v;
    for (double x = in[0].template item<double>(), i = 0;;) {
      const double next = x + i++ * in[2].template item<double>();
      if (next >= in[1].template item<double>()) return Array::from(v);
      v.push_back(next);
    }
  };
  all["arange of int64"] = [](const auto& in) {
    std::vector<double> v;
    for (double x = in[0].template item<double>(); x > in[1].template item<double>(); x -= 2)
      v.push_back(x);
    return Array::from(v);
  };
}

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

void add_reductions(std::map<std::string, Reference>& all) {
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

double dot_at(Nd& a, Nd& b, const Position& row, const Position& col) {
  double total = 0;
  for (std::int64_t k = 0; k < b.n(0); ++k) {
    Position left = row;
    Position right{k};
    left.push_back(k);
    right.insert(right.end(), col.begin(), col.end());
    total += a(left) * b(right);
  }
  return total;
}

void add_products(std::map<std::string, Reference>& all) {
  all["dot of matrices"] = [](const auto& in) {
    Nd a(in[0]);
    Nd b(in[1]);
    return build({a.n(0), b.n(1)}, [&](const auto& i) { return dot_at(a, b, {i[0]}, {i[1]}); });
  };
  all["binary_dot"] = all["dot of matrices"];
  all["dot of vector and matrix"] = [](const auto& in) {
    Nd a(in[0]);
    Nd b(in[1]);
    return build({b.n(1)}, [&](const auto& i) { return dot_at(a, b, {}, {i[0]}); });
  };
  all["dot of matrix and vector"] = [](const auto& in) {
    Nd a(in[0]);
    Nd b(in[1]);
    return build({a.n(0)}, [&](const auto& i) { return dot_at(a, b, {i[0]}, {}); });
  };
  all["dot of vectors"] = [](const auto& in) {
    Nd a(in[0]);
    Nd b(in[1]);
    return Array::scalar(dot_at(a, b, {}, {}));
  };
  all["batched_dot"] = [](const auto& in) {
    Nd a(in[0]);
    Nd b(in[1]);
    return build({a.n(0), a.n(1), b.n(2)}, [&](const auto& i) {
      double total = 0;
      for (std::int64_t k = 0; k < a.n(2); ++k) total += a({i[0], i[1], k}) * b({i[0], k, i[2]});
      return total;
    });
  };
  const auto gemm = [](const auto& in) {
    Nd c(in[0]);
    Nd a(in[2]);
    Nd b(in[3]);
    const double alpha = in[1].template item<double>();
    const double beta = in[4].template item<double>();
    return build(c.shape, [&](const Position& i) {
      const Position row(i.begin(), i.end() - 1);
      return beta * c(i) + alpha * dot_at(a, b, row, {i.back()});
    });
  };
  all["gemm"] = gemm;
  all["gemm of a vector"] = gemm;
}

/// Python's range(*slice(start, stop, step).indices(n)) by its documented steps.
std::vector<std::int64_t> rows(std::int64_t n, std::int64_t start, std::int64_t stop,
                               std::int64_t step) {
  const auto moved = [&](std::int64_t bound) {
    if (bound < 0) bound += n;
    if (step > 0) return std::min(std::max<std::int64_t>(bound, 0), n);
    return std::min(std::max<std::int64_t>(bound, -1), n - 1);
  };
  std::vector<std::int64_t> all;
  for (std::int64_t i = moved(start), end = moved(stop); step > 0 ? i < end : i > end; i += step) {
    all.push_back(i);
  }
  return all;
}

std::int64_t wrapped(double index, std::int64_t n) {
  return static_cast<std::int64_t>(index) + (index < 0 ? n : 0);
}

void add_views(std::map<std::string, Reference>& all) {
  all["subtensor"] = [](const auto& in) {
    Nd x(in[0]);
    const std::int64_t i0 = wrapped(Nd(in[1])({}), x.n(0));
    const auto chosen = rows(x.n(1), Nd(in[2]).integer({}), 9, 2);
    return build({static_cast<std::int64_t>(chosen.size()), 1, x.n(2)}, [&](const auto& i) {
      return x({i0, chosen[static_cast<std::size_t>(i[0])], i[2]});
    });
  };
  all["subtensor backwards"] = [](const auto& in) {
    Nd x(in[0]);
    const auto chosen = rows(x.n(1), Nd(in[1]).integer({}), Nd(in[2]).integer({}), -1);
    return build({x.n(0), static_cast<std::int64_t>(chosen.size())}, [&](const auto& i) {
      return x({i[0], chosen[static_cast<std::size_t>(i[1])]});
    });
  };
  all["set_subtensor"] = [](const auto& in) {
    Nd x(in[0]);
    Nd y(in[1]);
    for (const std::int64_t j : rows(x.n(1), Nd(in[2]).integer({}), x.n(1), 1)) {
      for (std::int64_t i = 0; i < x.n(0); ++i) x({i, j}) = y({i, 0});
    }
    return x.array();
  };
  all["inc_subtensor"] = [](const auto& in) {
    Nd x(in[0]);
    Nd y(in[1]);
    const std::int64_t row = wrapped(Nd(in[2])({}), x.n(0));
    for (std::int64_t j = 0; j < x.n(1); ++j) x({row, j}) += y({j});
    return x.array();
  };
  all["slice_length"] = [](const auto& in) {
    const auto chosen =
        rows(Nd(in[0]).integer({}), Nd(in[1]).integer({}), Nd(in[2]).integer({}), 1);
    return Array::scalar(double(chosen.size()));
  };
}

void add_gathers(std::map<std::string, Reference>& all) {
  all["advanced_subtensor"] = [](const auto& in) {
    Nd x(in[0]);
    Nd at(in[1]);
    return build({x.n(0), at.n(0), at.n(1), x.n(2)}, [&](const auto& i) {
      return x({i[0], wrapped(at({i[1], i[2]}), x.n(1)), i[3]});
    });
  };
  all["advanced_subtensor with two index tensors"] = [](const auto& in) {
    Nd x(in[0]);
    Nd a(in[1]);
    Nd b(in[2]);
    return build({a.n(0), b.n(0), std::min<std::int64_t>(2, x.n(1))}, [&](const auto& i) {
      return x({wrapped(a({i[0], 0}), x.n(0)), i[2], wrapped(b({i[1]}), x.n(2))});
    });
  };
  const auto change = [](const std::vector<Array>& in, bool set) {
    Nd x(in[0]);
    Nd y(in[1]);
    Nd at(in[2]);
    for (std::int64_t k = 0; k < at.n(0); ++k) {
      for (std::int64_t j = 0; j < x.n(1); ++j) {
        double& slot = x({wrapped(at({k}), x.n(0)), j});
        slot = y({k, j}) + (set ? 0 : slot);
      }
    }
    return x.array();
  };
  all["advanced_set_subtensor"] = [=](const auto& in) { return change(in, true); };
  all["advanced_inc_subtensor"] = [=](const auto& in) { return change(in, false); };
  all["nonzero"] = [](const auto& in) {
    Nd x(in[0]);
    std::vector<double> columns;
    each(x.shape, [&](const Position& i) {
      if (x(i) != 0) columns.push_back(double(i[1]));
    });
    return Array::from(columns);
  };
}

void add_others(std::map<std::string, Reference>& all) {
  all["Assert"] = [](const auto& in) { return in[0]; };
  all["disconnected_grad"] = [](const auto& in) { return in[0]; };
  all["ifelse"] = [](const auto& in) { return in[0].template item<bool>() ? in[1] : in[2]; };
  all["op_from_graph"] = binary([](double a, double b) { return std::tanh(a * b) + a; });
  all["scan"] = [](const auto& in) {
    Nd x(in[0]);
    Nd h(in[1]);
    Nd out(x.shape);
    for (std::int64_t t = 0; t < x.n(0); ++t) {
      for (std::int64_t j = 0; j < x.n(1); ++j) {
        h({j}) = std::tanh(h({j}) + x({t, j}) * h({j}));
        out({t, j}) = h({j});
      }
    }
    return out.array();
  };
  all["draw"] = [](const auto& in) {
    std::uint32_t element = 0;
    return build({in[0].shape()[0], in[1].shape()[0]}, [&](const Position&) {
      const auto words = philox4x32({element++, 0, 0, 0}, {7, 0});
      const std::uint64_t high = (std::uint64_t{words[0]} << 32U | words[1]) >> 11U;
      return std::ldexp(static_cast<double>(high), -53);
    });
  };
}

}  // namespace

const std::map<std::string, Reference>& references() {
  static const std::map<std::string, Reference> table = [] {
    std::map<std::string, Reference> all;
    add_binary(all);
    add_unary(all);
    add_shape(all);
    add_reductions(all);
    add_products(all);
    add_views(all);
    add_gathers(all);
    add_others(all);
    return all;
  }();
  return table;
}

}  // namespace damo::test
