#pragma once
#include <cstdint>

#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/kernels/elementwise/scalar_math.hpp>

// Included by the files that define elementwise ops, and by nothing else: the loops are
// instantiated there.
namespace damo {

/// A stateless functor with an inlined body, as the loops want it: DAMO_SCALAR(Sqr, (T x), x * x).
#define DAMO_SCALAR(Name, parameters, ...)         \
  struct Name {                                    \
    template <class T>                             \
    DAMO_INLINE auto operator() parameters const { \
      return __VA_ARGS__;                          \
    }                                              \
  }

/// Loops of a one-, two- or three-operand function by dtype: floats only, numbers (int64 and
/// floats), or all four.
template <class F, class T, std::size_t Arity>
constexpr LoopSet same_loop() {
  if constexpr (Arity == 1) return make_loops<F, T, T>();
  if constexpr (Arity == 2) return make_loops<F, T, T, T>();
  if constexpr (Arity == 3) return make_loops<F, T, T, T, T>();
}

/// `F` of operands of types `T`, in long double.
template <class F, class... T, std::size_t... I>
long double in_wide(const long double* x, std::index_sequence<I...>) {
  return static_cast<long double>(F{}(static_cast<T>(x[I])...));
}
template <class F, class... T>
long double wide_function(const long double* x) {
  return in_wide<F, T...>(x, std::index_sequence_for<T...>{});
}
template <class F, std::size_t Arity>
constexpr WideFunction wide() {
  using Real = long double;
  if constexpr (Arity == 1) return &wide_function<F, Real>;
  if constexpr (Arity == 2) return &wide_function<F, Real, Real>;
  if constexpr (Arity == 3) return &wide_function<F, Real, Real, Real>;
}

/// For a function that is accurate to double only.
template <class F, std::size_t Arity>
constexpr ScalarLoops double_loops() {
  return {{LoopSet{}, LoopSet{}, same_loop<F, float, Arity>(), same_loop<F, double, Arity>()}};
}
template <class F, std::size_t Arity>
constexpr ScalarLoops real_loops() {
  ScalarLoops loops = double_loops<F, Arity>();
  loops.wide = wide<F, Arity>();
  return loops;
}
template <class F, std::size_t Arity>
constexpr ScalarLoops numeric_loops() {
  ScalarLoops loops = real_loops<F, Arity>();
  loops[1] = same_loop<F, std::int64_t, Arity>();
  return loops;
}
template <class F>
constexpr ScalarLoops predicate_loops() {
  return {{make_loops<F, bool, bool, bool>(), make_loops<F, bool, std::int64_t, std::int64_t>(),
           make_loops<F, bool, float, float>(), make_loops<F, bool, double, double>()},
          wide<F, 2>()};
}

/// Facts of a function of one operand: from those of the operand, or the same for all.
ScalarOp::FactRule fact_of(Fact (*f)(const Fact& x));
ScalarOp::FactRule always(const Fact& fact);
/// What holds while whole numbers stay in the range of their type, which those of 0 and 1 do.
ScalarOp::FactRule while_exact(ScalarOp::FactRule rule);
/// Of a function that is as positive as its operand.
Fact of_same_sign(const Fact& x);

/// Defines a function of one real operand.
std::shared_ptr<const Op> real_unary(std::string name, const ScalarLoops& loops,
                                     ScalarOp::GradientRule gradient, Slope slope = Slope::wild,
                                     ScalarOp::FactRule fact = {});
inline std::shared_ptr<const Op> real_unary(std::string name, const ScalarLoops& loops,
                                            ScalarOp::GradientRule gradient,
                                            ScalarOp::FactRule fact) {
  return real_unary(std::move(name), loops, std::move(gradient), Slope::wild, std::move(fact));
}

inline constexpr double two_over_root_pi = 1.12837916709551257390;

/// 1 - x^2, exact next to 1 and -1; its derivatives are next to 0, too.
inline Var one_less_square(const Var& x) {
  return where(abs(x) < 0.5, 1 - sqr(x), (1 - x) * (1 + x));
}

/// Where x log(y), taken as 0 for x = 0, reads y: whatever computes a y without a finite logarithm
/// counts for nothing there. With one, the flow x / y to y is 0 of itself and its derivative by x,
/// 1 / y, is not.
inline Var times_logarithm_counts(const Var& x, const Var& y) {
  return or_(neq(x, 0), and_(y > 0, y < std::numeric_limits<double>::infinity()));
}

}  // namespace damo
