#include <doctest/doctest.h>

#include <cmath>
#include <complex>
#include <cstring>
#include <limits>
#include <vector>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/values/array.hpp>
#include "tests/support/values.hpp"

using namespace damo;

TEST_CASE("dtypes: bytes of storage are one for uint8 and four for int32") {
  CHECK(item_size(uint8) == 1);
  CHECK(item_size(int32) == 4);
  CHECK(Array(uint8, Shape{60000, 784}).bytes() == 47'040'000);
  for (const DType d : all_dtypes) {
    CHECK(dispatch(d, [](auto zero) { return sizeof(zero); }) == item_size(d));
    CHECK(dispatch(d, [](auto zero) { return stored_as<decltype(zero)>(); }) == d);
  }
  CHECK(name(uint8) == "uint8");
  CHECK(name(int32) == "int32");
}

TEST_CASE(
    "dtypes: the later one in the order holds both, and what is for storage computes as int64") {
  CHECK(promote(boolean, uint8) == uint8);
  CHECK(promote(uint8, int32) == int32);
  CHECK(promote(int64, int32) == int64);
  CHECK(promote(uint8, float32) == float32);
  for (const DType d : all_dtypes) CHECK(computing(d) == (d == uint8 || d == int32 ? int64 : d));
  CHECK_THROWS_AS(dispatch_computing(uint8, [](auto) {}), InternalError);
}

TEST_CASE("dtypes: one holds all of another exactly when every number goes there and back") {
  const std::vector<double> extremes{
      0, 1, 255, -2147483648.0, 2147483647.0, 16777217.0, 9007199254740993.0, 0.1, 1e300};
  for (const DType from : all_dtypes) {
    for (const DType to : all_dtypes) {
      bool back = true;
      for (const double x : extremes) {
        const Array there = Array::scalar(x).cast(from);
        back =
            back && std::memcmp(there.cast(to).cast(from).raw(), there.raw(), there.bytes()) == 0;
      }
      // 2^53 + 1 is no double, but an int64.
      if (from == int64) {
        const Array odd = Array::scalar((std::int64_t{1} << 53) + 1);
        back = back && odd.cast(to).cast(int64).item<std::int64_t>() == odd.item<std::int64_t>();
      }
      CAPTURE(name(from));
      CAPTURE(name(to));
      CHECK(holds_all(to, from) == back);
    }
  }
}

TEST_CASE("dtypes: conversions keep the lowest bits of whole numbers and cut fractions off") {
  const Array numbers = Array::from<double>({-1, -1.9, 255.9, 256, 300, 1e300, NAN, 2147483648.0});
  const Array bytes = numbers.cast(uint8);
  const std::vector<int> expected{255, 255, 255, 0, 44, 0, 0, 0};
  for (std::size_t i = 0; i < expected.size(); ++i)
    CHECK(int{bytes.data<std::uint8_t>()[i]} == expected[i]);
  CHECK(numbers.cast(int32).data<std::int32_t>()[7] == std::numeric_limits<std::int32_t>::min());
  CHECK(numbers.cast(int64).data<std::int64_t>()[6] == std::numeric_limits<std::int64_t>::min());
  CHECK(Array::from<std::uint8_t>({0, 2}).cast(boolean).data<bool>()[1]);
}

TEST_CASE("dtypes: elements are read as what they are and as nothing else") {
  Array a = Array::from<int>({1, 2});
  CHECK(a.dtype() == int64);
  CHECK_THROWS_AS(a.data<std::int32_t>(), TypeError);
  CHECK_THROWS_AS(a.data<std::uint8_t>(), TypeError);
  CHECK(a.cast(int32).data<std::int32_t>()[1] == 2);
  CHECK(Array::from<std::uint8_t>({7}).dtype() == uint8);
  CHECK_THROWS_AS(Array::from<std::uint8_t>({7}).data<bool>(), TypeError);
}

TEST_CASE("dtypes: complex numbers are refused with what to do") {
  using Complex = std::complex<float>;
  const std::string text = test::error_of<TypeError>([] {
    Array::from_rows(std::vector<Complex>{{1, 2}});
  });
  CHECK(test::contains(text, "complex numbers are not supported"));
  CHECK(test::contains(text, "imaginary"));
}
