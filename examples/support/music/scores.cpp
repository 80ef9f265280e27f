#include "support/music/scores.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include <damo/damo.hpp>
#include <damo/models/annealed_importance.hpp>

namespace damo::examples {
namespace {

constexpr std::int64_t score_runs = 50, score_betas = 100;

// Whether two pitches so many semitones apart sound harsh, in any octave.
constexpr bool is_dissonant[] = {false, true,  true,  false, false, false,
                                 true,  false, false, false, true,  true};

}  // namespace

std::vector<Array> first_frames(const std::vector<Array>& pieces, std::int64_t frames) {
  if (frames == 0) return pieces;
  std::vector<Array> kept;
  for (const Array& piece : pieces) {
    if (frames == 0) break;
    if (piece.shape()[0] == 0) continue;
    kept.push_back(models::cut_sequences({piece}, frames, piece.shape()[1], float32).at(0));
    frames -= kept.back().shape()[0];
  }
  return kept;
}

std::vector<Array> beginnings(const std::vector<Array>& pieces, std::int64_t frames) {
  std::vector<Array> cut;
  for (const Array& piece : pieces) {
    cut.push_back(piece.shape()[0] <= frames
                      ? piece
                      : models::cut_sequences({piece}, frames, piece.shape()[1], float32).at(0));
  }
  return cut;
}

std::vector<Array> spread_pieces(const std::vector<Array>& pieces, std::int64_t count) {
  const std::size_t n = pieces.size(), of = static_cast<std::size_t>(count);
  if (n <= of) return pieces;
  std::vector<Array> kept;
  for (std::size_t i = 0; i < of; ++i) kept.push_back(pieces[(2 * i + 1) * n / (2 * of)]);
  return kept;
}

std::vector<Array> spread_frames(const std::vector<Array>& pieces, std::int64_t frames) {
  std::vector<Array> sounding;
  std::int64_t total = 0;
  for (const Array& piece : pieces) {
    if (piece.shape()[0] > 0) sounding.push_back(piece);
    total += piece.shape()[0];
  }
  if (frames == 0 || total <= frames) return sounding;
  std::vector<Array> kept;
  for (std::size_t n = 1; n <= sounding.size(); ++n) {
    kept.clear();
    std::int64_t size = 0;
    for (const Array& piece : spread_pieces(sounding, static_cast<std::int64_t>(n))) {
      kept.push_back(piece);
      size += piece.shape()[0];
    }
    if (size >= frames) break;
  }
  return first_frames(kept, frames);
}

models::FrameScores validation_score(models::RnnRbm& model, const io::SequenceSet& data,
                                     const MusicOptions& o) {
  std::vector<Array> trained;
  for (std::size_t i = 0; i < model.averages.size(); ++i) {
    trained.push_back(model.params[i].value());
    model.params[i].set_array(model.averages[i].value());
  }
  const Array train = models::join_sequences(data.train, data.pitches(), float32);
  const Array base = evaluate(models::log_odds(constant(train)));
  const auto scores = models::score_frames(
      model, spread_frames(data.valid.empty() ? data.train : data.valid, o.score_frames), base,
      {.runs = score_runs,
       .betas = score_betas,
       .known = known_frames(data.train, data.pitches())});
  for (std::size_t i = 0; i < trained.size(); ++i) model.params[i].set_array(std::move(trained[i]));
  return scores;
}

double usable_score(const models::FrameScores& scores) {
  return 10 * std::max(scores.unsure, scores.above_one) <= scores.frames
             ? scores.log_likelihood
             : std::numeric_limits<double>::quiet_NaN();
}

std::string trouble_of(const models::FrameScores& scores) {
  if (scores.unsure == 0) return "";
  return fmt::format(
      "of {} frames {} have a log Z that hangs on one or two runs: its standard error is above "
      "half a nat; more --runs and --betas (of evaluate_music) mend it",
      scores.frames, scores.unsure);
}

MusicStatistics music_statistics(const std::vector<Array>& rolls) {
  double frames = 0, notes = 0, silent = 0, pairs = 0, dissonant = 0;
  for (const Array& roll : rolls) {
    const std::int64_t width = roll.shape()[1];
    for (std::int64_t t = 0; t < roll.shape()[0]; ++t) {
      std::vector<std::int64_t> sounding;
      for (std::int64_t p = 0; p < width; ++p) {
        if (roll.data<float>()[t * width + p] > 0.5F) sounding.push_back(p);
      }
      ++frames;
      notes += static_cast<double>(sounding.size());
      silent += sounding.empty() ? 1 : 0;
      for (std::size_t i = 0; i < sounding.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
          ++pairs;
          dissonant += is_dissonant[(sounding[i] - sounding[j]) % 12] ? 1 : 0;
        }
      }
    }
  }
  return {notes / std::max(frames, 1.0), silent / std::max(frames, 1.0),
          dissonant / std::max(pairs, 1.0)};
}

std::string to_string(const MusicStatistics& s) {
  return fmt::format("{:.2f} notes a frame, {:.1f} % silence, {:.1f} % dissonant pairs", s.notes,
                     100 * s.silent, 100 * s.dissonant);
}

}  // namespace damo::examples
