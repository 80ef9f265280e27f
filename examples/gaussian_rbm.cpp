// A Gaussian-Bernoulli RBM, whose visible units are real numbers, with all that the programs share:
// runs that can be resumed and watched, reports, pictures. new_energy_model is the same model to
// copy.
#include <fmt/format.h>

#include <damo/damo.hpp>

#include "support/batches.hpp"
#include "support/chains.hpp"
#include "support/filters.hpp"
#include "support/free_energy_gap.hpp"
#include "support/kernels.hpp"
#include "support/program.hpp"
#include "support/training.hpp"
#include "support/whitening.hpp"

namespace damo::examples {
namespace {

// E(v, h) = |v - b|^2 / 2 - v W h - c h, with v real and h binary.
struct GaussianRBM {
  SharedVar W, b, c;
  RandomStream rng;

  GaussianRBM(std::int64_t n_visible, std::int64_t n_hidden, std::uint64_t seed)
      : W(models::normal_parameter({n_visible, n_hidden}, 0.01, seed, "W")),
        b(models::zero_parameter(n_visible, "b")),
        c(models::zero_parameter(n_hidden, "c")),
        rng(seed) {}

  Var energy(const Var& v, const Var& h) const {
    return sum(sqr(v - b), 1) / 2 - sum(dot(v, W) * h, 1) - dot(h, c);
  }
  // F(v) = -log sum_h exp(-E(v, h)). The energy is linear in each h_j, so the sum is a product over
  // j of 1 + exp(-dE/dh_j), and that slope is a gradient.
  Var slope(const Var& v) const {
    const Var h = zeros_like(dot(v, W));
    return grad(sum(energy(v, h)), h);
  }
  Var free_energy(const Var& v) const {
    return energy(v, zeros_like(dot(v, W))) - sum(log(1 + exp(-slope(v))), 1);
  }
  // p(h_j = 1 | v) is the sigmoid of -dE/dh_j; p(v | h) is normal around b + W h.
  // The mean of v, and a sample, after k steps of Gibbs sampling.
  std::pair<Vars, Updates> gibbs_chain(const Var& start, const Arg& k) {
    const auto step = [&](Var v) {
      const Var h = rng.bernoulli(sigmoid(-slope(v)));
      const Var mean = b + dot(h, W.T());
      return Vars{mean, mean + rng.normal(Sizes(shape(mean)))};
    };
    auto [outs, updates] =
        scan(step, {.outputs_info = {none, start}, .n_steps = k, .name = "gibbs_chain"});
    return {{outs[0][-1], outs[1][-1]}, updates};
  }
  // A step of persistent contrastive divergence: `chain` goes on from update to update.
  std::pair<Var, Updates> get_cost_updates(const Var& v, const SharedVar& chain, const Arg& lr,
                                           const Arg& k) {
    const Var end = gibbs_chain(chain, k).first[1];
    const Var cost = mean(free_energy(v)) - mean(free_energy(end));
    const Vars gradients = grad(cost, {W, b, c}, {.consider_constant = {end}});
    const Var reconstruction = b + dot(sigmoid(-slope(v)), W.T());
    Updates updates = models::momentum({W, b, c}, gradients, {.lr = lr, .momentum = 0.5});
    updates[chain] = end;
    return {mean(sqr(v - reconstruction)), updates};
  }
};

constexpr std::int64_t chains = 20, sample_rows = 10, rows_of_epoch = 2, steps_between_rows = 100;

struct Options : TrainingOptions {
  std::int64_t hidden = 256;
  std::int64_t k = 1;
  std::string whiten = "none";
};

int train_model(Training& training, const Options& o) {
  io::Dataset data = load_images(o);
  io::Record info = image_info(data);
  Batches batches(std::move(data.train), data.train_labels, o);
  info.add(batches.info()).add(kernel_info());

  // The noise of the visible units is 1, and gray levels are made so that it fits.
  const Var train_x = batches.all_images();
  const Whitening whitening(train_x, o.whiten == "zca");
  const Var index = lscalar("index"), v = matrix("v");
  GaussianRBM model(data.pixels(), o.hidden, static_cast<std::uint64_t>(o.seed));
  const SharedVar chain = shared(Array(floatX(), {o.batch, data.pixels()}), "chain");
  Updates counter;  // the usual learning rate goes to 0 in a straight line
  const Arg lr = o.lr_schedule == "linear"
                     ? models::linear_schedule(o.lr, 0, o.epochs * batches.count(), counter)
                     : training.rate(o.lr);
  auto [cost, updates] = model.get_cost_updates(v, chain, lr, o.k);
  updates += counter;
  Function train = function({index}, {cost},
                            {.updates = updates,
                             .givens = {{v, whitening.whitened(batches.images(index))}},
                             .name = "train"});

  FreeEnergyGap gap([&](const Var& x) { return model.free_energy(whitening.whitened(x)); }, train_x,
                    data.valid);
  // Chains that start at test images: their random numbers are their own, others in each epoch.
  const auto samples = [&](std::int64_t rows, std::int64_t epoch) {
    GaussianRBM copy = model;
    copy.rng = RandomStream(static_cast<std::uint64_t>(o.seed + epoch) + 1);
    const SharedVar chain = shared(first_images(data, chains), "sample_chain");
    auto [ends, moves] = copy.gibbs_chain(whitening.whitened(chain), steps_between_rows);
    moves[chain] = whitening.images(ends[1]);
    Function sample = function({}, {whitening.images(ends[0])}, {.updates = moves});
    std::int64_t row = 0;
    const auto next = [&] {
      if (epoch == 0) training.part_done("drawing samples", row++, rows);
      return sample()[0];
    };
    return chain_picture(next, rows, data);
  };
  constexpr const char* samples_caption =
      "20 Gibbs chains, a column each, started at test images; each row is 100 steps after the one "
      "above. Shown are the visible units' means.";
  const auto draw_samples = [&] {
    training.draw("samples", samples(sample_rows, 0), samples_caption);
  };
  const auto draw_filters = [&](std::int64_t epoch) {
    const Array weights = evaluate(whitening.in_pixels(constant(model.W.value())));
    training.draw_epoch("filters", epoch, filter_picture(weights, data), filters_caption);
  };
  return training.run({.cost_name = "reconstruction_error",
                       .batches = batches.count(),
                       .meanings = {{"reconstruction_error",
                                     "Mean squared error of a pixel's reconstruction, in "
                                     "variances; lower is better, but it is not what is trained."},
                                    {"free_energy", free_energy_caption}},
                       .step =
                           [&](std::int64_t epoch, std::int64_t i) {
                             batches.set_epoch(epoch);
                             return train(i).scalar<double>(0);
                           },
                       .first_look = [&] { draw_filters(1); },
                       .epoch_end =
                           [&](std::int64_t epoch) {
                             draw_filters(epoch);
                             training.draw_epoch("samples", epoch, samples(rows_of_epoch, epoch),
                                                 samples_caption);
                             return gap.measure();
                           },
                       .finish = draw_samples,
                       .state = State::updated_by(train),
                       .function = &train},
                      info);
}

}  // namespace
}  // namespace damo::examples

int main(int argc, char** argv) {
  using namespace damo::examples;
  return run_program("gaussian_rbm", [&] {
    Options options;
    options.batch = 100;
    options.lr = 0.005;
    options.lr_schedule = "linear";
    Cli cli("gaussian_rbm", "Trains a Gaussian-Bernoulli RBM on gray images.");
    add_image_options(cli, options);
    add_training_options(cli, options);
    cli.option("--hidden", options.hidden, "hidden units", {1, 100000});
    cli.option("--k", options.k, "Gibbs steps in an update", {1, 100000});
    cli.choice(
        "--whiten", options.whiten,
        "how images are made ready: zca makes pixels uncorrelated, and shows filters as what "
        "they add to an image",
        {"none", "zca"});
    if (const auto code = cli.parse(argc, argv)) return *code;
    Training training(cli, options);
    return train_model(training, options);
  });
}
