#include <fmt/format.h>

#include <array>
#include <cmath>
#include <limits>
#include <random>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/evaluate.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/gradient/verify_grad.hpp>
#include <damo/ops/reduction/reductions.hpp>

namespace damo {
namespace {

using Generator = std::mt19937_64;

Array random_array(const Shape& shape, Generator& rng) {
  std::uniform_real_distribution<double> uniform(0.2, 1.0);
  Array a(DType::float64, shape);
  for (std::int64_t i = 0; i < a.elements(); ++i) {
    const double sign = (rng() & 1U) != 0 ? 1 : -1;
    a.data<double>()[i] = sign * uniform(rng);
  }
  return a;
}

double inner(const Array& a, const Array& b) {
  double total = 0;
  for (std::int64_t i = 0; i < a.elements(); ++i)
    total += a.data<double>()[i] * b.data<double>()[i];
  return total;
}

struct Estimate {
  double value = 0;
  double error = std::numeric_limits<double>::infinity();
};

/// The derivative of `f` at 0 from central differences of shrinking step, extrapolated (Ridders,
/// "Accurate computation of F'(x) and F'(x)F''(x)", 1982).
template <class F>
Estimate derivative(F&& f, double step) {
  constexpr std::size_t rows = 7;
  constexpr double shrink = 1.7;
  std::array<std::array<double, rows>, rows> table{};
  Estimate best;
  for (std::size_t i = 0; i < rows; ++i, step /= shrink) {
    table[0][i] = (f(step) - f(-step)) / (2 * step);
    double factor = shrink * shrink;
    for (std::size_t j = 1; j <= i; ++j, factor *= shrink * shrink) {
      table[j][i] = (table[j - 1][i] * factor - table[j - 1][i - 1]) / (factor - 1);
      const double error = std::max(std::abs(table[j][i] - table[j - 1][i]),
                                    std::abs(table[j][i] - table[j - 1][i - 1]));
      if (error < best.error) best = {table[j][i], error};
    }
  }
  return best;
}

std::string position_text(std::int64_t flat, const Shape& shape) {
  Shape position = shape;
  for (std::size_t axis = shape.rank(); axis-- > 0;) {
    position[axis] = flat % shape[axis];
    flat /= shape[axis];
  }
  return to_string(position);
}

/// One output, its differentiable inputs and their values.
class Check {
 public:
  Check(const Var& output, const Vars& inputs, const std::vector<Array>& points,
        const VerifyGradOptions& options)
      : output_(output), options_(options), rng_(options.seed) {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      bindings_.emplace_back(inputs[i], points[i]);
      if (inputs[i].dtype() == DType::float64) moving_.push_back(i);
    }
  }

  void run() {
    const Array value = evaluate(output_, bindings_);
    check_finite(value, "the value");
    for (int i = 0; i < options_.projections; ++i) {
      const Array projection = random_array(value.shape(), rng_);
      const Var cost = sum(output_ * constant(projection));
      const Vars gradients = grad(cost, moving(), {.disconnected_inputs = Disconnected::ignore});
      const std::vector<Array> slopes = evaluate(gradients, bindings_);
      check_shapes(slopes);
      check_direction(projection, slopes);
      if (i == 0 && n_elements() <= options_.elements) check_elements(projection, slopes);
      if (i == 0 && options_.forward_mode) check_forward(projection, slopes);
      if (i == 0 && options_.second_order) check_second_order(gradients);
    }
  }

 private:
  Vars moving() const {
    Vars vars;
    for (const std::size_t i : moving_) vars.push_back(bindings_[i].first);
    return vars;
  }
  std::int64_t n_elements() const {
    std::int64_t n = 0;
    for (const std::size_t i : moving_) n += bindings_[i].second.elements();
    return n;
  }

  void check_finite(const Array& a, const std::string& what) const {
    for (std::int64_t i = 0; i < a.elements(); ++i) {
      if (std::isfinite(a.data<double>()[i])) continue;
      throw NumericError(fmt::format("verify_grad: {} of {} is {} at element {}", what,
                                     pprint(output_, 4), a.data<double>()[i],
                                     position_text(i, a.shape())));
    }
  }

  void check_shapes(const std::vector<Array>& slopes) const {
    for (std::size_t k = 0; k < moving_.size(); ++k) {
      const Shape& expected = bindings_[moving_[k]].second.shape();
      if (slopes[k].shape() != expected) {
        throw ShapeError(fmt::format(
            "verify_grad: the gradient of {} with respect to input {} has "
            "shape {} instead of {}",
            pprint(output_, 4), moving_[k], to_string(slopes[k].shape()), to_string(expected)));
      }
      check_finite(slopes[k], fmt::format("the gradient with respect to input {}", moving_[k]));
    }
  }

  double projected(const Array& projection) const {
    return inner(evaluate(output_, bindings_), projection);
  }

  void compare(double analytic, const Estimate& numeric, const std::string& where) const {
    const double scale = std::max({1.0, std::abs(analytic), std::abs(numeric.value)});
    const double error = std::abs(analytic - numeric.value);
    if (error <= options_.rel_tol * scale + 10 * std::min(numeric.error, 1e-3 * scale)) return;
    throw NumericError(
        fmt::format("verify_grad: the derivative of {} {} is {:.12g}, finite differences say "
                    "{:.12g} (+- {:.1g})",
                    pprint(output_, 4), where, analytic, numeric.value, numeric.error));
  }

