#pragma once
#include <cstdint>

#include <damo/graph/values/dtype.hpp>

namespace damo {

/// What is known of every element of a variable, in exact arithmetic (a sigmoid is positive, though
/// it may underflow). NaN is ruled out by `finite` alone and must not be argued away with the
/// others.
struct Fact {
  bool nonnegative = false;
  bool positive = false;
  bool at_most_one = false;
  bool integer = false;
  /// Neither NaN nor infinite, as computed.
  bool finite = false;
  /// The size of an axis, or made of such: sums and products of a few stay in int64's range.
  bool count = false;
  /// Not proven: a loop's state that is binary if its initial value is.
  bool perhaps_binary = false;

  bool binary() const { return nonnegative && at_most_one && integer; }
  friend bool operator==(const Fact&, const Fact&) = default;
};

/// Of a truth value, as a number.
inline constexpr Fact zero_or_one{
    .nonnegative = true, .at_most_one = true, .integer = true, .finite = true};
/// Of a probability that may be 0 or 1.
inline constexpr Fact zero_to_one{.nonnegative = true, .at_most_one = true};

/// What holds of an element that is one of either.
constexpr Fact common_fact(const Fact& a, const Fact& b) {
  return {.nonnegative = a.nonnegative && b.nonnegative,
          .positive = a.positive && b.positive,
          .at_most_one = a.at_most_one && b.at_most_one,
          .integer = a.integer && b.integer,
          .finite = a.finite && b.finite,
          .count = a.count && b.count,
          .perhaps_binary = a.perhaps_binary && b.perhaps_binary};
}
constexpr Fact fact_of_sum(const Fact& a, const Fact& b) {
  return {.nonnegative = a.nonnegative && b.nonnegative,
          .positive = (a.positive && b.nonnegative) || (a.nonnegative && b.positive),
          .integer = a.integer && b.integer,
          .count = a.count && b.count};
}
/// Of a * b for independent a and b.
constexpr Fact fact_of_product(const Fact& a, const Fact& b) {
  return {.nonnegative = a.nonnegative && b.nonnegative,
          .positive = a.positive && b.positive,
          .at_most_one = a.nonnegative && a.at_most_one && b.nonnegative && b.at_most_one,
          .integer = a.integer && b.integer,
          .count = a.count && b.count};
}
constexpr Fact fact_of_maximum(const Fact& a, const Fact& b) {
  return {.nonnegative = a.nonnegative || b.nonnegative,
          .positive = a.positive || b.positive,
          .at_most_one = a.at_most_one && b.at_most_one,
          .integer = a.integer && b.integer,
          .finite = a.finite && b.finite};
}
constexpr Fact fact_of_minimum(const Fact& a, const Fact& b) {
  return {.nonnegative = a.nonnegative && b.nonnegative,
          .positive = a.positive && b.positive,
          .at_most_one = a.at_most_one || b.at_most_one,
          .integer = a.integer && b.integer,
          .finite = a.finite && b.finite};
}
/// Of a sum of any number of such elements, 0 for none of them.
constexpr Fact fact_of_total(const Fact& x) {
  return {.nonnegative = x.nonnegative, .integer = x.integer};
}

/// Of a sum or product in that dtype: whole numbers may have left its range, and come out anywhere.
constexpr Fact unless_wrapped(const Fact& fact, DType dtype) {
  return dtype == DType::int64 ? Fact{.integer = true} : fact;
}

/// Where the elements of an output come from when each of them is an element of an input: the
/// inputs in [first, end), and how it is found among theirs.
struct Origin {
  enum class Way : std::uint8_t {
    same_place,  ///< at its own place there, or where stretching puts it
    elsewhere,   ///< at a place that other inputs or the op's parameters say: reshaped, joined
    by_value     ///< at a place that depends on what the elements are: an extremum
  };
  std::uint32_t first = 0, end = 0;
  Way way = Way::elsewhere;

  /// Whether there is no such input: the elements are computed.
  bool none() const { return first == end; }
  /// Whether an elementwise function of the output is the same move of the function's values at
  /// these inputs.
  bool moves() const { return first != end && way != Way::by_value; }
};

}  // namespace damo
