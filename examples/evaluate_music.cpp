// Scores music models frame by frame: the simple models of Boulanger-Lewandowski et al. 2012, and a
// trained run of rnn_rbm beside them.
#include <fmt/format.h>

#include <algorithm>

#include <damo/damo.hpp>

#include "support/kernels.hpp"
#include "support/music.hpp"
#include "support/music/composer.hpp"
#include "support/music/scores.hpp"
#include "support/music_baselines.hpp"
#include "support/program.hpp"
#include "support/stop.hpp"

namespace damo::examples {
namespace {

struct Options {
  std::string data = "jsb";
  std::string run;
  std::string part = "test";
  std::int64_t runs = 100;
  std::int64_t betas = 200;
  std::int64_t frames = 0;
  std::int64_t threads = 0;
  std::int64_t seed = 1;
  std::int64_t songs = 100;
  std::int64_t k_generate = 0;
  double temperature = 0;
  double dt = 0;
  bool last = false;
  bool spread = false;
  bool real_starts = true, starts_given = false;
  bool quiet = false;
};

struct Row {
  std::string name;
  std::string log_likelihood;
  double accuracy = 0, bay_accuracy = 0;
};

void print(const Row& row) {
  fmt::print("{:<28} {:>18} {:>9.2f} {:>9.2f}\n", row.name, row.log_likelihood, row.accuracy * 100,
             row.bay_accuracy * 100);
}

// Table 1 of the paper, "JSB chorales": log-likelihood, accuracy.
void print_paper() {
  struct Published {
    const char* name;
    double log_likelihood, accuracy;
  };
  constexpr Published rows[] = {{"Random", -61.00, 4.42},       {"1-Gram (Add-p)", -12.22, 16.80},
                                {"Note 1-Gram", -11.06, 15.25}, {"Note 1-Gram (IID)", -15.93, 3.51},
                                {"RBM", -7.43, 4.47},           {"RTRBM", -6.35, 30.17},
                                {"RNN-RBM", -6.27, 33.12},      {"RNN-NADE", -5.83, 32.11}};
  fmt::print("published (Boulanger-Lewandowski, Bengio and Vincent 2012):\n");
  for (const auto& [name, log_likelihood, accuracy] : rows)
    fmt::print("{:<28} {:>18.2f} {:>9.2f}\n", name, log_likelihood, accuracy);
}

const std::vector<Array>& part_of(const io::SequenceSet& data, const std::string& part) {
  return part == "train" ? data.train : part == "valid" ? data.valid : data.test;
}

// Pieces of the model as long as real ones, and what sounds in both.
void compare_songs(const Options& o, models::RnnRbm& model, const std::vector<Array>& part,
                   const RunFolder& folder) {
  const std::vector<Array> real = spread_pieces(part, o.songs);
  Beginnings how{.seed = static_cast<std::uint64_t>(o.seed)};
  if (o.real_starts) how.starts = load_starts(folder, model.n_visible());
  Composer composer(model, how);
  std::vector<Array> songs;
  for (std::int64_t i = 0; i < o.songs && !real.empty() && !stop_requested(); ++i) {
    const std::int64_t frames = real[static_cast<std::size_t>(i) % real.size()].shape()[0];
    if (frames > 0) songs.push_back(composer.compose(frames, o.temperature));
  }
  if (songs.empty()) return;
  fmt::print("  composed: {}\n  real:     {}\n", to_string(music_statistics(songs)),
             to_string(music_statistics(real)));
  fmt::print("  {} pieces, each as long as a real one{}; temperature {}, {} Gibbs steps a frame\n",
             songs.size(), how.starts ? ", begun as those trained on" : "", o.temperature,
             model.options.k_generate);
}

int score_run(const Options& o, const io::SequenceSet& data, const MusicOptions& settings,
              const RunFolder& folder) {
  models::RnnRbm model =
      load_music_model(settings, folder, data.roll, load_known(folder, data.pitches()), o.last);
  const std::vector<Array>& part = part_of(data, o.part);
  const std::vector<Array> pieces =
      o.spread ? spread_frames(part, o.frames) : first_frames(part, o.frames);
  std::int64_t total = 0;
  for (const Array& piece : pieces) total += piece.shape()[0];
  const Array train = models::join_sequences(data.train, data.pitches(), float32);
  const Array base = evaluate(models::log_odds(constant(train)));

  catch_stop_signals();
  const ProgressStyle style = progress_style(o.quiet);
  const auto on_batch = [&](const models::FrameScores& s) {
    if (style == ProgressStyle::live) {
      fmt::print(stderr, "\r{} of {} frames  log-likelihood {:.3f} ", s.frames, total,
                 s.log_likelihood);
    }
    return !stop_requested();
  };
  const auto scores = models::score_frames(model, pieces, base,
                                           {.runs = o.runs,
                                            .betas = o.betas,
                                            .seed = static_cast<std::uint64_t>(o.seed),
                                            .known = known_frames(data.train, data.pitches()),
                                            .on_batch = on_batch});
  if (style == ProgressStyle::live) fmt::print(stderr, "\r{:60}\r", "");
  print({folder.path().string(),
         fmt::format("{:.3f} +- {:.3f}", scores.log_likelihood, scores.standard_error),
         scores.accuracy, scores.bay_accuracy});
  fmt::print(
      "  {} frames; the mass of frames trained on and of all that Gibbs steps reach from them, by "
      "{} chains, {:.2g} % of it elsewhere, by AIS, {} runs of {} steps from the base rates; "
      "effective runs {:.1f} on average, "
      "{:.1f} at least; {} parameters, {} draws a frame for accuracy\n",
      scores.frames, o.runs, 100 * scores.far, o.runs, o.betas, scores.mean_effective_runs,
      scores.least_effective_runs, settings.average > 0 && !o.last ? "averaged" : "last", o.runs);
  if (const std::string trouble = trouble_of(scores); !trouble.empty())
    fmt::print("  {}\n", trouble);
  if (o.songs > 0) compare_songs(o, model, part, folder);
  return scores.frames < total ? stopped : success;
}

int evaluate_music(Options& o) {
  MusicOptions settings;
  settings.data = o.data;
  settings.dt = o.dt;
  std::optional<RunFolder> folder;
  if (!o.run.empty()) {
    folder = RunFolder::open(o.run);
    settings = music_options(folder->info());
    if (o.k_generate > 0) settings.k_generate = o.k_generate;
    o.temperature = temperature_of(o.temperature, folder->info());
    if (!o.starts_given) o.real_starts = settings.real_starts;
  }
  const io::SequenceSet data = load_music(settings);
  const std::vector<Array>& pieces = part_of(data, o.part);
  fmt::print("{}, {}: {} pieces\n", data.name, o.part, pieces.size());
  fmt::print("{:<28} {:>18} {:>9} {:>9}\n", "model", "log-likelihood", "accuracy", "Bay");
  for (const Baseline& b : music_baselines(data.train, pieces)) {
    print({b.name, b.log_likelihood ? fmt::format("{:.3f}", *b.log_likelihood) : "", b.accuracy,
           b.bay_accuracy});
  }
  std::fflush(stdout);
  const int code = folder ? score_run(o, data, settings, *folder) : success;
  if (data.name == "jsb" && o.part == "test") print_paper();
  return code;
}

}  // namespace
}  // namespace damo::examples

