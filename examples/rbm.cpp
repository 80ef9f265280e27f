// Trains a restricted Boltzmann machine on images by persistent contrastive divergence, the classic
// first program of energy-based learning, and draws what it has learnt: a filter for each hidden
// unit after every epoch, and samples of long Gibbs chains at the end.
#include <fmt/format.h>

#include <algorithm>

#include <damo/damo.hpp>
#include <damo/io/pictures/pictures.hpp>
#include <damo/models/rbm.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/shape/create.hpp>

#include "support/batches.hpp"
#include "support/chains.hpp"
#include "support/filters.hpp"
#include "support/free_energy_gap.hpp"
#include "support/kernels.hpp"
#include "support/program.hpp"
#include "support/training.hpp"

namespace damo::examples {
namespace {

constexpr std::int64_t chains = 20;       // samples: a column each
constexpr std::int64_t sample_rows = 10;  // and their states, so many Gibbs steps apart
constexpr std::int64_t steps_at_once = 100;
constexpr std::int64_t first_rows[] = {1, 9, 90};  // steps between the rows of each epoch's picture
constexpr const char* first_steps_caption =
    "From the top: 20 test images; what the model makes of them by its means, up and down once; "
    "and "
    "Gibbs chains started at them after 1, 10 and 100 steps, a column each. A model that has "
    "learnt "
    "keeps them different.";

struct Options : TrainingOptions {
  std::int64_t hidden = 500;
  std::int64_t k = 15;
  bool persistent = true;
  std::int64_t plot_every = 1000;
  bool info = false;
};

void add_options(Cli& cli, Options& o) {
  add_image_options(cli, o);
  add_training_options(cli, o);
  cli.option("--hidden", o.hidden, "hidden units; 16 with bars", {1, 100000});
  cli.option("--k", o.k, "Gibbs steps in an update", {1, 100000});
  cli.either("--persistent", "chains go on from update to update (PCD)", "--cd",
             "chains start at the data (CD)", o.persistent);
  cli.option("--plot-every", o.plot_every, "Gibbs steps between two rows of samples", {1, 1e6});
  cli.flag("--info", o.info, "print the kernels in use and how fast they are");
}

// Small data wants a small model.
void adapt(const Cli& cli, Options& o, bool resumed) {
  if (resumed) return;
  if (o.data.starts_with("bars") && !cli.given("--hidden")) o.hidden = 16;
  if (o.quick && !cli.given("--plot-every")) o.plot_every = 100;
}

// Chains that start at test images. Their random numbers are their own, so that drawing samples
// leaves training as it is.
class Chains {
 public:
  Chains(const models::RBM& trained, const io::Dataset& data, std::int64_t seed)
      : chain_(shared(first_images(data, chains), "sample_chain")),
        rbm_({.n_visible = trained.n_visible,
              .n_hidden = trained.n_hidden,
              .W = trained.W,
              .hbias = trained.hbias,
              .vbias = trained.vbias,
              .seed = static_cast<std::uint64_t>(seed)}) {
    const Var steps = lscalar("steps");
    auto [outs, updates] = scan([&](Var v) { return rbm_.gibbs_vhv(v); },
                                {.outputs_info = {none, none, none, none, none, chain_},
                                 .n_steps = steps,
                                 .name = "gibbs_vhv"});
    updates[chain_] = outs[5][-1];
    sample_ = function({steps}, {outs[4][-1]}, {.updates = updates, .name = "sample"});
  }

  /// The visible units' means after so many further steps; `on_steps` hears of each hundred.
  Array after(std::int64_t steps, const std::function<void(std::int64_t)>& on_steps) {
    Array means;
    for (std::int64_t left = steps; left > 0; left -= steps_at_once) {
      const std::int64_t n = std::min(left, steps_at_once);
      on_steps(n);
      means = sample_(n)[0];
    }
    return means;
  }
  Array images() const { return chain_.value(); }
  /// What the model makes of the images by its means alone.
  Array mean_field() const {
    return evaluate(rbm_.propdown(rbm_.propup(constant(chain_.value())).mean).mean);
  }

