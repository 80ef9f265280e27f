#pragma once
#include <string>
#include <vector>

#include <damo/models/frames/frame_scores.hpp>

#include "support/music.hpp"

namespace damo::examples {

/// The first `frames` frames of the pieces; 0 is all.
std::vector<Array> first_frames(const std::vector<Array>& pieces, std::int64_t frames);
/// The first `frames` frames of each piece.
std::vector<Array> beginnings(const std::vector<Array>& pieces, std::int64_t frames);
/// So many pieces spread evenly over all.
std::vector<Array> spread_pieces(const std::vector<Array>& pieces, std::int64_t count);
/// So many frames of as few whole pieces as have them, which are spread evenly over all; 0 is all.
std::vector<Array> spread_frames(const std::vector<Array>& pieces, std::int64_t frames);

/// The validation score: the log-likelihood of frames given those before them, in nats a frame, as
/// evaluate_music --part valid --spread --frames N --runs 50 --betas 100 has it: of the running
/// averages of the parameters where there are any. Of data without a validation set, of its
/// training set. The model is left as it was.
models::FrameScores validation_score(models::RnnRbm& model, const io::SequenceSet& data,
                                     const MusicOptions& options);

/// The log-likelihood; NaN, which is no score, where of more than a tenth of the frames log Z hangs
/// on a run or two: the worse annealing finds a model's mass, the better that looks.
double usable_score(const models::FrameScores& scores);
/// "of 200 frames 3 have a log Z that hangs on ...", or nothing where none have.
std::string trouble_of(const models::FrameScores& scores);

/// What one hears at once in piano-rolls.
struct MusicStatistics {
  double notes = 0;      ///< a frame
  double silent = 0;     ///< share of frames
  double dissonant = 0;  ///< share of pairs of notes in a frame: seconds, sevenths and tritones
};
MusicStatistics music_statistics(const std::vector<Array>& rolls);
/// "3.95 notes a frame, 0.8 % silence, 7.1 % dissonant pairs".
std::string to_string(const MusicStatistics& statistics);

}  // namespace damo::examples
