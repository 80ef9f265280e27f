#include <damo/ops/common/registry_parts.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/random/stream_draws.hpp>

namespace damo {
namespace {

using Unary = Var (*)(const Arg&);
using Binary = Var (*)(const Arg&, const Arg&);

OpEntry unary(std::string name, Unary f, double low = -2, double high = 2) {
  return {.name = std::move(name),
          .inputs = {{.dims = "mn", .low = low, .high = high}},
          .apply = [f](const Vars& in) { return f(in[0]); }};
}
/// A function whose derivative is zero almost everywhere, or that returns no float.
OpEntry step(std::string name, Unary f) {
  OpEntry entry = unary(std::move(name), f);
  entry.differentiable = false;
  return entry;
}
OpEntry binary(std::string name, Binary f, OpInput a, OpInput b) {
  a.dims = "1n";
  b.dims = "mn";
  return {.name = std::move(name), .inputs = {a, b}, .apply = [f](const Vars& in) {
            return f(in[0], in[1]);
          }};
}
/// Of integers, so that equal values occur.
OpEntry comparison(std::string name, Binary f, DType dtype = DType::int64) {
  const OpInput operand{.low = -1, .high = 1, .dtype = dtype};
  OpEntry entry = binary(std::move(name), f, operand, operand);
  entry.differentiable = false;
  return entry;
}
OpEntry conversion(DType to) {
  OpEntry entry{.name = "cast to " + std::string(name(to)),
                .inputs = {{.dims = "mn", .dtype = to == DType::float64 ? float32 : float64}},
                .apply = [to](const Vars& in) { return cast(in[0], to); }};
  entry.differentiable = false;
  return entry;
}

void add_draw_derivatives(std::vector<OpEntry>& list) {
  const OpInput shape{.dims = "1n", .low = 0.3, .high = 4};
  const OpInput other{.dims = "", .low = 0.3, .high = 4};
  list.push_back({.name = "gamma_derivative",
                  .inputs = {shape, {.dims = "mn", .low = 0.1, .high = 5}},
                  .apply = [](const Vars& in) { return gamma_derivative(in[0], in[1]); },
                  .differentiable = false});
  using Beta = Var (*)(const Arg&, const Arg&, const Arg&);
  const std::pair<const char*, Beta> betas[] = {{"beta_derivative_a", beta_derivative_a},
                                                {"beta_derivative_b", beta_derivative_b}};
  for (const auto& [name, f] : betas) {
    list.push_back({.name = name,
                    .inputs = {shape, other, {.dims = "mn", .low = 0.05, .high = 0.95}},
                    .apply = [f = f](const Vars& in) { return f(in[0], in[1], in[2]); },
                    .differentiable = false});
  }
}

void add_arithmetic(std::vector<OpEntry>& list) {
  list.push_back(binary("add", operator+, {}, {}));
  list.push_back(binary("sub", operator-, {}, {}));
  list.push_back(binary("mul", operator*, {}, {}));
  list.push_back(binary("div", operator/, {}, {.low = 0.5, .high = 3}));
  list.push_back(binary("mod", operator%, {.low = 0.1, .high = 0.4}, {.low = 0.5, .high = 1}));
  list.push_back(
      binary("floor_div", floor_div, {.low = 0.1, .high = 0.4}, {.low = 0.5, .high = 1}));
  list.push_back(binary("pow", pow, {.low = 0.3, .high = 2}, {}));
  list.push_back(binary("atan2", atan2, {.low = 0.2}, {}));
  list.push_back(binary("logaddexp", logaddexp, {}, {}));
  list.push_back(binary("xlogy0", xlogy0, {}, {.low = 0.3, .high = 2}));
  list.push_back(binary("maximum", maximum, {.low = -2, .high = -0.1}, {.low = 0.1, .high = 2}));
  list.push_back(binary("minimum", minimum, {.low = -2, .high = -0.1}, {.low = 0.1, .high = 2}));
  list.push_back({.name = "where",
                  .inputs = {{.dims = "mn", .dtype = boolean}, {.dims = "1n"}, {.dims = "m1"}},
                  .apply = [](const Vars& in) { return where(in[0], in[1], in[2]); }});
  add_draw_derivatives(list);
  list.push_back({.name = "clip",
                  .inputs = {{.dims = "mn"},
                             {.dims = "", .low = -5, .high = -3},
                             {.dims = "", .low = 3, .high = 5}},
                  .apply = [](const Vars& in) { return clip(in[0], in[1], in[2]); }});
}

void add_functions(std::vector<OpEntry>& list) {
  list.push_back(unary("neg", operator-));
  list.push_back(unary("sqr", sqr));
  list.push_back(unary("exp", exp));
  list.push_back(unary("expm1", expm1));
  list.push_back(unary("sigmoid", sigmoid));
  list.push_back(unary("softplus", softplus));
  list.push_back(unary("sin", sin));
  list.push_back(unary("cos", cos));
  list.push_back(unary("arctan", arctan));
  list.push_back(unary("sinh", sinh));
  list.push_back(unary("cosh", cosh));
  list.push_back(unary("tanh", tanh));
  list.push_back(unary("erf", erf));
  list.push_back(unary("erfc", erfc));
  list.push_back(unary("tan", tan, -1, 1));
  list.push_back(unary("arcsin", arcsin, -0.8, 0.8));
  list.push_back(unary("arccos", arccos, -0.8, 0.8));
  list.push_back(unary("abs", abs, 0.1, 2));
  list.push_back(unary("relu", relu, 0.1, 2));
  list.push_back(unary("reciprocal", reciprocal, 0.3, 2));
  list.push_back(unary("sqrt", sqrt, 0.3, 2));
  list.push_back(unary("log", log, 0.3, 2));
  list.push_back(unary("log2", log2, 0.3, 2));
  list.push_back(unary("log10", log10, 0.3, 2));
  list.push_back(unary("log1p", log1p, -0.5, 2));
  list.push_back(unary("log1mexp", log1mexp, -2, -0.3));
  list.push_back(unary("xlogx", xlogx, 0.3, 2));
  list.push_back(unary("gammaln", gammaln, 0.5, 3));
  list.push_back(unary("digamma", digamma, 0.5, 3));
  list.back().twice_differentiable = false;
}

void add_steps(std::vector<OpEntry>& list) {
  list.push_back(step("trigamma", trigamma));
  list.back().inputs[0].low = 0.5;
  list.push_back(step("sign", sign));
  list.push_back(step("floor", floor));
  list.push_back(step("ceil", ceil));
  list.push_back(step("trunc", trunc));
  list.push_back(step("round", round));
  list.push_back(step("isnan", isnan));
  list.push_back(step("isinf", isinf));
  list.push_back(step("not_", not_));
  list.back().inputs[0].dtype = boolean;
  list.push_back(comparison("lt", operator<));
  list.push_back(comparison("le", operator<=));
  list.push_back(comparison("gt", operator>));
  list.push_back(comparison("ge", operator>=));
  list.push_back(comparison("eq", eq));
  list.push_back(comparison("neq", neq));
  list.push_back(comparison("and_", and_, boolean));
  list.push_back(comparison("or_", or_, boolean));
  list.push_back(comparison("xor_", xor_, boolean));
  for (const DType to : {boolean, int64, float32, float64}) list.push_back(conversion(to));
}

}  // namespace

namespace detail {

std::vector<OpEntry> elementwise_entries() {
  std::vector<OpEntry> list;
  add_arithmetic(list);
  add_functions(list);
  add_steps(list);
  return list;
}

}  // namespace detail

}  // namespace damo
