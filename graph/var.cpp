#include <fmt/format.h>

#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/op.hpp>
#include <damo/graph/var.hpp>
#include <damo/graph/variables.hpp>

namespace damo {

Var::Var(const Apply* owner, std::size_t index) : owner_(owner), index_(index) {
  if (owner_ != nullptr) owner_->retain();
}
Var::Var(const Var& other) : Var(other.owner_, other.index_) {}
Var& Var::operator=(const Var& other) & {
  Var copy(other);
  std::swap(owner_, copy.owner_);
  std::swap(index_, copy.index_);
  return *this;
}
Var& Var::operator=(Var&& other) & noexcept {
  std::swap(owner_, other.owner_);
  std::swap(index_, other.index_);
  return *this;
}
Var::~Var() {
  if (owner_ != nullptr) owner_->release();
}

const TensorType& Var::type() const { return owner_->types()[index_]; }
const Op& Var::op() const { return owner_->op(); }
const std::vector<Var>& Var::inputs() const { return owner_->inputs(); }
Site Var::site() const { return owner_->site(); }
const std::string& Var::name() const { return owner_->name(index_); }
Var Var::named(std::string name) const {
  owner_->set_name(index_, std::move(name));
  return *this;
}

Arg::Arg(const Var& v, const char* f, unsigned l) : kind_(Kind::variable), var_(v), site_{f, l} {
  if (!v.defined())
    throw GraphError(fmt::format("an empty Var was used as an operand at {}",
                                 to_string(SiteScope::or_else(site_))));
}

DType Arg::dtype() const {
  switch (kind_) {
    case Kind::variable:
      return var_.dtype();
    case Kind::boolean:
      return DType::boolean;
    case Kind::integer:
      return DType::int64;
    default:
      return floatX();
  }
}

Var Arg::var() const { return var(dtype()); }

Var Arg::var(DType dtype) const {
  if (!is_literal()) return var_;
  const bool fraction = kind_ == Kind::real && std::trunc(real_) != real_;
  const bool too_large = kind_ == Kind::real && !(std::abs(real_) < 0x1p63);
  if (((fraction || too_large) && !is_float(dtype)) ||
      (dtype == DType::boolean && integer_ != 0 && integer_ != 1)) {
    throw TypeError(fmt::format("the literal {} at {} cannot become {}", real_, to_string(site_),
                                damo::name(dtype)));
  }
  const Array number = kind_ == Kind::real ? Array::scalar(real_) : Array::scalar(integer_);
  Array value = number.cast(dtype);
  if (is_for_storage(dtype) && value.item<double>() != number.item<double>()) {
    throw TypeError(fmt::format("the literal {} at {} cannot become {}", number.item<double>(),
                                to_string(site_), damo::name(dtype)));
  }
  return constant(std::move(value), {}, site_);
}

namespace {

Var bound(const Arg& a) {
  const Var given = a.var(a.is_literal() ? DType::int64 : a.dtype());
  const Var v = is_for_storage(given.dtype()) ? given.astype(DType::int64, a.site()) : given;
  if (v.ndim() != 0 || is_float(v.dtype())) {
    throw TypeError(fmt::format("range: a bound must be an int64 scalar, got {} at {}",
                                to_string(v.type()), to_string(a.site())));
  }
  return v;
}

}  // namespace

Range range(const Arg& stop) { return {{}, bound(stop), {}}; }
Range range(const Arg& start, const Arg& stop) { return {bound(start), bound(stop), {}}; }
Range range(const Arg& start, const Arg& stop, const Arg& step) {
  return {bound(start), bound(stop), bound(step)};
}
Range from(const Arg& start) { return {bound(start), {}, {}}; }

Index::Index(const Arg& a) : kind_(Kind::element), var_(a.var()), site_(a.site()) {
  if (is_for_storage(var_.dtype())) var_ = var_.astype(DType::int64, site_);
  if (is_float(var_.dtype())) {
    throw TypeError(fmt::format("index: expected an integer or bool, got {} at {}",
                                to_string(var_.type()), to_string(a.site())));
  }
  if (var_.ndim() > 0 || var_.dtype() == DType::boolean) kind_ = Kind::advanced;
}

}  // namespace damo
