// Composes more music with the model of a finished run of rnn_rbm: as many pieces as one likes, at
// any temperature, also as continuations of a MIDI file. Nothing that is there is written over.
#include <fmt/format.h>

#include <algorithm>

#include <damo/damo.hpp>
#include <damo/io/files/atomic_file.hpp>
#include <damo/io/formats/midi.hpp>
#include <damo/io/pictures/html_page.hpp>
#include <damo/io/runs/folder_lock.hpp>

#include "support/kernels.hpp"
#include "support/music.hpp"
#include "support/music/composer.hpp"
#include "support/music/scores.hpp"
#include "support/music/tunes.hpp"
#include "support/program.hpp"
#include "support/run_files.hpp"
#include "support/stop.hpp"

namespace damo::examples {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string run = "runs/latest", out, prime;
  std::int64_t songs = 2, seed = -1, threads = 0;
  double seconds = 60, temperature = 0;
  std::int64_t k_generate = 0;
  bool real_starts = true, starts_given = false;
  bool wav = false, last = false, quiet = false;
};

std::string name_of(std::int64_t number) { return fmt::format("composed_{}", number); }

// The first number from which on no file has one.
std::int64_t first_free(const fs::path& folder) {
  std::int64_t free = 1;
  for (const auto& [stem, numbered] : files_by_stem(folder)) {
    if (stem == "composed_") free = std::max(free, numbered.rbegin()->first + 1);
  }
  return free;
}

int compose(const Options& o) {
  const std::optional<Synthesizer> synthesizer =
      o.wav ? std::optional(find_synthesizer()) : std::nullopt;
  const RunFolder run = o.out.empty() ? RunFolder::resume(o.run) : RunFolder::open(o.run);
  const io::Record info = run.info();
  if (!info.has("program") || info.text("program") != "rnn_rbm")
    throw IoError(fmt::format("{}: is no run of rnn_rbm", o.run));
  std::optional<io::FolderLock> lock;
  if (!o.out.empty()) {
    io::create_folder(o.out);
    lock.emplace(o.out);
  }
  const fs::path folder = o.out.empty() ? run.path() : fs::path(o.out);
  const auto output = [&](const std::string& name) {
    return o.out.empty() ? run.output(name) : folder / name;
  };

  MusicOptions settings = music_options(info);
  if (o.k_generate > 0) settings.k_generate = o.k_generate;
  const std::int64_t first = first_free(folder);
  settings.seed = (o.seed < 0 ? settings.seed : o.seed) + first;
  io::RollOptions roll;
  roll.dt = info.number("frame_seconds");
  models::RnnRbm model =
      load_music_model(settings, run, roll, load_known(run, roll.high - roll.low), o.last);
  Beginnings how{.seed = static_cast<std::uint64_t>(settings.seed)};
  if (!o.prime.empty()) how.prime = io::read_piano_roll(o.prime, roll);
  if (o.starts_given ? o.real_starts : settings.real_starts)
    how.starts = load_starts(run, model.n_visible());
  const double temperature = temperature_of(o.temperature, info);
  Composer composer(model, how);

  catch_stop_signals();
  const std::int64_t frames = std::max<std::int64_t>(model.steps_of(o.seconds), 1);
  std::vector<Array> songs;
  for (std::int64_t i = first; i < first + o.songs && !stop_requested(); ++i) {
    songs.push_back(composer.compose(frames, temperature));
    const std::string name = name_of(i);
    io::write_midi(output(name + ".mid"), songs.back(), roll);
    io::write_png(output(name + ".png"), io::draw_piano_roll(songs.back(), roll, name));
    if (synthesizer) write_wav(*synthesizer, folder / (name + ".mid"), output(name + ".wav"));
    if (!o.quiet) {
      fmt::print("{}{}{}\n", (folder / (name + ".mid")).string(),
                 composer.begun().empty() ? "" : ", ", composer.begun());
    }
  }
  io::HtmlPage page(fmt::format("Composed by {}", run.path().string()));
  add_tunes(page, folder, folder);
  page.write(output("composed.html"));
  if (!o.quiet) {
    fmt::print("{}\nTo listen to them: {}\n", to_string(music_statistics(songs)),
               (folder / "composed.html").string());
  }
  return stop_requested() ? stopped : success;
}

}  // namespace
}  // namespace damo::examples

int main(int argc, char** argv) {
  using namespace damo::examples;
  return run_program("compose", [&] {
    Options o;
    Cli cli("compose",
            "Composes with the model of a run of rnn_rbm. Pieces are numbered on from those that "
            "are there: composed_1.mid, composed_2.mid, ...");
    cli.option("--run", o.run, "folder of the run");
    cli.option("--songs", o.songs, "pieces", {1, 1000});
    cli.option("--seconds", o.seconds, "length of a piece", {0.1, 3600, "s"});
    cli.option("--temperature", o.temperature,
               "below 1: likelier music; above: wilder; 0 is the run's", {0, 100});
    cli.option("--k-generate", o.k_generate, "Gibbs steps for a frame; 0 is the run's",
               {0, 100000});
    cli.option("--prime", o.prime, "a MIDI file that the pieces continue");
    cli.either("--real-starts",
               "begin pieces with the first frame of one trained on, if the run does",
               "--no-real-starts", "as the model has it", o.real_starts);
    cli.option("--out", o.out, "folder to write to [default that of the run]");
    cli.option("--seed", o.seed, "with the number of the piece, seed of the draws; -1 is the run's",
               {-1, 9e15});
    cli.option("--threads", o.threads, "threads; 0 is one for each core", {0, 1024});
    cli.flag("--last", o.last, "with the last epoch's parameters, not the best's and not averages");
    cli.flag("--wav", o.wav, "also write sound, by fluidsynth");
    cli.flag("--quiet", o.quiet, "print errors only");
    if (const auto code = cli.parse(argc, argv)) return *code;
    o.starts_given = cli.given("--real-starts");
    check_temperature(o.temperature);
    use_threads(o.threads);
    return compose(o);
  });
}
