#include <doctest/doctest.h>

#include <cmath>

#include <damo/graph/errors/error.hpp>
#include "examples/support/music_baselines.hpp"

using namespace damo;

namespace {

Array roll(std::int64_t width, const std::vector<float>& values) {
  return Array::from(values, {static_cast<std::int64_t>(values.size()) / width, width});
}

}  // namespace

TEST_CASE("music baselines: likelihoods are those of their definitions") {
  // Two notes; training has the frames 10 10 11, the test 10 01.
  const std::vector<Array> train = {roll(2, {1, 0, 1, 0, 1, 1})};
  const std::vector<Array> test = {roll(2, {1, 0, 0, 1})};
  const auto rows = examples::music_baselines(train, test);
  REQUIRE(rows.size() == 5);
  CHECK(rows[0].name == "Random");
  CHECK(*rows[0].log_likelihood == doctest::Approx(-2 * std::log(2.0)));
  // 0.9 of 2/3 and 0.1 of 1/4; 01 was never there.
  CHECK(rows[1].name == "1-Gram (Add-p)");
  CHECK(*rows[1].log_likelihood ==
        doctest::Approx((std::log(0.9 * 2 / 3 + 0.025) + std::log(0.025)) / 2));
  // Note 0 is on with probability 4/5, note 1 with 2/5.
  CHECK(rows[2].name == "Note 1-Gram");
  CHECK(*rows[2].log_likelihood ==
        doctest::Approx((std::log(0.8 * 0.6) + std::log(0.2 * 0.4)) / 2));
  // 4 of 6 notes: 5/8.
  CHECK(rows[3].name == "Note 1-Gram (IID)");
  CHECK(*rows[3].log_likelihood == doctest::Approx(std::log(5.0 / 8 * 3 / 8)));
}

TEST_CASE("music baselines: repeating the frame before is scored note by note") {
  // Against silence: 0 of 1. Frames 2 and 3: 1 right of 2 and 1 of 1. Then silence on silence: 1.
  const std::vector<Array> piece = {roll(2, {1, 0, 1, 1, 1, 1, 0, 0, 0, 0})};
  const auto rows = examples::music_baselines(piece, piece);
  const auto& repeated = rows.back();
  CHECK(!repeated.log_likelihood);
  CHECK(repeated.accuracy == doctest::Approx((0 + 0.5 + 1 + 0 + 1) / 5));
  CHECK(repeated.bay_accuracy == doctest::Approx(3.0 / (1 + 2 + 2 + 2 + 0)));
  CHECK_THROWS_AS(examples::music_baselines(piece, {}), ShapeError);
}