  /// Along one random direction of all inputs at once.
  void check_direction(const Array& projection, const std::vector<Array>& slopes) {
    double analytic = 0;
    std::vector<Array> directions;
    std::vector<Array> origin;
    for (std::size_t k = 0; k < moving_.size(); ++k) {
      origin.push_back(bindings_[moving_[k]].second);
      directions.push_back(random_array(origin[k].shape(), rng_));
      analytic += inner(slopes[k], directions[k]);
    }
    const auto moved = [&](double t) {
      for (std::size_t k = 0; k < moving_.size(); ++k) {
        double* x = bindings_[moving_[k]].second.data<double>();
        for (std::int64_t i = 0; i < origin[k].elements(); ++i) {
          x[i] = origin[k].data<double>()[i] + t * directions[k].data<double>()[i];
        }
      }
      return projected(projection);
    };
    const Estimate numeric = derivative(moved, options_.eps / 2);
    moved(0);
    compare(analytic, numeric, "along a random direction");
  }

  /// Element by element; reports the worst.
  void check_elements(const Array& projection, const std::vector<Array>& slopes) {
    struct Worst {
      double excess = 0;
      double analytic = 0;
      Estimate numeric{};
      std::string where{};
    } worst;
    for (std::size_t k = 0; k < moving_.size(); ++k) {
      Array& point = bindings_[moving_[k]].second;
      for (std::int64_t i = 0; i < point.elements(); ++i) {
        double& x = point.data<double>()[i];
        const double origin = x;
        const Estimate numeric = derivative(
            [&](double t) {
              x = origin + t;
              return projected(projection);
            },
            options_.eps * std::max(0.5, std::abs(origin)));
        x = origin;
        const double analytic = slopes[k].data<double>()[i];
        const double excess =
            std::abs(analytic - numeric.value) / std::max(1.0, std::abs(analytic));
        if (excess <= worst.excess) continue;
        worst = {excess, analytic, numeric,
                 fmt::format("with respect to element {} of input {}",
                             position_text(i, point.shape()), moving_[k])};
      }
    }
    if (worst.excess > 0) compare(worst.analytic, worst.numeric, worst.where);
  }

  void check_forward(const Array& projection, const std::vector<Array>& slopes) {
    double reverse = 0;
    Vars tangents;
    for (std::size_t k = 0; k < moving_.size(); ++k) {
      const Array t = random_array(slopes[k].shape(), rng_);
      reverse += inner(slopes[k], t);
      tangents.push_back(constant(t));
    }
    const Array pushed = evaluate(Rop(Vars{output_}, moving(), tangents), bindings_).front();
    if (pushed.shape() != projection.shape()) {
      throw ShapeError(fmt::format(
          "verify_grad: forward mode through {} has shape {} instead of {}", pprint(output_, 4),
          to_string(pushed.shape()), to_string(projection.shape())));
    }
    const double forward = inner(pushed, projection);
    if (std::abs(forward - reverse) > 1e-9 * std::max(1.0, std::abs(reverse))) {
      throw NumericError(
          fmt::format("verify_grad: forward mode through {} gives {:.12g}, reverse "
                      "mode {:.12g}",
                      pprint(output_, 4), forward, reverse));
    }
  }

  void check_second_order(const Vars& gradients) {
    Var total;
    for (const Var& g : gradients) {
      const Array value = evaluate(g, bindings_);
      const Var part = sum(g * constant(random_array(value.shape(), rng_)));
      total = total.defined() ? total + part : part;
    }
    if (!total.defined()) return;
    VerifyGradOptions again = options_;
    again.second_order = false;
    again.projections = 1;
    std::vector<Array> points;
    Vars inputs;
    for (const auto& [v, value] : bindings_) {
      inputs.push_back(v);
      points.push_back(value);
    }
    Check(total, inputs, points, again).run();
  }

  Var output_;
  VerifyGradOptions options_;
  Generator rng_;
  std::vector<std::pair<Var, Array>> bindings_;
  std::vector<std::size_t> moving_;
};

}  // namespace

void verify_grad(const Var& output, const Vars& inputs, const std::vector<Array>& points,
                 const VerifyGradOptions& options) {
  if (output.dtype() != DType::float64) {
    throw TypeError(
        fmt::format("verify_grad: expected a float64 output, got {}", describe(output)));
  }
  if (inputs.size() != points.size()) {
    throw GraphError(
        fmt::format("verify_grad: {} inputs and {} points", inputs.size(), points.size()));
  }
  Check(output, inputs, points, options).run();
}

namespace detail {

std::vector<Array> in_float64(std::vector<Array> points) {
  for (Array& a : points) {
    if (is_float(a.dtype())) a = a.cast(DType::float64);
  }
  return points;
}

Vars inputs_for(const std::vector<Array>& points) {
  Vars inputs;
  for (const Array& a : points) {
    TensorType type{a.dtype(), a.shape()};
    for (std::int64_t& n : type.dims) n = n == 1 ? 1 : unknown;
    inputs.push_back(input(type, fmt::format("x{}", inputs.size())));
  }
  return inputs;
}

}  // namespace detail
}  // namespace damo
