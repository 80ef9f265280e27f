// Trains an RNN-RBM on music and composes: a recurrent network sets the biases of an RBM for each
// frame of a piano-roll. Training is a loop within the graph (with its gradient through time);
// generation is a loop that holds another.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include <damo/damo.hpp>
#include <damo/io/midi.hpp>
#include <damo/io/pictures.hpp>
#include <damo/io/sequences.hpp>

#include "support/kernels.hpp"
#include "support/model_state.hpp"
#include "support/program.hpp"
#include "support/training.hpp"

namespace damo::examples {
namespace {

constexpr std::int64_t quick_pieces = 10;
constexpr double largest_gradient = 5;  // long sequences now and then give one that is far larger

struct Options : TrainingOptions {
  std::int64_t hidden = 150;
  std::int64_t recurrent = 100;
  std::int64_t k = 15;
  std::string rule = "adam";
  double dt = 0.3;
  double seconds = 60;
  std::int64_t songs = 2;
};

void add_options(Cli& cli, Options& o) {
  cli.choice("--data", o.data, "music", io::sequence_names(), true);
  cli.option("--limit", o.limit, "train on this many pieces only; 0 is all", {0, 1e9});
  add_training_options(cli, o);
  cli.option("--hidden", o.hidden, "hidden units of the RBM", {1, 100000});
  cli.option("--recurrent", o.recurrent, "units of the recurrent network", {1, 100000});
  cli.option("--k", o.k, "Gibbs steps in an update", {1, 100000});
  cli.choice("--rule", o.rule, "update rule; sgd is the classic program's", {"adam", "sgd"});
  cli.option("--dt", o.dt, "length of a frame, where MIDI files are cut into frames",
             {0.01, 10, "s"});
  cli.option("--seconds", o.seconds, "length of a generated piece", {1, 3600, "s"});
  cli.option("--songs", o.songs, "pieces to generate", {0, 1000});
}

// Pieces in parts of at most `frames` frames, which is what one update sees.
std::vector<Array> cut(const std::vector<Array>& pieces, std::int64_t frames) {
  std::vector<Array> parts;
  for (const Array& piece : pieces) {
    const std::int64_t width = piece.shape()[1];
    for (std::int64_t from = 0; from < piece.shape()[0]; from += frames) {
      const std::int64_t n = std::min(frames, piece.shape()[0] - from);
      const auto values = piece.values<float>().subspan(static_cast<std::size_t>(from * width),
                                                        static_cast<std::size_t>(n * width));
      parts.push_back(Array::from(values, {n, width}));
    }
  }
  return parts;
}

// The order in which an epoch goes through the parts: a function of seed and epoch alone.
std::vector<std::size_t> order_of(std::size_t n, std::int64_t seed, std::int64_t epoch) {
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::mt19937_64 random(static_cast<std::uint64_t>(seed) * 1000003 +
                         static_cast<std::uint64_t>(epoch));
  for (std::size_t i = n; i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  return order;
}

void write_song(const RunFolder& folder, const std::string& name, const Array& roll,
                const io::RollOptions& options) {
  io::write_midi(folder / (name + ".mid"), roll, options);
  io::write_png(folder / (name + ".png"), io::draw_piano_roll(roll, options, name));
}

int train_rnn_rbm(Training& training, const Options& o) {
  io::SequenceSet data = io::load_sequences(o.data, {.dt = o.dt});
  const auto limit = static_cast<std::size_t>(o.limit);
  if (limit > 0 && limit < data.train.size()) data.train.resize(limit);
  const std::vector<Array> parts = cut(data.train, o.batch);
  io::Record info;
  info.set("pieces", data.train.size())
      .set("parts", parts.size())
      .set("data_source", data.source)
      .set("data_fingerprint", data.fingerprint)
      .add(kernel_info());

  RandomStream rng(static_cast<std::uint64_t>(o.seed));
  const auto frames = static_cast<std::int64_t>(std::lround(o.seconds / data.roll.dt));
  const models::RnnRbmGraph net = models::build_rnnrbm(data.pitches(), o.hidden, o.recurrent, rng,
                                                       {.k = o.k, .generation_steps = frames});
  const Vars wrt(net.params.begin(), net.params.end());
  const Vars gradients = grad(net.cost, wrt, {.consider_constant = {net.v_sample}});
  Updates updates = net.updates_train;
  if (o.rule == "adam") {
    updates +=
        models::adam(net.params, models::clip_by_norm(gradients, largest_gradient), {.lr = o.lr});
  } else {
    updates += models::sgd(net.params, gradients, {.lr = o.lr});
  }
  Function train = function({net.v}, {net.monitor}, {.updates = updates, .name = "train_rnn_rbm"});
  Function generate = function({}, {net.v_t}, {.updates = net.updates_generate, .name = "compose"});

  std::int64_t ordered = -1;
  std::vector<std::size_t> order;
  const auto step = [&](std::int64_t epoch, std::int64_t i) {
    if (ordered != epoch) order = order_of(parts.size(), o.seed, epoch);
    ordered = epoch;
    return train(parts[order[static_cast<std::size_t>(i)]]).scalar<double>(0);
  };
  const auto compose = [&] {
    const Array streams = rng.state();  // composing leaves training as it is
    for (std::int64_t i = 0; i < o.songs; ++i) {
      write_song(training.folder(), fmt::format("song_{}", i + 1), generate()[0], data.roll);
    }
    rng.set_state(streams);
    if (!data.test.empty()) {
      write_song(training.folder(), "real_1", cut({data.test[0]}, frames)[0], data.roll);
    }
  };
  const ModelState state(updates, rng);
  return training.run({.cost_name = "monitor",
                       .batches = static_cast<std::int64_t>(parts.size()),
                       .step = step,
                       .finish = compose,
                       .save = [&](io::Checkpoint& c) { state.save(c); },
                       .load = [&](const io::Checkpoint& c) { state.load(c); }},
                      info);
}

}  // namespace
}  // namespace damo::examples

int main(int argc, char** argv) {
  using namespace damo::examples;
  return run_program("rnn_rbm", [&] {
    Options options;
    options.data = "chorales";
    options.epochs = 200;
    options.batch = 100;
    options.lr = 0.001;
    Cli cli("rnn_rbm", "Trains an RNN-RBM on music, and composes. --batch is in frames.");
    add_options(cli, options);
    if (const auto code = cli.parse(argc, argv)) return *code;
    use_threads(options.threads);
    Training training(cli, options);
    if (options.quick) options.limit = std::min(options.limit, quick_pieces);
    return train_rnn_rbm(training, options);
  });
}
