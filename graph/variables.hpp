#pragma once
#include <memory>
#include <optional>
#include <string>

#include <damo/graph/op.hpp>
#include <damo/graph/values/array.hpp>

namespace damo {

/// A symbolic input: a value handed over at each call. Each is its own; two are never merged.
class Input final : public OpOf<Input> {
 public:
  explicit Input(TensorType type) : type_(std::move(type)) {}
  std::string name() const override { return "input"; }
  std::vector<TensorType> infer(std::span<const TensorType>) const override { return {type_}; }
  friend bool operator==(const Input& a, const Input& b) { return &a == &b; }
  std::size_t hash() const override { return std::hash<const void*>{}(this); }

 private:
  TensorType type_;
};

/// A fixed value. Equal constants merge.
class Constant final : public OpOf<Constant> {
 public:
  explicit Constant(Array value) : value_(std::move(value)) {}
  std::string name() const override { return "constant"; }
  void facts(const Apply& node, std::span<const Fact> in, std::span<Fact> out) const override;
  std::vector<TensorType> infer(std::span<const TensorType>) const override {
    return {{value_.dtype(), value_.shape()}};
  }
  Printed print(const Apply& node, std::span<const Printed> inputs) const override;
  const Array& value() const { return value_; }
  friend bool operator==(const Constant& a, const Constant& b);
  std::size_t hash() const override;

 private:
  Array value_;
};

/// What a shared variable holds. `version` grows with each new value.
struct SharedCell {
  Array value;
  std::string name;
  std::uint64_t version = 0;
  /// The expression of the default update, with `self` standing for the variable: the cell must not
  /// keep itself alive.
  Var next{};
  Var self{};
};

/// The leaf of a shared variable.
class Shared final : public OpOf<Shared> {
 public:
  Shared(std::shared_ptr<SharedCell> cell, TensorType type)
      : cell_(std::move(cell)), type_(std::move(type)) {}
  std::string name() const override { return "shared"; }
  std::vector<TensorType> infer(std::span<const TensorType>) const override { return {type_}; }
  SharedCell& cell() const { return *cell_; }
  const std::shared_ptr<SharedCell>& cell_ptr() const { return cell_; }
  friend bool operator==(const Shared& a, const Shared& b) { return a.cell_ == b.cell_; }
  std::size_t hash() const override { return std::hash<const void*>{}(cell_.get()); }

 private:
  std::shared_ptr<SharedCell> cell_;
  TensorType type_;
};

/// A variable with a value that functions read and update, and that outlives them. Only dtype and
/// rank are fixed; the sizes may change with `set_value`.
class SharedVar : public Var {
 public:
  SharedVar() = default;
  /// Views a Var whose op is Shared; throws TypeError otherwise.
  explicit SharedVar(const Var& v);

  const Array& value() const { return cell().value; }
  /// Replaces the value; throws TypeError or ShapeError when dtype or rank differ, leaving the old
  /// value. uint8 and int32 become int64 where the variable holds that.
  void set_array(Array value) const;
  /// A copy as an `Out` such as `xt::xarray<float>` or `std::vector<float>`: see
  /// runtime/function/xtensor.hpp.
  template <class T>
  auto get_value() const;
  template <class V>
  void set_value(const V& value) const;
  SharedCell& cell() const;

  /// The value that functions and loops reading this variable give it after each call or step,
  /// unless they have an update of their own for it. Throws TypeError or ShapeError for another
  /// dtype or rank.
  void set_default_update(const Arg& next) const;
  void clear_default_update() const;
  /// That value, or an empty Var.
  Var default_update() const;
};

Var input(TensorType type, std::string name = "", Site site = Site::here());
Var scalar(std::string name = "", DType dtype = floatX(), Site site = Site::here());
Var vector(std::string name = "", DType dtype = floatX(), Site site = Site::here());
/// A matrix known to have one row: it broadcasts down.
Var row(std::string name = "", DType dtype = floatX(), Site site = Site::here());
/// A matrix known to have one column: it broadcasts across.
Var col(std::string name = "", DType dtype = floatX(), Site site = Site::here());
Var matrix(std::string name = "", DType dtype = floatX(), Site site = Site::here());
Var tensor3(std::string name = "", DType dtype = floatX(), Site site = Site::here());
Var tensor4(std::string name = "", DType dtype = floatX(), Site site = Site::here());
/// int64 inputs.
Var lscalar(std::string name = "", Site site = Site::here());
Var lvector(std::string name = "", Site site = Site::here());
Var lmatrix(std::string name = "", Site site = Site::here());
/// float64 inputs.
Var dscalar(std::string name = "", Site site = Site::here());
Var dvector(std::string name = "", Site site = Site::here());
Var dmatrix(std::string name = "", Site site = Site::here());
/// float32 inputs.
Var fscalar(std::string name = "", Site site = Site::here());
Var fvector(std::string name = "", Site site = Site::here());
Var fmatrix(std::string name = "", Site site = Site::here());
/// bool inputs.
Var bscalar(std::string name = "", Site site = Site::here());
Var bvector(std::string name = "", Site site = Site::here());
Var bmatrix(std::string name = "", Site site = Site::here());

Var constant(Array value, std::string name = {}, Site site = Site::here());
SharedVar shared(Array value, std::string name = "", Site site = Site::here());

/// The value of a constant variable, or null.
const Array* constant_value(const Var& v);
/// The value of a constant with one element, as double; nullopt for anything else.
std::optional<double> scalar_constant(const Var& v);
inline bool is_input(const Var& v) { return as<Input>(v) != nullptr; }
inline bool is_shared(const Var& v) { return as<Shared>(v) != nullptr; }
inline bool is_leaf(const Var& v) {
  return v.inputs().empty() && (is_input(v) || is_shared(v) || constant_value(v) != nullptr);
}

}  // namespace damo
