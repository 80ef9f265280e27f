#pragma once
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <damo/graph/errors/source_line.hpp>
#include <damo/graph/values/axes.hpp>
#include <damo/graph/values/type.hpp>

namespace damo {

class Apply;
class Arg;
class AxisEntry;
class Index;
class Op;
class Sizes;

/// A handle on one output of an immutable node of the computation graph. Copies are cheap and share
/// the node.
class Var {
 public:
  /// No variable; `defined` tells.
  Var() = default;
  Var(const Apply* owner, std::size_t index);
  Var(const Var& other);
  Var(Var&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)), index_(other.index_) {}
  Var& operator=(const Var& other) &;
  Var& operator=(Var&& other) & noexcept;
  /// `x[i] = y` would change nothing: it does not compile.
  template <class T>
  void operator=(T&&) && = delete;  // no assignment to x[i]: set_subtensor(x[i], y) makes a new x
  ~Var();

  /// Whether there is a variable.
  bool defined() const { return owner_ != nullptr; }
  /// Nobody knows what an expression is before it runs: `if (x > 0)` and `a && b` do not compile.
  explicit operator bool() const = delete;  // no truth value: and_, or_, not_, where; defined()
  /// The node that computes this variable; leaves (inputs, constants, shared variables) are nodes
  /// without inputs.
  const Apply& owner() const { return *owner_; }
  const Apply* owner_ptr() const { return owner_; }
  /// Which of the owner's outputs this is.
  std::size_t index() const { return index_; }
  const TensorType& type() const;
  DType dtype() const { return type().dtype; }
  std::size_t ndim() const { return type().rank(); }
  const Op& op() const;
  const std::vector<Var>& inputs() const;
  /// The user's line that made it.
  Site site() const;
  /// The name given by the user, or "".
  const std::string& name() const;
  /// Names this variable, for messages and printing only; returns it.
  Var named(std::string name) const;

  // Spelled as in Theano; defined with the ops they call.
  /// All axes reversed.
  Var T(Site site = Site::here()) const;
  /// int64 vector.
  Var shape(Site site = Site::here()) const;
  /// int64 scalar; a negative axis counts from the end.
  Var shape(int axis, Site site = Site::here()) const;
  /// Reductions, as the functions of these names: `x.sum()`, `x.max(0)`, `x.mean({0, 1}, {.keepdims
  /// = true})`.
  Var sum(const Axes& axes = {}, ReduceOptions options = {}, Site site = Site::here()) const;
  Var prod(const Axes& axes = {}, ReduceOptions options = {}, Site site = Site::here()) const;
  Var mean(const Axes& axes = {}, ReduceOptions options = {}, Site site = Site::here()) const;
  Var max(const Axes& axes = {}, ReduceOptions options = {}, Site site = Site::here()) const;
  Var min(const Axes& axes = {}, ReduceOptions options = {}, Site site = Site::here()) const;
  Var any(const Axes& axes = {}, ReduceOptions options = {}, Site site = Site::here()) const;
  Var all(const Axes& axes = {}, ReduceOptions options = {}, Site site = Site::here()) const;
  Var argmax(const Axes& axes = {}, ReduceOptions options = {}, Site site = Site::here()) const;
  Var argmin(const Axes& axes = {}, ReduceOptions options = {}, Site site = Site::here()) const;
  Var var(const Axes& axes = {}, VarianceOptions options = {}, Site site = Site::here()) const;
  Var std(const Axes& axes = {}, VarianceOptions options = {}, Site site = Site::here()) const;
  Var norm(const Axes& axes = {}, NormOptions options = {}, Site site = Site::here()) const;
  /// The functions of these names: `x.reshape({2, -1})`, `x.astype(float64)`, `x.clip(0, 1)`.
  Var reshape(const Sizes& sizes, Site site = Site::here()) const;
  Var flatten(int ndim = 1, Site site = Site::here()) const;
  Var ravel(Site site = Site::here()) const;
  Var transpose(const std::vector<int>& axes = {}, Site site = Site::here()) const;
  Var dimshuffle(const std::vector<AxisEntry>& pattern, Site site = Site::here()) const;
  Var swapaxes(int first, int second, Site site = Site::here()) const;
  Var squeeze(Site site = Site::here()) const;
  Var squeeze(const Axes& axes, Site site = Site::here()) const;
  Var astype(DType dtype, Site site = Site::here()) const;
  Var dot(const Arg& b, Site site = Site::here()) const;
  Var clip(const Arg& low, const Arg& high, Site site = Site::here()) const;
  Var round(Site site = Site::here()) const;
  Var cumsum(int axis = 0, Site site = Site::here()) const;
  Var cumprod(int axis = 0, Site site = Site::here()) const;
  Var take(const Arg& index, Site site = Site::here()) const;
  Var take(const Arg& index, int axis, Site site = Site::here()) const;
  Var repeat(const Arg& times, Site site = Site::here()) const;
  Var repeat(const Arg& times, int axis, Site site = Site::here()) const;
  Var sort(int axis = -1, Site site = Site::here()) const;
  Var argsort(int axis = -1, Site site = Site::here()) const;
  /// x[-1], x[i], x[range(a, b)], x[idx].
  Var operator[](const Index& index) const;
  /// x(all(), i), x(range(a, b), all()): one entry an axis; axes without one are taken whole.
  Var operator()(const Index& first) const;
  Var operator()(const Index& first, const Index& second) const;
  Var operator()(const Index& first, const Index& second, const Index& third) const;
  Var operator()(const Index& first, const Index& second, const Index& third,
                 const Index& fourth) const;