 private:
  SharedVar chain_;
  models::RBM rbm_;
  Function sample_;
};

io::Picture samples(Training& training, const models::RBM& trained, const io::Dataset& data,
                    const Options& o) {
  Chains sampled(trained, data, o.seed);
  std::int64_t done = 0;
  const auto next = [&] {
    return sampled.after(o.plot_every, [&](std::int64_t n) {
      training.part_done("drawing samples", done, sample_rows * o.plot_every);
      done += n;
    });
  };
  return chain_picture(next, sample_rows, data);
}

// From test images on: what becomes of them by means alone, and in some and in more steps.
io::Picture first_steps(const models::RBM& trained, const io::Dataset& data, std::int64_t seed) {
  Chains sampled(trained, data, seed);
  std::size_t row = 0;
  const auto next = [&] {
    const std::size_t i = row++;
    if (i == 0) return sampled.images();
    if (i == 1) return sampled.mean_field();
    return sampled.after(first_rows[i - 2], [](std::int64_t) {});
  };
  return chain_picture(next, static_cast<std::int64_t>(std::size(first_rows)) + 2, data);
}

int train_rbm(Training& training, const Options& o) {
  io::Dataset data = load_images(o);
  // The model and one update of it, as expressions of the index of a batch.
  io::Record info = image_info(data);
  Batches batches(std::move(data.train), data.train_labels, o);
  info.add(batches.info()).add(kernel_info());
  const Var index = lscalar("index"), x = matrix("x");
  models::RBM rbm({.input = x,
                   .n_visible = data.pixels(),
                   .n_hidden = o.hidden,
                   .seed = static_cast<std::uint64_t>(o.seed)});
  SharedVar chain;
  if (o.persistent) chain = shared(Array(floatX(), {o.batch, o.hidden}), "persistent_chain");
  auto [monitor, updates] =
      rbm.get_cost_updates({.lr = training.rate(o.lr), .persistent = chain, .k = o.k});
  const Var cost = o.persistent ? monitor : -monitor;
  Function train =
      function({index}, {cost},
               {.updates = updates, .givens = {{x, batches.images(index)}}, .name = "train_rbm"});

  const auto draw_filters = [&](std::int64_t epoch) {
    training.draw_epoch("filters", epoch, filter_picture(rbm.W.value(), data), filters_caption);
  };
  FreeEnergyGap gap([&](const Var& v) { return rbm.free_energy(v); }, batches.all_images(),
                    data.valid);
  return training.run(
      {.cost_name = o.persistent ? "pseudo_likelihood" : "cross_entropy",
       .cost_better = o.persistent ? Better::higher : Better::lower,
       .batches = batches.count(),
       .meanings = {{"pseudo_likelihood",
                     "Log pseudo-likelihood of an image, of one pixel a batch in turn, in nats; "
                     "higher is better. A monitor, not a likelihood."},
                    {"cross_entropy",
                     "Cross-entropy of an image and its reconstruction, in nats; lower is better."},
                    {"free_energy", free_energy_caption}},
       .step =
           [&](std::int64_t epoch, std::int64_t batch) {
             batches.set_epoch(epoch);
             return train(batch).scalar<double>(0);
           },
       .first_look = [&] { draw_filters(1); },
       .epoch_end =
           [&](std::int64_t epoch) {
             draw_filters(epoch);
             training.draw_epoch("samples", epoch, first_steps(rbm, data, o.seed + epoch),
                                 first_steps_caption);
             return gap.measure();
           },
       .finish =
           [&] {
             training.draw("samples", samples(training, rbm, data, o),
                           fmt::format("20 Gibbs chains, a column each, started at test images; "
                                       "each row is {} steps after the one above. Shown are the "
                                       "visible units' means.",
                                       o.plot_every));
           },
       .state = State::updated_by(train),
       .function = &train},
      info);
}

}  // namespace
}  // namespace damo::examples

int main(int argc, char** argv) {
  using namespace damo::examples;
  return run_program("rbm", [&] {
    Options options;
    Cli cli("rbm", "Trains a restricted Boltzmann machine on images.");
    add_options(cli, options);
    if (const auto code = cli.parse(argc, argv)) return *code;
    if (options.info) {
      use_threads(options.threads);
      return print_kernels(options.batch, options.hidden);
    }
    Training training(cli, options);
    adapt(cli, options, training.resumed());
    return train_rbm(training, options);
  });
}
