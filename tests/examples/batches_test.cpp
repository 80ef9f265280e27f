#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <numeric>

#include <damo/damo.hpp>
#include "examples/support/batches.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using namespace damo::examples;

namespace {

// Image i is (i, -i), its class is i.
Array images(std::int64_t n) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < n; ++i) {
    values.push_back(static_cast<float>(i));
    values.push_back(static_cast<float>(-i));
  }
  return Array::from(values, {n, 2});
}
Array classes(std::int64_t n) {
  std::vector<std::int64_t> values(static_cast<std::size_t>(n));
  std::iota(values.begin(), values.end(), 0);
  return Array::from(values);
}

// The images of an epoch in their order.
std::vector<std::int64_t> epoch(Batches& batches, std::int64_t number) {
  const Var index = lscalar("index");
  Function f = function({index}, {batches.images(index), batches.labels(index)});
  batches.set_epoch(number);
  std::vector<std::int64_t> seen;
  for (std::int64_t b = 0; b < batches.count(); ++b) {
    const Outputs out = f(b);
    const auto x = out[0].values<float>();
    const auto y = out[1].values<std::int64_t>();
    for (std::size_t i = 0; i < y.size(); ++i) {
      CHECK(x[2 * i] == static_cast<float>(y[i]));
      CHECK(x[2 * i + 1] == static_cast<float>(-y[i]));
      seen.push_back(y[i]);
    }
  }
  return seen;
}

TEST_CASE("batches are the images bit for bit, in bytes where these hold them") {
  const Shape shape{4, 3};
  const auto check = [&](const std::vector<float>& values, DType held) {
    const Array all = Array::from(values, shape);
    for (const bool shuffle : {false, true}) {
      TrainingOptions o;
      o.batch = 2;
      o.shuffle = shuffle;
      Batches batches(all, {}, o);
      batches.set_epoch(0);
      const Var index = lscalar("index");
      Function f = function({index}, {batches.images(index)});
      test::check_same_bits(evaluate(batches.all_images()), all);
      if (!shuffle) {
        for (std::int64_t k = 0; k < 6; ++k)
          CHECK(f(1)[0].data<float>()[k] == all.data<float>()[6 + k]);
      }
      const bool in_bytes = print(batches.images(index)).find("uint8") != std::string::npos;
      CHECK(in_bytes == (held == uint8));
    }
  };
  const float byte = 1.0F / 256;
  check({0, byte, 2 * byte, 255 * byte, 0.5F, 0.25F, 0, 0, 0, byte, 7 * byte, 100 * byte}, uint8);
  check({0, 1, 1, 0, 0, 1, 0, 0, 1, 1, 1, 1}, uint8);
  check({0, 1, byte, 0, 0, 1, 0, 0, 1, 1, 1, 1}, float32);   // 1 is 256 bytes
  check({-0.0F, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, float32);  // bytes have no -0
  check({0.3F, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, float32);
  check({NAN, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, float32);
  check({-byte, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, float32);
}

TEST_CASE("every image is in every epoch and the last batch is filled up from its start") {
  for (const bool shuffle : {false, true}) {
    for (const std::int64_t n : {7, 8, 9, 12, 13}) {
      CAPTURE(shuffle);
      CAPTURE(n);
      TrainingOptions o;
      o.batch = 4;
      o.shuffle = shuffle;
      Batches batches(images(n), classes(n), o);
      CHECK(batches.count() == (n + 3) / 4);
      const std::vector<std::int64_t> first = epoch(batches, 0), second = epoch(batches, 1);
      for (const auto& seen : {first, second}) {
        REQUIRE(seen.size() == static_cast<std::size_t>(batches.count() * 4));
        std::vector<std::int64_t> once(seen.begin(), seen.begin() + n);
        std::sort(once.begin(), once.end());
        for (std::int64_t i = 0; i < n; ++i) CHECK(once[static_cast<std::size_t>(i)] == i);
        for (std::size_t i = static_cast<std::size_t>(n); i < seen.size(); ++i)
          CHECK(seen[i] == seen[i - static_cast<std::size_t>(n)]);
      }
      CHECK((first == second) == !shuffle);
      CHECK(first == epoch(batches, 0));
      CHECK(batches.info().has("last_batch") == (n % 4 != 0));
      CHECK(evaluate(batches.all_images()).shape() == Shape{n, 2});
    }
  }
}

TEST_CASE("fewer images than a batch are an error that says so") {
  TrainingOptions o;
  o.batch = 4;
  CHECK_THROWS_WITH_AS(Batches(images(3), Array(), o),
                       "training: there is not a single full batch of data: --batch 4 is more than "
                       "the 3 images",
                       ShapeError);
}

}  // namespace