  /// Identity: the same output of the same node.
  friend bool same(const Var& a, const Var& b) {
    return a.owner_ == b.owner_ && a.index_ == b.index_;
  }

 private:
  const Apply* owner_ = nullptr;
  std::size_t index_ = 0;
};

using Vars = std::vector<Var>;

/// The expression, as `pprint` has it.
std::ostream& operator<<(std::ostream& out, const Var& v);

/// What `a < b` gives: a bool variable like any other, but for `0 <= x < 1`, which would compare it
/// with 1 and does not compile.
class Comparison : public Var {
 public:
  explicit Comparison(Var v) : Var(std::move(v)) {}
};

/// Variables as `function`, `map` and the like take them: a list, or one variable.
class VarList {
 public:
  VarList() = default;
  VarList(std::initializer_list<Var> vars) : vars_(vars) {}
  VarList(const Var& v) : vars_{v} {}
  VarList(Vars vars) : vars_(std::move(vars)) {}
  const Vars& vars() const { return vars_; }

 private:
  Vars vars_;
};

struct VarHash {
  std::size_t operator()(const Var& v) const {
    return std::hash<const void*>{}(v.owner_ptr()) * 31 + v.index();
  }
};
struct VarSame {
  bool operator()(const Var& a, const Var& b) const { return same(a, b); }
};

/// An operand as the user writes it: a variable, or a number whose dtype is that of its neighbour
/// (a weak literal). Its implicit constructors record the user's line.
class Arg {
 public:
  enum class Kind : std::uint8_t { variable, boolean, integer, real };

  Arg(const Var& v, const char* f = __builtin_FILE(), unsigned l = __builtin_LINE());
  Arg(bool value, const char* f = __builtin_FILE(), unsigned l = __builtin_LINE())
      : kind_(Kind::boolean), integer_(value), real_(value), site_{f, l} {}
  Arg(int value, const char* f = __builtin_FILE(), unsigned l = __builtin_LINE())
      : Arg(static_cast<long>(value), f, l) {}
  Arg(long value, const char* f = __builtin_FILE(), unsigned l = __builtin_LINE())
      : kind_(Kind::integer), integer_(value), real_(static_cast<double>(value)), site_{f, l} {}
  Arg(long long value, const char* f = __builtin_FILE(), unsigned l = __builtin_LINE())
      : Arg(static_cast<long>(value), f, l) {}
  Arg(unsigned value, const char* f = __builtin_FILE(), unsigned l = __builtin_LINE())
      : Arg(static_cast<long>(value), f, l) {}
  Arg(unsigned long value, const char* f = __builtin_FILE(), unsigned l = __builtin_LINE())
      : Arg(static_cast<long>(value), f, l) {}
  Arg(double value, const char* f = __builtin_FILE(), unsigned l = __builtin_LINE())
      : kind_(Kind::real), integer_(0), real_(value), site_{f, l} {}
  Arg(float value, const char* f = __builtin_FILE(), unsigned l = __builtin_LINE())
      : Arg(static_cast<double>(value), f, l) {}

