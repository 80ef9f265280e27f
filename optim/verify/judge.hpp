#pragma once
#include <optional>

#include <damo/graph/values/tensor.hpp>
#include <damo/graph/wide/wide.hpp>
#include <damo/optim/verify/counterexample.hpp>

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
  whole    ///< what many rules keep together: where infinities meet, one limit taken after the
           ///< other may be any number, and the sign of an infinity may be that of a zero
};

/// Two sides of a rewrite in long double, computed when asked for.
class Truth {
 public:
  /// `exactly` holds values of inputs, or of whatever both sides have in common; `limit` the same
  /// with large numbers for infinities, or is null.
  Truth(Var before, Var after, WideEvaluation& exactly, WideEvaluation* limit)
      : before_(std::move(before)), after_(std::move(after)), exactly_(exactly), limit_(limit) {}
  const WideArray& before() { return exactly_.value(before_); }
  const WideArray& after() { return exactly_.value(after_); }
  /// Neither is there where it is an error: sizes may be computed from what is rounded.
  bool is_known();
  bool has_limit();
  const WideArray& limit_before() { return limit_->value(before_); }
  const WideArray& limit_after() { return limit_->value(after_); }
  /// Whether on the way to `before` an infinity is met and what is NaN: a limit may be taken.
  bool meets_limit();
  /// Whether all numbers on the way to `before` are finite and, where not 0, between 1e-8 and 1e8;
  /// in float32 between 1e-4 and 1e4.
  bool stays_near_one();

 private:
  Var before_, after_;
  WideEvaluation& exactly_;
  WideEvaluation* limit_;
  std::optional<bool> meets_limit_{};
};

/// The worst element of `is`, which stands in the place of `was`, if a promise is broken.
std::optional<Lie> judge(const Tensor& was, const Tensor& is, Truth truth, Promise promise);

}  // namespace damo::optim