int main(int argc, char** argv) {
  using namespace damo::examples;
  return run_program("evaluate_music", [&] {
    Options o;
    Cli cli("evaluate_music",
            "Scores models of music: nats a frame, and per cent of notes right (of a drawn frame: "
            "those right over the larger number of notes, mean over frames; and pooled as by Bay "
            "et al. 2009).");
    cli.choice("--data", o.data, "music, where no run says it", damo::io::sequence_names(), true);
    cli.option("--dt", o.dt, "length of a frame; 0 is as it fits", {0, 4, "s"});
    cli.option("--run", o.run, "folder of a run of rnn_rbm to score");
    cli.choice("--part", o.part, "of the data", {"train", "valid", "test"});
    cli.option("--runs", o.runs, "runs of annealed importance sampling for each frame", {1, 1e6});
    cli.option("--betas", o.betas, "steps of each", {1, 1e6});
    cli.option("--frames", o.frames, "score the run on so many frames only; 0 is all", {0, 1e9});
    cli.flag("--spread", o.spread, "take them from pieces spread over the part, not its first");
    cli.option(
        "--songs", o.songs,
        "pieces to compose, as long as real ones, in turn, to compare what sounds; 0 is none",
        {0, 1e6});
    cli.either("--real-starts",
               "begin these with the first frame of one trained on, if the run does",
               "--no-real-starts", "as the model has it", o.real_starts);
    cli.option("--temperature", o.temperature, "of these; 0 is the run's", {0, 100});
    cli.option("--k-generate", o.k_generate, "Gibbs steps for a frame of these; 0 is the run's",
               {0, 100000});
    cli.option("--seed", o.seed, "seed of the draws", {0, 9e15});
    cli.option("--threads", o.threads, "threads; 0 is one for each core", {0, 1024});
    cli.flag("--last", o.last,
             "score the last epoch's parameters, not averages and not the best epoch's");
    cli.flag("--quiet", o.quiet, "no progress");
    if (const auto code = cli.parse(argc, argv)) return *code;
    o.starts_given = cli.given("--real-starts");
    check_temperature(o.temperature);
    use_threads(o.threads);
    return evaluate_music(o);
  });
}
