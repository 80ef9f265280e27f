#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include <damo/io/sequences.hpp>
#include <damo/models/rnn_rbm.hpp>

#include "support/training.hpp"

namespace damo::examples {

/// Settings of an RNN-RBM and of its training.
struct MusicOptions : TrainingOptions {
  std::int64_t hidden = 150;
  std::int64_t recurrent = 150;
  std::int64_t k = 10;
  std::int64_t k_generate = 50;
  std::string from = "known";
  bool real_starts = true;
  double temperature = 0;
  std::string rule = "adam";
  double rnn_lr = 0.001;
  double clip = 5;  // long sequences now and then give a gradient that is far larger
  double weight_decay = 0;
  double dropout = 0.5;
  std::int64_t transpose = 0;
  double average = 0.002;
  bool learn_u0 = true;
  std::int64_t pretrain_rbm = -1;
  std::int64_t pretrain_rnn = -1;
  bool classic = false;
  std::int64_t score_frames = 200;
  double dt = 0;
};

/// --data and --limit, the training options, and those of the model.
void add_music_options(Cli& cli, MusicOptions& options);
/// With --classic, gives the options that the command line does not name the values of the classic
/// program: gradient descent without pretraining, dropout, averages or scores.
void use_classic_settings(const Cli& cli, MusicOptions& options);
/// So many epochs of little music; of more, as many as together have so many frames, at least one.
std::int64_t epochs_that_fit(std::int64_t most, std::int64_t frames,
                             const std::vector<Array>& pieces);
/// The settings of the run whose run.json this is.
MusicOptions music_options(const io::Record& run);

/// The music that the options ask for.
io::SequenceSet load_music(const MusicOptions& options);
/// What run.json says of it.
io::Record music_info(const io::SequenceSet& data);
/// The model for that music; `known` is for --from known, without which it is `before`, `lr_factor`
/// multiplies its learning rates (optional).
models::RnnRbm make_model(const MusicOptions& options, const io::RollOptions& roll,
                          const std::optional<Array>& known = std::nullopt,
                          std::optional<Var> lr_factor = std::nullopt);
/// The frames at which Gibbs steps of composed ones start with --from known, and whose mass scores
/// count: the distinct ones of these pieces, at most 4096.
Array known_frames(const std::vector<Array>& pieces, std::int64_t pitches);
/// The trained model of a run: of its best epoch where it has scores, with the running averages of
/// the parameters where it has some. With `last`, the parameters that training ended with.
models::RnnRbm load_music_model(const MusicOptions& options, const RunFolder& run,
                                const io::RollOptions& roll, const std::optional<Array>& known,
                                bool last = false);

/// Writes NAME.mid and NAME.png into the folder.
void write_song(const RunFolder& folder, const std::string& name, const Array& roll,
                const io::RollOptions& options);

/// What turns MIDI into sound.
struct Synthesizer {
  std::string soundfont;
};
/// fluidsynth with $DAMO_SOUNDFONT or one of the usual places' sound fonts; throws IoError that
/// says what is missing.
Synthesizer find_synthesizer();
void write_wav(const Synthesizer& synthesizer, const std::filesystem::path& midi,
               const std::filesystem::path& wav);

}  // namespace damo::examples
