#pragma once
#include <optional>
#include <utility>

#include <damo/graph/var.hpp>
#include <damo/graph/wide/wide.hpp>

namespace damo::optim {

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
  /// Whether a function on the way to `before` is another number at a zero of the other sign, as
  /// 1 / 0 is.
  bool sign_of_zero_counts();
  /// Whether all numbers on the way to `before` are finite and, where not 0, between 1e-8 and 1e8;
  /// in float32 between 1e-4 and 1e4.
  bool stays_near_one();

 private:
  Var before_, after_;
  WideEvaluation& exactly_;
  WideEvaluation* limit_;
  std::optional<bool> meets_limit_{}, sign_of_zero_counts_{};
};

}  // namespace damo::optim
