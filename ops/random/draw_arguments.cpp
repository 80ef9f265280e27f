#include <fmt/format.h>

#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/common/operands.hpp>
#include <damo/ops/control/debug.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/random/stream_draws.hpp>
#include <damo/ops/shape/shape.hpp>

// What a stream asks of the parameters that it is given, before anything is drawn.
namespace damo::detail {
namespace {

std::string line_of(const Arg& a) { return to_string(SiteScope::or_else(a.site())); }

/// Whether a parameter of this type can be stretched to the sizes, as far as both are known.
bool fits(const TensorType& type, const Shape& sizes) {
  if (type.rank() > sizes.rank()) return false;
  for (std::size_t i = 0; i < type.rank(); ++i) {
    const std::int64_t have = type.dims[i];
    const std::int64_t want = sizes[i + sizes.rank() - type.rank()];
    if (have != 1 && have != unknown && want != unknown && have != want) return false;
  }
  return true;
}

}  // namespace

DType draw_dtype(std::optional<DType> asked, std::initializer_list<const Arg*> parameters) {
  if (asked) return *asked;
  DType dtype = DType::boolean;
  for (const Arg* p : parameters) {
    if (!p->is_literal() && is_float(p->dtype())) dtype = promote(dtype, p->dtype());
  }
  return is_float(dtype) ? dtype : floatX();
}

DType float_dtype(std::optional<DType> asked, std::initializer_list<const Arg*> parameters,
                  std::string_view who) {
  const DType chosen = draw_dtype(asked, parameters);
  if (is_float(chosen)) return chosen;
  throw TypeError(fmt::format("{}: a float dtype is needed, got {}, at {}", who, name(chosen),
                              line_of(**parameters.begin())));
}

Var fitted(const Arg& parameter, DType dtype, const Sizes& size, std::string_view who) {
  const Var p = parameter.is_literal() ? parameter.var(dtype) : cast(parameter, dtype);
  if (p.ndim() == 0) return p;
  const Shape sizes = split_sizes(size).dims;
  if (!fits(p.type(), sizes)) {
    throw ShapeError(fmt::format("{}, {}, does not fit a sample of size {}, at {}", who,
                                 describe(parameter.var()), dims_to_string(sizes),
                                 line_of(parameter)));
  }
  return broadcast_to(Arg(p, parameter.site().file, parameter.site().line), size);
}

Var whole_number(const Arg& parameter, std::string_view who, std::string_view what) {
  if (parameter.is_literal()) return parameter.var(DType::int64);
  const Var v = computable(parameter);
  if (v.dtype() == DType::int64) return v;
  if (v.dtype() == DType::boolean) return cast(v, DType::int64);
  throw TypeError(fmt::format("{}: {} must be int64, got {}, at {}\n  hint: cast({}, int64)", who,
                              what, describe(v), line_of(parameter),
                              v.name().empty() ? what : std::string_view(v.name())));
}

std::optional<double> known_number(const Arg& parameter) {
  if (parameter.is_literal()) return parameter.real();
  return parameter.var().ndim() == 0 ? scalar_constant(parameter.var()) : std::nullopt;
}

void refuse_number(const Arg& parameter, std::string_view who, std::string_view what,
                   double value) {
  throw NumericError(
      fmt::format("{}: {} cannot be {}, at {}", who, what, value, line_of(parameter)));
}

void check_scale(const Arg& scale, std::string_view who) {
  const auto value = known_number(scale);
  if (!value || *value >= 0) return;
  throw NumericError(fmt::format("{}: the scale {} is {}, at {}", who, *value,
                                 std::isnan(*value) ? "no number" : "negative", line_of(scale)));
}

Var in_range(const Var& p, const Var& accepted, std::string_view who, std::string_view needed) {
  if (scalar_constant(p)) return p;
  return Assert(fmt::format("{}: {} is needed", who, needed))(p, accepted);
}
Var positive(const Var& p, std::string_view who, std::string_view what) {
  return in_range(p, p > 0, who, fmt::format("a positive {}", what));
}
Var not_negative(const Var& p, std::string_view who, std::string_view what) {
  return in_range(p, p >= 0, who, fmt::format("a {} of at least 0", what));
}

void check_probability(const Arg& p, std::string_view who) {
  check_known(p, who, "p, which lies between 0 and 1,", [](double x) { return x >= 0 && x <= 1; });
}

void check_order(const Arg& low, const Arg& high, std::string_view who, bool may_be_equal) {
  const auto from = known_number(low), to = known_number(high);
  if (!from || !to || *from < *to || (may_be_equal && *from == *to)) return;
  throw NumericError(fmt::format("{}: low is {} and high is {}: low {} high is needed, at {}", who,
                                 *from, *to, may_be_equal ? "no larger than" : "below",
                                 line_of(low)));
}

Var exact(const Arg& parameter, const Sizes& size, std::string_view who) {
  if (parameter.is_literal()) return cast(parameter.var(), float64);
  return fitted(parameter, float64, size, who);
}

Var fitted(bool numpy, const Arg& parameter, DType dtype, const Sizes& size, std::string_view who) {
  return numpy ? exact(parameter, size, who) : fitted(parameter, dtype, size, who);
}

}  // namespace damo::detail
