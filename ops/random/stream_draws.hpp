#pragma once
#include <initializer_list>
#include <optional>
#include <string_view>

#include <damo/graph/variables.hpp>
#include <damo/ops/random/draw.hpp>
#include <damo/ops/shape/sizes.hpp>

namespace damo {

/// A draw from the stream with this state, whose length tells the generator: `sizes` are int64
/// scalars, one an axis; parameters of lower rank get leading axes.
Var draw(const Distribution& distribution, DType dtype, const SharedVar& state, const Vars& sizes,
         Vars parameters, Site site);

/// How gamma draws z (of scale 1) and beta draws move with a parameter while their quantile stays
/// (ops/kernels/elementwise/implicit.hpp), element by element. They have no derivatives of their
/// own.
Var gamma_derivative(const Arg& shape, const Arg& z);
Var beta_derivative_a(const Arg& a, const Arg& b, const Arg& z);
Var beta_derivative_b(const Arg& a, const Arg& b, const Arg& z);

/// The state from which most draws were made, of those that several draws of one stream propose.
Var farthest_state(const Vars& states);

namespace detail {

/// The dtype of a draw that is not asked for one: the one in which its float parameters meet,
/// floatX where all are numbers or integers.
DType draw_dtype(std::optional<DType> asked, std::initializer_list<const Arg*> parameters);
/// The same for a continuous draw: throws TypeError for a dtype that is no float.
DType float_dtype(std::optional<DType> asked, std::initializer_list<const Arg*> parameters,
                  std::string_view who);
/// `parameter` in `dtype`, stretched to `size`. Throws ShapeError, with the user's line, when it is
/// larger than the sample or of another size: a sample has one number for each of its elements.
Var fitted(const Arg& parameter, DType dtype, const Sizes& size, std::string_view who);
/// A parameter that counts, as int64. Throws TypeError that names the cast for a float expression.
Var whole_number(const Arg& parameter, std::string_view who, std::string_view what);

/// Whether a parameter is the number `value` itself.
inline bool is_literal(const Arg& a, double value) { return a.is_literal() && a.real() == value; }
/// The value of a parameter that is known when the draw is made.
std::optional<double> known_number(const Arg& parameter);
[[noreturn]] void refuse_number(const Arg& parameter, std::string_view who, std::string_view what,
                                double value);
inline bool is_positive(double x) { return x > 0; }
/// Throws NumericError, with the user's line, unless a parameter that is known when the draw is
/// made is accepted; another one is not looked at.
template <class Accepts>
void check_known(const Arg& parameter, std::string_view who, std::string_view what,
                 Accepts&& accepts) {
  const auto value = known_number(parameter);
  if (value && !accepts(*value)) refuse_number(parameter, who, what, *value);
}
void check_scale(const Arg& scale, std::string_view who);
/// `p`, a parameter of a draw that is computed from others: of one that was not known when the draw
/// was made, a run finds whether all elements are accepted. Throws AssertionError, which says what
/// is needed and the user's line.
Var in_range(const Var& p, const Var& accepted, std::string_view who, std::string_view needed);
/// A scale, shape or rate that has to be above 0, or at least 0.
Var positive(const Var& p, std::string_view who, std::string_view what);
Var not_negative(const Var& p, std::string_view who, std::string_view what);
void check_probability(const Arg& p, std::string_view who);
/// That low is below high where both are known (or no larger).
void check_order(const Arg& low, const Arg& high, std::string_view who, bool may_be_equal);
/// What is drawn in float64 by NumPy: the parameter as Theano hands it over.
Var exact(const Arg& parameter, const Sizes& size, std::string_view who);
/// The one or the other.
Var fitted(bool numpy, const Arg& parameter, DType dtype, const Sizes& size, std::string_view who);

}  // namespace detail

}  // namespace damo
