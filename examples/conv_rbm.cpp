// Trains a convolutional restricted Boltzmann machine on images (Lee, Grosse, Ranganath and Ng
// 2009): every feature map of hidden units looks with one small filter at all places of the image.
// Draws the filters after every epoch, and test images above what the model makes of them in one
// Gibbs step.
#include <utility>

#include <damo/damo.hpp>
#include <damo/io/pictures/pictures.hpp>

#include "support/batches.hpp"
#include "support/chains.hpp"
#include "support/filters.hpp"
#include "support/kernels.hpp"
#include "support/program.hpp"
#include "support/training.hpp"

namespace damo::examples {
namespace {

constexpr std::int64_t images_drawn = 20;
constexpr const char* conv_filters_caption =
    "What the first 100 feature maps look for: a tile each, the filter's weights, each tile scaled "
    "by itself from its smallest weight (black) to its largest (white).";
constexpr const char* reconstructions_caption =
    "Above the first 20 test images, below what becomes of each in a Gibbs step: the visible "
    "units' means.";

struct Options : TrainingOptions {
  std::int64_t hidden = 40;
  std::int64_t filter = 11;
  std::int64_t k = 1;
  double sparsity = 0.05;
};

// Binary units. E(v, h) = -sum_k h_k . (v * W_k) - sum_k b_k sum h_k - c sum v, where v * W_k lays
// filter k on every place of the image.
struct ConvolutionalRBM {
  SharedVar W, hbias, vbias;
  RandomStream rng;

  ConvolutionalRBM(const Options& o)
      : W(models::normal_parameter({o.hidden, 1, o.filter, o.filter}, 0.02,
                                   static_cast<std::uint64_t>(o.seed), "W")),
        hbias(models::zero_parameter({o.hidden}, "hbias")),
        vbias(models::zero_parameter({}, "vbias")),
        rng(static_cast<std::uint64_t>(o.seed)) {}

  Var input_to_hidden(const Var& v) const {
    return correlate2d(v, W) + dimshuffle(hbias, {newaxis, 0, newaxis, newaxis});
  }
  Var mean_visible(const Var& h) const {
    return sigmoid(conv2d_transpose(h, W, {.filter_flip = false}) + vbias);
  }
  /// Of each image, with the hidden units summed out.
  Var free_energy(const Var& v) const {
    return -vbias * sum(v, {1, 2, 3}) - sum(softplus(input_to_hidden(v)), {1, 2, 3});
  }
  /// The means of the visible units after a Gibbs step.
  Var step(const Var& v) {
    const Var mean = sigmoid(input_to_hidden(v));
    return mean_visible(rng.binomial({.n = 1, .p = mean}));
  }
};

// Images with what becomes of them in a Gibbs step below. The random numbers are its own, so that
// drawing leaves training as it is.
io::Picture reconstructions(ConvolutionalRBM rbm, const io::Dataset& data, std::int64_t seed) {
  rbm.rng = RandomStream(static_cast<std::uint64_t>(seed));
  const Array images = first_images(data, images_drawn);
  const Var v = reshape(constant(images), {images.shape()[0], 1, data.rows, data.cols});
  const Var pixels = reshape(rbm.step(v), {images.shape()[0], data.pixels()});
  bool first = true;
  const auto next = [&] { return std::exchange(first, false) ? images : evaluate(pixels); };
  return chain_picture(next, 2, data);
}

int train_conv_rbm(Training& training, const Options& o) {
  io::Dataset data = load_images(o);
  io::Record info = image_info(data);
  Batches batches(std::move(data.train), data.train_labels, o);
  info.add(batches.info()).add(kernel_info());
  const Var index = lscalar("index");
  const auto as_images = [&](const Var& rows) {
    return reshape(rows, {rows.shape(0), 1, data.rows, data.cols});
  };
  ConvolutionalRBM rbm(o);
  const Var v = as_images(batches.images(index));
  Var end = v, first_mean;
  for (std::int64_t i = 0; i < o.k; ++i) {
    const Var mean = rbm.step(end);
    if (i == 0) first_mean = mean;
    end = rbm.rng.binomial({.n = 1, .p = mean});
  }
  // Per place of a filter, so that the rate does not depend on the size of images.
  const std::int64_t places = (data.rows - o.filter + 1) * (data.cols - o.filter + 1);
  const Var cost = (mean(rbm.free_energy(v)) - mean(rbm.free_energy(end))) / places;
  const Vars gradients =
      grad(cost, Vars{rbm.W, rbm.hbias, rbm.vbias}, {.consider_constant = {end}});
  const Arg rate = training.rate(o.lr);
  // Units that are on as rarely as that learn parts instead of pixels.
  const Var off = mean(sigmoid(rbm.input_to_hidden(v)), {0, 2, 3}) - o.sparsity;
  Updates updates;
  updates[rbm.W] = rbm.W - rate * gradients[0];
  updates[rbm.hbias] = rbm.hbias - rate * (gradients[1] + off);
  updates[rbm.vbias] = rbm.vbias - rate * gradients[2];
  const Var error = mean(sqr(v - first_mean));
  Function train = function({index}, {error}, {.updates = updates, .name = "train_conv_rbm"});

  io::Dataset tile = data;
  tile.rows = tile.cols = o.filter;
  const auto draw = [&](std::int64_t epoch) {
    const Array filters = rbm.W.value().reshaped({o.hidden, o.filter * o.filter});
    training.draw_epoch("filters", epoch, filter_picture(io::transposed(filters), tile),
                        conv_filters_caption);
  };
  return training.run({.cost_name = "reconstruction_error",
                       .batches = batches.count(),
                       .meanings = {{"reconstruction_error",
                                     "Mean squared error of a pixel's reconstruction in a Gibbs "
                                     "step; lower is better, but it is not what is trained."}},
                       .step =
                           [&](std::int64_t epoch, std::int64_t batch) {
                             batches.set_epoch(epoch);
                             return train(batch).scalar<double>(0);
                           },
                       .first_look = [&] { draw(1); },
                       .epoch_end =
                           [&](std::int64_t epoch) {
                             draw(epoch);
                             training.draw_epoch("reconstructions", epoch,
                                                 reconstructions(rbm, data, o.seed + epoch + 1),
                                                 reconstructions_caption);
                             return Metrics{};
                           },
                       .state = State::updated_by(train),
                       .function = &train},
                      info);
}

}  // namespace
}  // namespace damo::examples

int main(int argc, char** argv) {
  using namespace damo::examples;
  return run_program("conv_rbm", [&] {
    Options options;
    Cli cli("conv_rbm", "Trains a convolutional restricted Boltzmann machine on images.");
    add_image_options(cli, options);
    add_training_options(cli, options);
    cli.option("--hidden", options.hidden, "feature maps; 8 with bars", {1, 100000});
    cli.option("--filter", options.filter, "rows and columns of a filter; 3 with bars", {1, 1000});
    cli.option("--k", options.k, "Gibbs steps in an update", {1, 1000});
    cli.option("--sparsity", options.sparsity, "how often a hidden unit shall be on", {0, 1});
    if (const auto code = cli.parse(argc, argv)) return *code;
    Training training(cli, options);
    if (options.data.starts_with("bars") && !training.resumed()) {
      if (!cli.given("--hidden")) options.hidden = 8;
      if (!cli.given("--filter")) options.filter = 3;
    }
    return train_conv_rbm(training, options);
  });
}
