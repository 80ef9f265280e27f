#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include <damo/damo.hpp>
#include <damo/io/formats/npz.hpp>
#include "examples/support/music/composer.hpp"
#include "tests/support/files.hpp"

using namespace damo;
using namespace damo::examples;

namespace {

constexpr std::int64_t width = 88;

// Frames, each with its own notes.
Array roll(const std::vector<std::vector<int>>& frames) {
  Array made(float32, {static_cast<std::int64_t>(frames.size()), width});
  for (std::size_t t = 0; t < frames.size(); ++t) {
    for (const int note : frames[t])
      made.data<float>()[static_cast<std::int64_t>(t) * width + note] = 1;
  }
  return made;
}

// A model whose notes are independent, each as likely as sigmoid(bias / temperature).
models::RnnRbm model_of(float bias) {
  models::RnnRbm model({.n_hidden = 1, .n_hidden_recurrent = 1, .k_generate = 1});
  for (const SharedVar& p : model.params) p.set_array(Array(float32, p.value().shape()));
  model.parameters.bv.set_array(Array::from(std::vector<float>(width, bias), Shape{width}));
  return model;
}

TEST_CASE("composer: a run keeps the first frames of the pieces trained on") {
  const test::TemporaryFolder temporary;
  const RunFolder run = RunFolder::create("toy", temporary / "run", false);
  CHECK(!load_starts(run, width));
  save_starts(run, {roll({{3, 5}, {9}}), Array(float32, {0, width}), roll({{}, {9}})});
  const auto starts = load_starts(run, width);
  REQUIRE(starts);
  REQUIRE(starts->shape() == Shape{2, width});
  const Array expected = roll({{3, 5}, {}});
  for (std::int64_t i = 0; i < starts->elements(); ++i)
    REQUIRE(starts->data<float>()[i] == expected.data<float>()[i]);
  save_starts(run, std::vector<Array>(2500, roll({{1}})));
  CHECK(load_starts(run, width)->shape()[0] == 1000);

  CHECK(test::io_error([&] { load_starts(run, 12); }).find("'starts' of 0 and 1, (any, 12)") !=
        std::string::npos);
  Array velocities = roll({{1}});
  velocities.data<float>()[1] = 64;
  for (const char* name : {"other", "starts"}) {
    io::write_npz(run / starts_name, {{name, velocities}});
    CHECK_THROWS_AS(load_starts(run, width), IoError);
  }
}

TEST_CASE("composer: pieces begin with a start that the seed draws, or go on from what is primed") {
  models::RnnRbm model = model_of(-50);  // silence
  const Array starts = roll({{1}, {2}, {3}, {4}});
  const auto first_note = [](const Array& piece) {
    for (int note = 0; note < width; ++note) {
      if (piece.data<float>()[note] != 0) return note;
    }
    return 0;
  };
  const auto begin = [&](const Beginnings& how) {
    Composer composer(model, how);
    std::vector<int> notes;
    for (int i = 0; i < 20; ++i) {
      const Array piece = composer.compose(3, 1);
      REQUIRE(piece.shape() == Shape{3, width});
      notes.push_back(first_note(piece));
      CHECK(composer.begun() ==
            (notes.back() == 0 ? "" : "begun as piece " + std::to_string(notes.back()) + " of 4"));
    }
    return notes;
  };
  const auto notes = begin({.starts = starts, .seed = 5});
  CHECK(std::set<int>(notes.begin(), notes.end()) == std::set<int>{1, 2, 3, 4});
  CHECK(begin({.starts = starts, .seed = 5}) == notes);
  CHECK(begin({.starts = starts, .seed = 6}) != notes);
  const std::vector<int> silence(20, 0);
  CHECK(begin({.prime = roll({{7}}), .starts = starts, .seed = 5}) == silence);
  CHECK(begin({}) == silence);
  Composer composer(model, {.starts = starts});
  CHECK(composer.compose(1, 1).shape() == Shape{1, width});
}

TEST_CASE(
    "composer: deviations are parts of the real value, of shares at least of 1 %, and add up") {
  const MusicStatistics real{.notes = 4, .silent = 0.02, .dissonant = 0.1};
  CHECK(deviation(real, real) == 0);
  CHECK(deviation({.notes = 3, .silent = 0.02, .dissonant = 0.1}, real) == doctest::Approx(0.25));
  CHECK(deviation({.notes = 3, .silent = 0.03, .dissonant = 0.1}, real) == doctest::Approx(0.75));
  CHECK(deviation({.notes = 4, .silent = 0.02, .dissonant = 0.17}, real) == doctest::Approx(0.7));
  CHECK(deviation({.notes = 4, .silent = 0.004}, {.notes = 4}) == doctest::Approx(0.4));
}

TEST_CASE("composer: the temperature that fits is the one the pieces were drawn at") {
  for (const double temperature : {0.7, 0.85, 1.0, 1.1}) {
    models::RnnRbm source = model_of(-1.5F / static_cast<float>(temperature));
    std::vector<Array> pieces;
    for (int i = 0; i < 10; ++i) pieces.push_back(source.generate(300));
    models::RnnRbm model = model_of(-1.5F);
    std::int64_t calls = 0;
    const auto fitted = fit_temperature(model, {}, pieces, 1500, [&](auto done, auto total) {
      CHECK(done == calls++);
      CHECK(total == 5 * 6);  // half of the pieces have half of the frames
    });
    CHECK(fitted.temperature == temperature);
    CHECK(fitted.real.notes ==
          doctest::Approx(width / (1 + std::exp(1.5 / temperature))).epsilon(0.02));
    CHECK(calls >= 15);
  }
}

TEST_CASE("composer: what was asked for comes before what a run was told, and that before a fit") {
  io::Record run;
  CHECK(temperature_of(0, run) == 1);
  run.set("temperature", 0.0).set("fitted_temperature", 0.85);
  CHECK(temperature_of(0, run) == 0.85);
  CHECK(temperature_of(0.5, run) == 0.5);
  run.set("temperature", 0.9);
  CHECK(temperature_of(0, run) == 0.9);
  CHECK_THROWS_AS(check_temperature(0.005), UsageError);
}

TEST_CASE("music has fewer epochs where there is more of it") {
  const auto of = [](std::int64_t frames) {
    return epochs_that_fit(80, 2000000,
                           {Array(float32, {frames / 2, 1}), Array(float32, {frames / 2, 1})});
  };
  CHECK(of(0) == 80);
  CHECK(of(13806) == 80);
  CHECK(of(199998) == 10);
  CHECK(of(100000000) == 1);
}

}  // namespace
