#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/models/energy/units/kinds.hpp>
#include <damo/models/energy/units/units.hpp>

namespace damo::energy {
namespace {

TensorType state_type(const std::string& name, std::int64_t n, std::int64_t classes, DType dtype) {
  if (!is_float(dtype))
    throw TypeError(
        fmt::format("unit '{}': states are float32 or float64, not {}", name, damo::name(dtype)));
  if (n < 1) throw ShapeError(fmt::format("unit '{}': {} sites; there must be one", name, n));
  if (classes < 0)
    throw ShapeError(fmt::format("unit '{}': {} sites of {} classes", name, n, classes));
  if (classes == 0) return {dtype, {unknown, n}};
  return {dtype, {unknown, n, classes}};
}

}  // namespace

Unit::Unit(std::shared_ptr<const UnitKind> kind, std::string name, std::int64_t n,
           std::int64_t classes, DType dtype, Site site)
    : Var(input(state_type(name, n, classes, dtype), name, site)), kind_(std::move(kind)) {}

Unit::Unit(std::shared_ptr<const UnitKind> kind, std::string name, const Var& sites, DType dtype,
           Site site)
    : Var(input({dtype, {unknown, unknown}}, name, site)), kind_(std::move(kind)), sites_(sites) {}

std::int64_t Unit::n() const {
  if (!n_known())
    throw GraphError(
        fmt::format("the number of sites of {} '{}' is not known yet, and has to be for this",
                    kind_->name, name()));
  return type().dims[1];
}

Unit bernoulli(std::string name, std::int64_t n, DType dtype, Site site) {
  return {bernoulli_kind(), std::move(name), n, 0, dtype, site};
}

Unit spin(std::string name, std::int64_t n, DType dtype, Site site) {
  return {spin_kind(), std::move(name), n, 0, dtype, site};
}

Unit categorical(std::string name, std::int64_t n, std::int64_t classes, DType dtype, Site site) {
  if (classes < 1)
    throw ShapeError(fmt::format("categorical '{}': {} classes; there must be one", name, classes));
  return {categorical_kind(), std::move(name), n, classes, dtype, site};
}

Unit gaussian(std::string name, std::int64_t n, DType dtype, Site site) {
  return {gaussian_kind(), std::move(name), n, 0, dtype, site};
}

Unit relu(std::string name, std::int64_t n, DType dtype, Site site) {
  return {relu_kind(), std::move(name), n, 0, dtype, site};
}

Unit truncated_exponential(std::string name, std::int64_t n, DType dtype, Site site) {
  return {truncated_exponential_kind(), std::move(name), n, 0, dtype, site};
}

Unit binomial(std::string name, std::int64_t n, std::int64_t trials, DType dtype, Site site) {
  if (trials < 1)
    throw ShapeError(fmt::format("binomial '{}': {} trials; there must be one", name, trials));
  return {binomial_kind(trials), std::move(name), n, 0, dtype, site};
}

Unit counts(std::string name, std::int64_t n, DType dtype, Site site) {
  return {counts_kind(), std::move(name), n, 0, dtype, site};
}

Unit counts(std::string name, std::int64_t n, std::int64_t total, DType dtype, Site site) {
  if (total < 1)
    throw ShapeError(fmt::format("counts '{}': a total of {}; it must be positive", name, total));
  Unit unit(counts_kind(), std::move(name), n, 0, dtype, site);
  unit.total_ = total;
  return unit;
}

}  // namespace damo::energy
