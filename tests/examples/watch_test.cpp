#include <doctest/doctest.h>

#include <limits>

#include "examples/support/training_options.hpp"
#include "examples/support/watch.hpp"
#include "tests/support/files.hpp"

using namespace damo;
using namespace damo::examples;

namespace {

/// As a run that goes on does.
void resume(Watch& watch) {
  io::Record record;
  watch.save(record);
  watch = Watch(Better::lower);
  watch.load(record);
}

TEST_CASE("a cost worse than before training is warned of in either direction") {
  Watch lower(Better::lower);
  lower.batch(10);
  lower.batch(3);
  CHECK(!lower.epoch(1, "cost", 20));
  CHECK(lower.epoch(2, "cost", 22)->find("diverges") != std::string::npos);
  Watch higher(Better::higher);
  higher.batch(-500);
  CHECK(!higher.epoch(1, "likelihood", -100));
  CHECK(higher.epoch(2, "likelihood", -1200)->find("likelihood of epoch 2") != std::string::npos);
  higher.restart();
  higher.batch(-1000);
  CHECK(!higher.epoch(3, "likelihood", -900));
}

TEST_CASE("five epochs that are each worse than the one before are warned of") {
  Watch watch(Better::lower);
  watch.batch(100);
  std::vector<std::int64_t> warned;
  const double costs[] = {5, 4, 5, 6, 5, 6, 7, 8, 9, 10, 11, 10};
  for (std::int64_t i = 0; i < 12; ++i) {
    if (i == 8) resume(watch);
    if (watch.epoch(i + 1, "cost", costs[i])) warned.push_back(i + 1);
  }
  CHECK(warned == std::vector<std::int64_t>{10});
}

// A share of pixels that are wrong cannot grow far, however far the weights run.
TEST_CASE("a bounded cost that stays worse than before training is warned of") {
  Watch watch(Better::lower);
  watch.batch(0.27);
  std::vector<std::int64_t> warned;
  const double costs[] = {0.48, 0.47, 0.26, 0.49, 0.48, 0.5, 0.47, 0.48, 0.5, 0.49};
  for (std::int64_t i = 0; i < 10; ++i) {
    if (i == 6) resume(watch);
    const auto warning = watch.epoch(i + 1, "error", costs[i]);
    if (!warning) continue;
    warned.push_back(i + 1);
    CHECK(warning->find("worse than before training (0.27) in each of the last 5 epochs") !=
          std::string::npos);
  }
  CHECK(warned == std::vector<std::int64_t>{8});
}

TEST_CASE("numbers that no training survives are not saved") {
  const auto check = [](const Array& a) { require_sound({.arrays = {{"w", a}}, .metadata = {}}); };
  CHECK_NOTHROW(check(Array::scalar(1e11)));
  CHECK_NOTHROW(check(Array::scalar(std::int64_t{1} << 60)));
  for (const double bad : {1e30, -1e13, std::numeric_limits<double>::infinity(),
                           std::numeric_limits<double>::quiet_NaN()}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(check(Array::scalar(bad)), NumericError);
    CHECK_THROWS_AS(check(Array::scalar(static_cast<float>(bad))), NumericError);
  }
}

TEST_CASE("learning rate schedules begin at one and fall as they say") {
  for (const std::string& name : schedule_names()) {
    CHECK(schedule_factor(name, 0) == 1);
    for (double part = 0.1; part < 1; part += 0.1)
      CHECK(schedule_factor(name, part) <= schedule_factor(name, part - 0.1));
  }
  CHECK(schedule_factor("constant", 0.7) == 1);
  CHECK(schedule_factor("linear", 0.25) == doctest::Approx(0.75));
  CHECK(schedule_factor("cosine", 0.5) == doctest::Approx(0.5));
  CHECK(schedule_factor("exponential", 0.5) == doctest::Approx(0.1));
}

}  // namespace
