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

// Chains started at test images, a column each; going down, a row every `plot_every` Gibbs steps.
// Shown are the visible units' means. Their random numbers are their own, so that drawing samples
// leaves training as it is.
io::Picture samples(Training& training, const models::RBM& trained, const io::Dataset& data,
                    const Options& o) {
  const SharedVar chain = shared(first_images(data, chains), "sample_chain");
  models::RBM rbm({.n_visible = trained.n_visible,
                   .n_hidden = trained.n_hidden,
                   .W = trained.W,
                   .hbias = trained.hbias,
                   .vbias = trained.vbias,
                   .seed = static_cast<std::uint64_t>(o.seed)});
  const Var steps = lscalar("steps");
  auto [outs, updates] = scan([&](Var v) { return rbm.gibbs_vhv(v); },
                              {.outputs_info = {none, none, none, none, none, chain},
                               .n_steps = steps,
                               .name = "gibbs_vhv"});
  updates[chain] = outs[5][-1];
  Function sample = function({steps}, {outs[4][-1]}, {.updates = updates, .name = "sample"});
  std::int64_t done = 0;
  const auto next = [&] {
    Array means;
    for (std::int64_t left = o.plot_every; left > 0; left -= steps_at_once) {
      training.part_done("drawing samples", done, sample_rows * o.plot_every);
      const std::int64_t n = std::min(left, steps_at_once);
      means = sample(n)[0];
      done += n;
    }
    return means;
  };
  return chain_picture(next, sample_rows, data);
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
  auto [cost, updates] =
      rbm.get_cost_updates({.lr = training.rate(o.lr), .persistent = chain, .k = o.k});
  Function train =
      function({index}, {cost},
               {.updates = updates, .givens = {{x, batches.images(index)}}, .name = "train_rbm"});

  const auto draw_filters = [&](std::int64_t epoch) {
    const std::string name = fmt::format("filters_epoch_{}.png", epoch);
    io::write_png(training.output(name), filter_picture(rbm.W.value(), data));
  };
  FreeEnergyGap gap([&](const Var& v) { return rbm.free_energy(v); }, batches.all_images(),
                    data.valid);
  return training.run(
      {.cost_name = o.persistent ? "pseudo_likelihood" : "cross_entropy",
       .cost_better = o.persistent ? Better::higher : Better::lower,
       .batches = batches.count(),
       .step =
           [&](std::int64_t epoch, std::int64_t batch) {
             batches.set_epoch(epoch);
             return train(batch).scalar<double>(0);
           },
       .first_look = [&] { draw_filters(1); },
       .epoch_end =
           [&](std::int64_t epoch) {
             draw_filters(epoch);
             return gap.measure();
           },
       .finish =
           [&] { io::write_png(training.output("samples.png"), samples(training, rbm, data, o)); },
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
