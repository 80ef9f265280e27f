#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "examples/support/music/scores.hpp"
#include "examples/support/music/transpose.hpp"
#include "tests/support/files.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using namespace damo::examples;

namespace {

// The log-likelihood of frame t, by the sum over the hidden units' states.
double exact_log_likelihood(const models::RnnRbm& model, const models::RnnRbm::Biases& biases,
                            const Array& piece, std::int64_t t) {
  const std::int64_t nv = model.n_visible(), nh = model.options.n_hidden;
  const Array W = model.parameters.W.value();
  const float* bv = biases.bv.data<float>() + t * nv;
  const float* bh = biases.bh.data<float>() + t * nh;
  const auto to_hidden = [&](const float* v, std::int64_t j) {
    double sum = bh[j];
    for (std::int64_t i = 0; i < nv; ++i) sum += v[i] * W.data<float>()[i * nh + j];
    return sum;
  };
  double z = 0;
  for (int h = 0; h < 1 << nh; ++h) {
    double log_term = 0;
    for (std::int64_t j = 0; j < nh; ++j) log_term += (h >> j & 1) != 0 ? bh[j] : 0;
    for (std::int64_t i = 0; i < nv; ++i) {
      double sum = bv[i];
      for (std::int64_t j = 0; j < nh; ++j)
        sum += (h >> j & 1) != 0 ? W.data<float>()[i * nh + j] : 0;
      log_term += std::log1p(std::exp(sum));
    }
    z += std::exp(log_term);
  }
  const float* v = piece.data<float>() + t * nv;
  double log_p = 0;
  for (std::int64_t i = 0; i < nv; ++i) log_p += v[i] * bv[i];
  for (std::int64_t j = 0; j < nh; ++j) log_p += std::log1p(std::exp(to_hidden(v, j)));
  return log_p - std::log(z);
}

TEST_CASE("music statistics: notes, silence and dissonant pairs are counted frame by frame") {
  Array roll(float32, Shape{4, 24});
  const auto on = [&](std::int64_t t, std::int64_t p) { roll.data<float>()[t * 24 + p] = 1; };
  on(0, 0), on(0, 4), on(0, 7);   // a triad: no dissonance among 3 pairs
  on(1, 0), on(1, 1), on(1, 13);  // a second, a second and an octave, an octave
  on(2, 5);
  const MusicStatistics s = music_statistics({roll});
  CHECK(s.notes == doctest::Approx(7.0 / 4));
  CHECK(s.silent == doctest::Approx(1.0 / 4));
  CHECK(s.dissonant == doctest::Approx(2.0 / 6));
  CHECK(music_statistics({}).notes == 0);
}

TEST_CASE("the first frames of pieces are so many, over the ends of pieces") {
  const std::vector<Array> pieces = {Array(float32, Shape{3, 5}), Array(float32, Shape{0, 5}),
                                     Array(float32, Shape{4, 5}), Array(float32, Shape{2, 5})};
  for (const std::int64_t frames : {1, 3, 5, 7, 9, 100}) {
    std::int64_t total = 0;
    for (const Array& piece : first_frames(pieces, frames)) total += piece.shape()[0];
    CHECK(total == std::min<std::int64_t>(frames, 9));
  }
  CHECK(first_frames(pieces, 0).size() == 4);
}

std::vector<Array> numbered_pieces(const std::vector<std::int64_t>& sizes) {
  std::vector<Array> pieces;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    pieces.emplace_back(float32, Shape{sizes[i], 2});
    for (std::int64_t t = 0; t < 2 * sizes[i]; ++t)
      pieces[i].data<float>()[t] = static_cast<float>(i);
  }
  return pieces;
}

TEST_CASE("spread frames come from pieces over the whole part, as few as have them") {
  const auto pieces = numbered_pieces({4, 4, 0, 4, 4, 4, 4, 4});
  const auto from = [&](std::int64_t frames) {
    std::vector<int> found;
    for (const Array& piece : spread_frames(pieces, frames))
      found.push_back(static_cast<int>(piece.data<float>()[0]));
    return found;
  };
  CHECK(from(3) == std::vector{4});
  CHECK(from(8) == std::vector{1, 6});
  CHECK(from(12) == std::vector{1, 4, 6});
  CHECK(from(0).size() == 7);
  CHECK(from(1000).size() == 7);
  for (std::int64_t frames = 1; frames <= 28; ++frames) {
    std::int64_t total = 0;
    for (const Array& piece : spread_frames(pieces, frames)) total += piece.shape()[0];
    CHECK(total == frames);
  }
  CHECK(spread_frames({}, 5).empty());
}

