// Trains an RNN-RBM on music and composes: a recurrent network sets the biases of an RBM for each
// frame of a piano-roll. Training is a loop within the graph (with its gradient through time);
// generation is a loop that holds another. The model is models/rnn_rbm.hpp.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include <damo/damo.hpp>
#include <damo/io/formats/midi.hpp>

#include "support/kernels.hpp"
#include "support/music.hpp"
#include "support/music/composer.hpp"
#include "support/music/scores.hpp"
#include "support/music/transpose.hpp"
#include "support/program.hpp"
#include "support/stop.hpp"

namespace damo::examples {
namespace {

constexpr std::int64_t pretraining_frames = 2'000'000, training_frames = 8'000'000;
constexpr std::int64_t patient_frames = 1'000'000;
constexpr std::int64_t quick_pieces = 10, quick_epochs = 2;
constexpr std::int64_t fitted_frames = 30000, quick_fitted_frames = 300;
constexpr const char* score_name = "validation_log_likelihood";

struct Options : MusicOptions {
  double seconds = 60;
  std::int64_t songs = 2;
  std::string prime;
  bool wav = false;
  bool fit_epochs = false;  // --epochs is not given: at most so many
  bool fit_patience = false;
};

void add_options(Cli& cli, Options& o) {
  add_music_options(cli, o);
  cli.option("--seconds", o.seconds, "length of a generated piece", {0.1, 3600, "s"});
  cli.option("--songs", o.songs, "pieces to generate", {0, 1000});
  cli.option("--prime", o.prime, "a MIDI file that the generated pieces continue");
  cli.flag("--wav", o.wav, "also write sound, by fluidsynth");
}

// The temperature asked for, or that which fits.
double temperature(Training& training, models::RnnRbm& model, const Beginnings& how,
                   const io::SequenceSet& data, const Options& o) {
  if (o.temperature > 0) return o.temperature;
  const auto& real = data.valid.empty() ? data.train : data.valid;
  const FittedTemperature fitted = fit_temperature(
      model, {.starts = how.starts, .seed = how.seed}, real,
      o.quick ? quick_fitted_frames : fitted_frames, [&](std::int64_t done, std::int64_t all) {
        training.part_done("fitting the temperature", done, all);
      });
  training.note(fmt::format("temperature {}: {}", fitted.temperature, to_string(fitted.composed)));
  training.note(fmt::format("validation set: {}", to_string(fitted.real)));
  training.add_info(io::Record().set("fitted_temperature", fitted.temperature));
  return fitted.temperature;
}

void compose(Training& training, models::RnnRbm& model, const io::SequenceSet& data,
             const Options& o) {
  const std::optional<Synthesizer> synthesizer =
      o.wav ? std::optional(find_synthesizer()) : std::nullopt;
  const RunFolder& folder = training.folder();
  const auto write = [&](const std::string& name, const Array& roll) {
    write_song(folder, name, roll, data.roll);
    if (synthesizer)
      write_wav(*synthesizer, folder / (name + ".mid"), folder.output(name + ".wav"));
  };
  save_starts(folder, data.train);
  Beginnings how{.seed = static_cast<std::uint64_t>(o.seed)};
  if (o.real_starts) how.starts = load_starts(folder, data.pitches());
  const double heat = temperature(training, model, how, data, o);
  if (!o.prime.empty()) how.prime = io::read_piano_roll(o.prime, data.roll);
  Composer composer(model, how);

  const std::int64_t frames = std::max<std::int64_t>(model.steps_of(o.seconds), 1);
  const std::vector<Array> real = beginnings(data.test.empty() ? data.train : data.test, frames);
  std::vector<Array> songs;
  for (std::int64_t i = 0; i < o.songs; ++i) {
    training.part_done("composing", i, o.songs);
    songs.push_back(composer.compose(frames, heat));
    write(fmt::format("song_{}", i + 1), songs.back());
    const auto piece = static_cast<std::size_t>(i);
    if (piece < real.size() && real[piece].shape()[0] > 0)
      write(fmt::format("real_{}", i + 1), real[piece]);
  }
  if (songs.empty()) return;
  training.note("generated: " + to_string(music_statistics(songs)));
  training.note("real:      " + to_string(music_statistics(real)));
}

void pretrain(Training& training, models::RnnRbm& model, const io::SequenceSet& data,
              const Options& o) {
  save_starts(training.folder(), data.train);  // also of a run that is stopped
  const auto report = [&](const char* what, const char* unit, std::int64_t epochs) {
    return [=, &training](std::int64_t epoch, double value) {
      if (epoch + 1 == epochs || epoch % 10 == 9)
        training.note(
            fmt::format("{} epoch {}/{}  {} {:.3f}", what, epoch + 1, epochs, unit, value));
      return !stop_requested();
    };
  };
  const auto epochs = [&](std::int64_t asked, std::int64_t most) {
    return asked >= 0
               ? asked
               : epochs_that_fit(o.quick ? quick_epochs : most, pretraining_frames, data.train);
  };
  const std::int64_t rbm = epochs(o.pretrain_rbm, 80), rnn = epochs(o.pretrain_rnn, 40);
  if (rbm > 0) {
    model.pretrain_rbm(
        data.train, {.epochs = rbm, .on_epoch = report("RBM on frames:", "free-energy gap", rbm)});
    leave_if_stopped();
  }
  if (rnn > 0) {
    model.pretrain_rnn(data.train, {.epochs = rnn,
                                    .batch_size = o.batch,
                                    .on_epoch = report("RNN alone:", "cross-entropy", rnn)});
    leave_if_stopped();
  }
}

int train_rnn_rbm(Training& training, Options& o) {
  if (o.wav) find_synthesizer();  // now rather than after hours of training
  if (!o.prime.empty()) io::read_midi(o.prime);
  const io::SequenceSet data = load_music(o);
  if (o.fit_epochs) o.epochs = epochs_that_fit(o.epochs, training_frames, data.train);
  if (o.fit_patience) o.patience = epochs_that_fit(o.patience, patient_frames, data.train);
  models::RnnRbm model =
      make_model(o, data.roll, known_frames(data.train, data.pitches()), training.lr_factor());
  const std::vector<Array> chunks =
      models::cut_sequences(data.train, o.batch, model.n_visible(), float32);

  const auto seed = static_cast<std::uint64_t>(o.seed);
  std::int64_t ordered = -1;
  std::vector<std::size_t> order;
  const SharedVar cost_sum = shared(Array::scalar(0.0), "cost_sum_of_chains");
  const auto step = [&](std::int64_t epoch, std::int64_t i) {
    if (ordered != epoch) {
      order = models::epoch_order(chunks.size(), seed, epoch);
      if (!o.shuffle) std::sort(order.begin(), order.end());
    }
    ordered = epoch;
    const std::size_t chunk = order[static_cast<std::size_t>(i)];
    const auto report = model.train_chunk(
        o.transpose == 0
            ? chunks[chunk]
            : transposed_by(chunks[chunk], semitones_of(o.transpose, seed, epoch, chunk)));
    cost_sum.set_array(Array::scalar(cost_sum.value().item<double>() + report.cost));
    return report.monitor;
  };
  bool warned = false;
  const auto epoch_end = [&](std::int64_t) {
    const double mean = cost_sum.value().item<double>() / static_cast<double>(chunks.size());
    cost_sum.set_array(Array::scalar(0.0));
    Metrics metrics{{"cost", mean}};
    if (o.score_frames > 0) {
      const models::FrameScores scores = validation_score(model, data, o);
      metrics.push_back({score_name, usable_score(scores)});
      if (std::isnan(metrics.back().value) && !warned) {
        training.note("no score: " + trouble_of(scores));
        warned = true;
      }
    }
    return metrics;
  };
  State state = State::updated_by(model.train_function());
  state += {cost_sum};
  const auto finish = [&] {
    if (o.average > 0) model.use_averages();
    compose(training, model, data, o);
  };
  std::optional<Score> score;
  if (o.score_frames > 0) score = Score{score_name, Better::higher};
  return training.run(
      {.cost_name = "monitor",
       .cost_better = Better::higher,
       .batches = static_cast<std::int64_t>(chunks.size()),
       .meanings = {{"monitor",
                     "Log pseudo-likelihood of a frame in training, in nats; "
                     "higher is better. With dropout it is that of a model with "
                     "parts missing."},
                    {"cost",
                     "Free energy of frames less that of the chains' ends, "
                     "in nats a frame; near 0 where chains keep up."},
                    {score_name,
                     "Log-likelihood of a validation frame given those before it, "
                     "in nats; higher is better. The best epoch by it composes. Too good by what "
                     "lies where neither Gibbs steps from frames trained on come nor annealing; "
                     "none where that decides alone of more than a tenth of the frames."}},
       .prepare = [&] { pretrain(training, model, data, o); },
       .step = step,
       .epoch_end = epoch_end,
       .score = score,
       .finish = finish,
       .state = state,
       .function = &model.train_function()},
      music_info(data).set("parts", chunks.size()).add(kernel_info()));
}

}  // namespace
}  // namespace damo::examples

int main(int argc, char** argv) {
  using namespace damo::examples;
  return run_program("rnn_rbm", [&] {
    Options options;
    options.data = "chorales";
    options.epochs = 100;
    options.batch = 1000;
    options.lr = 0.0002;
    options.patience = 20;
    options.shuffle = true;
    Cli cli("rnn_rbm",
            "Trains an RNN-RBM on music, and composes. --batch is in frames. Without --epochs and "
            "--patience, much music has fewer: as many as together have eight million frames and "
            "one million.");
    add_options(cli, options);
    if (const auto code = cli.parse(argc, argv)) return *code;
    check_temperature(options.temperature);
    Training training(cli, options);
    if (!training.resumed()) use_classic_settings(cli, options);
    const bool fit = !training.resumed() && !options.classic && !options.quick;
    options.fit_epochs = fit && !cli.given("--epochs");
    options.fit_patience = fit && options.patience > 0 && !cli.given("--patience");
    if (options.quick) options.limit = std::min(options.limit, quick_pieces);
    return train_rnn_rbm(training, options);
  });
}