  Kind kind() const { return kind_; }
  bool is_literal() const { return kind_ != Kind::variable; }
  std::int64_t integer() const { return integer_; }
  double real() const { return real_; }
  Site site() const { return site_; }
  /// The variable, or the literal as a constant: bool, int64 or floatX.
  Var var() const;
  /// The same, with a literal taking `dtype`. Throws TypeError when an integer dtype cannot hold
  /// the literal.
  Var var(DType dtype) const;
  /// The dtype of `var()`.
  DType dtype() const;

 private:
  Kind kind_;
  Var var_{};
  std::int64_t integer_ = 0;
  double real_ = 0;
  Site site_;
};

/// `range(a, b, step)` in an index: rows a, a+step, ... before b. Negative bounds count from the
/// end, as in NumPy.
struct Range {
  Var start, stop,
      step;  ///< int64 scalars; a null one means "from the beginning", "to the end", 1.
};
Range range(const Arg& stop);
Range range(const Arg& start, const Arg& stop);
Range range(const Arg& start, const Arg& stop, const Arg& step);
/// Rows from `start` to the end.
Range from(const Arg& start);

struct All {};
/// A whole axis in an index.
inline All all() { return {}; }

struct NewAxis {};
/// A new axis of size 1 in an index or in `dimshuffle`.
inline constexpr NewAxis newaxis{};

struct Ellipsis {};
/// As many whole axes in an index as the others leave: `x(ellipsis, 0)` takes from the last axis.
inline constexpr Ellipsis ellipsis{};

/// One entry of an index. Its implicit constructors record the user's line.
class Index {
 public:
  enum class Kind : std::uint8_t { element, range, all, newaxis, advanced };
  /// An integer scalar selects and drops the axis; an integer or bool tensor gathers.
  Index(const Arg& a);
  template <class T>
  requires std::is_arithmetic_v<T> Index(T value, const char* f = __builtin_FILE(),
                                         unsigned l = __builtin_LINE())
      : Index(Arg(value, f, l)) {}
  Index(const Var& v, const char* f = __builtin_FILE(), unsigned l = __builtin_LINE())
      : Index(Arg(v, f, l)) {}
  Index(Range r, const char* f = __builtin_FILE(), unsigned l = __builtin_LINE())
      : kind_(Kind::range), range_(std::move(r)), site_{f, l} {}
  Index(All, const char* f = __builtin_FILE(), unsigned l = __builtin_LINE())
      : kind_(Kind::all), site_{f, l} {}
  Index(NewAxis, const char* f = __builtin_FILE(), unsigned l = __builtin_LINE())
      : kind_(Kind::newaxis), site_{f, l} {}
  Index(Ellipsis, const char* f = __builtin_FILE(), unsigned l = __builtin_LINE())
      : kind_(Kind::all), ellipsis_(true), site_{f, l} {}

  Kind kind() const { return kind_; }
  const Var& var() const { return var_; }
  const Range& range() const { return range_; }
  /// Whether this stands for as many whole axes as the other entries leave.
  bool is_ellipsis() const { return ellipsis_; }
  Site site() const { return site_; }

 private:
  Kind kind_;
  bool ellipsis_ = false;
  Var var_{};
  Range range_{};
  Site site_{};
};

/// x[index...]; defined with the indexing ops. Integers select, ranges and all() take views, int64
/// and bool tensors gather; the result's axes are laid out as NumPy lays them out.
Var index_with(const Var& x, const std::vector<Index>& index, Site site);

}  // namespace damo