TEST_CASE("a piece is transposed as a whole, and never out of the roll") {
  test::TestRandom random(3);
  for (int times = 0; times < 100; ++times) {
    Array roll(float32, Shape{5, 12});
    std::int64_t low = 12, high = -1;
    for (std::size_t notes = random.below(6); notes > 0; --notes) {
      const auto p = static_cast<std::int64_t>(random.below(12));
      roll.data<float>()[static_cast<std::int64_t>(random.below(5)) * 12 + p] = 1;
      low = std::min(low, p), high = std::max(high, p);
    }
    const std::int64_t by = static_cast<std::int64_t>(random.below(25)) - 12;
    const Array moved = transposed_by(roll, by);
    const std::int64_t real = high < 0 ? 0 : std::clamp<std::int64_t>(by, -low, 11 - high);
    for (std::int64_t t = 0; t < 5; ++t) {
      for (std::int64_t p = 0; p < 12; ++p) {
        const std::int64_t before = p - real;
        const float expected = before < 0 || before >= 12 ? 0 : roll.data<float>()[t * 12 + before];
        CHECK(moved.data<float>()[t * 12 + p] == expected);
      }
    }
  }
}

TEST_CASE("every transposition comes, another one with seed, epoch and piece") {
  std::set<std::int64_t> seen;
  int same = 0;
  for (std::int64_t epoch = 0; epoch < 100; ++epoch) {
    const std::int64_t n = semitones_of(5, 7, epoch, 3);
    CHECK(n == semitones_of(5, 7, epoch, 3));
    same += n == semitones_of(5, 8, epoch, 3) ? 1 : 0;
    same += n == semitones_of(5, 7, epoch, 4) ? 1 : 0;
    seen.insert(n);
  }
  CHECK(same < 50);  // by chance about 18
  CHECK(seen.size() == 11);
  CHECK(*seen.begin() == -5);
  CHECK(semitones_of(0, 7, 1, 1) == 0);
}

TEST_CASE("a score that more than a tenth of the frames contradict is none, and is told") {
  models::FrameScores scores;
  scores.frames = 20, scores.log_likelihood = -1.5;
  CHECK(usable_score(scores) == -1.5);
  CHECK(trouble_of(scores) == "");
  scores.unsure = 2;
  CHECK(usable_score(scores) == -1.5);
  CHECK(test::contains(trouble_of(scores),
                       "of 20 frames 2 have a log Z that hangs on one or two runs"));
  scores.unsure = 3;
  CHECK(std::isnan(usable_score(scores)));
}

TEST_CASE("beginnings and spread pieces are parts of what is there, in its order") {
  std::vector<Array> pieces;
  for (const std::int64_t frames : {3, 0, 5, 2, 7}) pieces.emplace_back(float32, Shape{frames, 88});
  const std::vector<Array> cut = beginnings(pieces, 3);
  REQUIRE(cut.size() == 5);
  std::vector<std::int64_t> lengths;
  for (const Array& piece : cut) lengths.push_back(piece.shape()[0]);
  CHECK(lengths == std::vector<std::int64_t>{3, 0, 3, 2, 3});
  CHECK(spread_pieces(pieces, 9).size() == 5);
  lengths.clear();
  for (const Array& piece : spread_pieces(pieces, 2)) lengths.push_back(piece.shape()[0]);
  CHECK(lengths == std::vector<std::int64_t>{0, 2});
}

TEST_CASE("the validation score of averages leaves the model as it was, and is that of AIS") {
  MusicOptions o;
  o.hidden = 5, o.recurrent = 4, o.average = 0.5, o.score_frames = 20;
  io::SequenceSet data = io::load_sequences("chorales");
  data.train.resize(3);
  models::RnnRbm model = make_model(o, data.roll);
  for (int i = 0; i < 30; ++i) model.train_chunk(data.train[0]);
  std::vector<Array> before;
  for (const SharedVar& p : model.params) before.push_back(p.value());
  const double score = validation_score(model, data, o).log_likelihood;
  for (std::size_t i = 0; i < before.size(); ++i)
    test::check_same_bits(before[i], model.params[i].value());
  CHECK(score == validation_score(model, data, o).log_likelihood);
  // With five hidden units log Z is the sum over all their states.
  model.use_averages();
  double exact = 0;
  std::int64_t frames = 0;
  for (const Array& piece : spread_frames(data.valid, o.score_frames)) {
    const auto biases = model.biases(piece);
    for (std::int64_t t = 0; t < piece.shape()[0]; ++t, ++frames)
      exact += exact_log_likelihood(model, biases, piece, t);
  }
  CHECK(score == doctest::Approx(exact / static_cast<double>(frames)).epsilon(0.01));
}

}  // namespace
