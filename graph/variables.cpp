#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/graph/walk.hpp>

namespace damo {
namespace {

std::string element_text(const Array& a, std::int64_t i) {
  return dispatch(a.dtype(),
                  [&](auto zero) { return fmt::format("{}", a.data<decltype(zero)>()[i]); });
}

std::string value_text(const Array& a) {
  if (a.rank() == 0) return element_text(a, 0);
  if (a.rank() > 1 || a.elements() > 6) return fmt::format("constant{}", to_string(a.shape()));
  std::string text = "[";
  for (std::int64_t i = 0; i < a.elements(); ++i) text += (i > 0 ? ", " : "") + element_text(a, i);
  return text + "]";
}

TensorType of_rank(DType dtype, std::size_t rank) {
  TensorType type{dtype, {}};
  type.dims.resize(rank, unknown);
  return type;
}

}  // namespace

Printed Constant::print(const Apply&, std::span<const Printed>) const {
  std::string text = value_text(value_);
  const int precedence = text.front() == '-' ? 70 : 100;
  return {std::move(text), precedence};
}

void Constant::facts(const Apply&, std::span<const Fact>, std::span<Fact> out) const {
  out[0] = dispatch(value_.dtype(), [&](auto zero) {
    using T = decltype(zero);
    Fact f{.nonnegative = true,
           .positive = true,
           .at_most_one = true,
           .integer = true,
           .finite = true,
           .count = std::is_same_v<T, std::int64_t>};
    for (const T v : value_.values<T>()) {
      f.nonnegative = f.nonnegative && v >= T{0};
      f.positive = f.positive && v > T{0};
      f.at_most_one = f.at_most_one && v <= T{1};
      f.count = f.count && f.nonnegative && v < static_cast<T>(1 << 20);
      if constexpr (std::is_floating_point_v<T>) {
        f.finite = f.finite && std::isfinite(v);
        f.integer = f.integer && f.finite && v == std::trunc(v);
      }
      if (f == Fact{}) break;
    }
    return f;
  });
}

bool operator==(const Constant& a, const Constant& b) {
  return a.value_.dtype() == b.value_.dtype() && a.value_.shape() == b.value_.shape() &&
         std::memcmp(a.value_.raw(), b.value_.raw(), a.value_.bytes()) == 0;
}

std::size_t Constant::hash() const {
  const std::string_view bytes(reinterpret_cast<const char*>(value_.raw()),
                               std::min<std::size_t>(value_.bytes(), 4096));
  return std::hash<std::string_view>{}(bytes)*7 + static_cast<std::size_t>(value_.dtype()) +
         value_.rank() * 131;
}

SharedVar::SharedVar(const Var& v) : Var(v) {
  if (as<Shared>(v) == nullptr)
    throw TypeError(fmt::format("not a shared variable: {}", describe(v)));
}

SharedCell& SharedVar::cell() const { return static_cast<const Shared&>(op()).cell(); }

void SharedVar::set_array(Array value) const {
  if (dtype() == DType::int64 && is_for_storage(value.dtype())) value = value.cast(DType::int64);
  if (value.dtype() != dtype()) {
    throw TypeError(fmt::format("set_value: {} holds {}, got {}", describe(*this),
                                damo::name(dtype()), damo::name(value.dtype())));
  }
  if (value.rank() != ndim()) {
    throw ShapeError(fmt::format("set_value: {} has {} dimensions, got shape {}", describe(*this),
                                 ndim(), to_string(value.shape())));
  }
  cell().value = std::move(value);
  ++cell().version;
}

void SharedVar::set_default_update(const Arg& next) const {
  const Var value = next.is_literal() ? next.var(dtype()) : next.var();
  const auto fail = [&](std::string_view what) {
    return fmt::format(
        "default_update: another {} than its shared variable\n  shared   {}\n"
        "  update   {}",
        what, describe(*this), describe(value));
  };
  if (value.dtype() != dtype()) throw TypeError(fail("dtype"));
  if (value.ndim() != ndim()) throw ShapeError(fail("number of dimensions"));
  SharedCell& c = cell();
  if (!c.self.defined()) c.self = input(type(), name(), site());
  c.next = replace(value, {{*this, c.self}});
}

void SharedVar::clear_default_update() const { cell().next = {}; }

Var SharedVar::default_update() const {
  const SharedCell& c = cell();
  return c.next.defined() ? replace(c.next, {{c.self, *this}}) : Var{};
}

Var input(TensorType type, std::string name, Site site) {
  const Var v = make_var(std::make_shared<Input>(std::move(type)), {}, site);
  return name.empty() ? v : v.named(std::move(name));
}
Var scalar(std::string name, DType dtype, Site site) {
  return input(of_rank(dtype, 0), std::move(name), site);
}
Var vector(std::string name, DType dtype, Site site) {
  return input(of_rank(dtype, 1), std::move(name), site);
}
Var row(std::string name, DType dtype, Site site) {
  return input({dtype, {1, unknown}}, std::move(name), site);
}
Var col(std::string name, DType dtype, Site site) {
  return input({dtype, {unknown, 1}}, std::move(name), site);
}
Var matrix(std::string name, DType dtype, Site site) {
  return input(of_rank(dtype, 2), std::move(name), site);
}
Var tensor3(std::string name, DType dtype, Site site) {
  return input(of_rank(dtype, 3), std::move(name), site);
}
Var tensor4(std::string name, DType dtype, Site site) {
  return input(of_rank(dtype, 4), std::move(name), site);
}
Var lscalar(std::string name, Site site) { return scalar(std::move(name), DType::int64, site); }
Var lvector(std::string name, Site site) { return vector(std::move(name), DType::int64, site); }
Var lmatrix(std::string name, Site site) { return matrix(std::move(name), DType::int64, site); }
Var dscalar(std::string name, Site site) { return scalar(std::move(name), DType::float64, site); }
Var dvector(std::string name, Site site) { return vector(std::move(name), DType::float64, site); }
Var dmatrix(std::string name, Site site) { return matrix(std::move(name), DType::float64, site); }
Var fscalar(std::string name, Site site) { return scalar(std::move(name), DType::float32, site); }
Var fvector(std::string name, Site site) { return vector(std::move(name), DType::float32, site); }
Var fmatrix(std::string name, Site site) { return matrix(std::move(name), DType::float32, site); }
Var bscalar(std::string name, Site site) { return scalar(std::move(name), DType::boolean, site); }
Var bvector(std::string name, Site site) { return vector(std::move(name), DType::boolean, site); }
Var bmatrix(std::string name, Site site) { return matrix(std::move(name), DType::boolean, site); }

Var constant(Array value, std::string name, Site site) {
  const Var v = make_var(std::make_shared<Constant>(std::move(value)), {}, site);
  return name.empty() ? v : v.named(std::move(name));
}

SharedVar shared(Array value, std::string name, Site site) {
  TensorType type = of_rank(value.dtype(), value.rank());
  auto cell = std::make_shared<SharedCell>(SharedCell{std::move(value), name});
  const Var v = make_var(std::make_shared<Shared>(std::move(cell), std::move(type)), {}, site);
  return SharedVar(name.empty() ? v : v.named(std::move(name)));
}

const Array* constant_value(const Var& v) {
  const auto* c = as<Constant>(v);
  return c != nullptr ? &c->value() : nullptr;
}

std::optional<double> scalar_constant(const Var& v) {
  const Array* a = constant_value(v);
  if (a == nullptr || a->elements() != 1) return std::nullopt;
  return a->item<double>();
}

}  // namespace damo
