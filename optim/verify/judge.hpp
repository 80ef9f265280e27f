#pragma once
#include <optional>

#include <damo/graph/values/tensor.hpp>
#include <damo/optim/verify/counterexample.hpp>
#include <damo/optim/verify/truth.hpp>

// How a rewrite is judged: what it replaced and what it put in place, as computed, beside what both
// are in long double.
namespace damo::optim {

/// What a rewrite promises of each element.
enum class Promise : std::uint8_t {
  same_bits,  ///< the same bits, but for a NaN's payload
  zero_sign,  ///< the same but for the sign of zeros
  rounding,   ///< no further from the truth than rounding explains; NaN and inf stay, or become the
              ///< true finite value
  method,  ///< the same, but that all of it holds for finite numbers only where numbers on the way
           ///< are far from 1 or not finite
  stable,  ///< the same as rounding, and what is undefined at an infinity only may become the limit
           ///< there
  limit,   ///< the same, and what is undefined anywhere may become the limit there
  selection,  ///< the same as stable, and NaN may become what any numbers give in the place of what
              ///< is not finite
  whole       ///< what many rules keep together: where infinities meet, one limit taken after the
              ///< other may be any number, and the sign of an infinity may be that of a zero
};

/// The worst element of `is`, which stands in the place of `was`, if a promise is broken.
std::optional<Lie> judge(const Tensor& was, const Tensor& is, Truth truth, Promise promise);

}  // namespace damo::optim
