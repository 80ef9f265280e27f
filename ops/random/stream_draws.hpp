#pragma once
#include <optional>
#include <string_view>

#include <damo/graph/variables.hpp>
#include <damo/ops/random/draw.hpp>

namespace damo {

/// A draw from the stream with this state, whose length tells the generator: `sizes` are int64
/// scalars, one an axis; parameters of lower rank get leading axes.
Var draw(Draw::Distribution distribution, DType dtype, const SharedVar& state, const Vars& sizes,
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

/// The dtype of a continuous draw: floatX when left out; throws TypeError for one that is no float.
DType float_dtype(std::optional<DType> dtype, std::string_view what);
/// Throws NumericError for a negative number; an expression is not looked at.
void check_scale(const Arg& scale, std::string_view what);
/// What is drawn in float64 by NumPy: the parameter as Theano hands it over.
Var exact(const Arg& parameter);

}  // namespace detail

}  // namespace damo
