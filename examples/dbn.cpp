// Trains a deep belief network (Hinton, Osindero and Teh 2006) on images and their classes: RBMs
// greedily, one on the hidden units of the other, by contrastive divergence; then a logistic layer
// on top, and all by the classes. The weights of an RBM are those of a layer of the network: they
// are shared variables, used twice.
#include <fmt/format.h>

#include <algorithm>

#include <damo/damo.hpp>
#include <damo/io/pictures/pictures.hpp>
#include <damo/models/augment.hpp>
#include <damo/models/rbm.hpp>

#include "support/batches.hpp"
#include "support/filters.hpp"
#include "support/images/classes.hpp"
#include "support/kernels.hpp"
#include "support/program.hpp"
#include "support/training.hpp"

namespace damo::examples {
namespace {

struct Options : TrainingOptions {
  std::int64_t layers = 3;
  std::int64_t hidden = 1000;
  std::int64_t top = 0;
  std::int64_t k = 1;
  std::int64_t pretrain = 10;
  double pretrain_lr = 0.05;
  double momentum = 0;
  double dropout = 0.2;
  double input_dropout = 0;
  std::int64_t shift = 0;

  std::int64_t units(std::int64_t layer) const {
    return layer + 1 == layers && top > 0 ? top : hidden;
  }
};

/// RBMs, the input of each being the means of the hidden units of the one below; and the network
/// that has their weights. log_p is the logarithm of each class's probability for each image.
struct Network {
  Network(const Var& x, std::int64_t pixels, std::int64_t classes, const Options& o)
      : W(models::zero_parameter({o.units(o.layers - 1), classes}, "W_classes")),
        b(models::zero_parameter(classes, "b_classes")) {
    Var below = x;
    for (std::int64_t i = 0; i < o.layers; ++i) {
      rbms.emplace_back(models::RBMOptions{.input = below,
                                           .n_visible = i == 0 ? pixels : o.units(i - 1),
                                           .n_hidden = o.units(i),
                                           .seed = static_cast<std::uint64_t>(o.seed + i)});
      below = rbms.back().propup(below).mean;
    }
    log_p = log_softmax(dot(below, W) + b, 1);
  }

  /// The same of images that are moved, with a share of the pixels and of each layer's units left
  /// out, the others in their place.
  Var log_p_in_training(const Var& x, const io::Dataset& data, const Options& o,
                        RandomStream draws) const {
    Var h = models::moved_images(x, data.rows, data.cols, o.shift, draws);
    h = models::dropout(h, o.input_dropout, draws);
    for (const models::RBM& rbm : rbms) h = models::dropout(rbm.propup(h).mean, o.dropout, draws);
    return log_softmax(dot(h, W) + b, 1);
  }

  /// Of the layers' hidden units and the classes, not of the RBMs' visible units.
  std::vector<SharedVar> params() const {
    std::vector<SharedVar> all;
    for (const models::RBM& rbm : rbms) all.insert(all.end(), {rbm.W, rbm.hbias});
    all.insert(all.end(), {W, b});
    return all;
  }

  std::vector<models::RBM> rbms;
  SharedVar W, b;
  Var log_p;
};

int train_dbn(Training& training, const Options& o) {
  io::Dataset data = load_images(o);
  require_labels(data);
  if (o.shift > 0 && data.rows == 1)
    throw IoError("--shift: these are rows of numbers, not images");
  io::Record info = image_info(data);
  Batches batches(std::move(data.train), data.train_labels, o);
  info.add(batches.info()).add(kernel_info());
  const std::int64_t classes = number_of_classes(data);
  const Examples valid(std::move(data.valid), std::move(data.valid_labels), "valid");
  const Examples test(std::move(data.test), std::move(data.test_labels), "test");

  const Var index = lscalar("index"), x = matrix("x"), y = lvector("y");
  Network net(x, data.pixels(), classes, o);
  std::vector<Function> steps;
  for (models::RBM& rbm : net.rbms) {
    const auto [monitor, updates] = rbm.get_cost_updates({.lr = o.pretrain_lr, .k = o.k});
    steps.push_back(function({index}, {-monitor},
                             {.updates = updates,
                              .givens = {{x, batches.images(index)}},
                              .name = fmt::format("pretrain_{}", steps.size() + 1)}));
  }
  const Var log_p = net.log_p_in_training(
      x, data, o, RandomStream(static_cast<std::uint64_t>(o.seed + o.layers)));
  const Var cost = -mean(log_p(arange(y.shape(0)), y));
  const std::vector<SharedVar> params = net.params();
  const Vars gradients = grad(cost, Vars(params.begin(), params.end()));
  const Arg lr = training.rate(o.lr);
  const Updates fine = o.momentum > 0
                           ? models::momentum(params, gradients, {.lr = lr, .momentum = o.momentum})
                           : models::sgd(params, gradients, {.lr = lr});
  steps.push_back(function({index}, {cost},
                           {.updates = fine,
                            .givens = {{x, batches.images(index)}, {y, batches.labels(index)}},
                            .name = "fine_tune"}));

  const auto phase = [&](std::int64_t epoch) {
    return o.pretrain == 0 ? o.layers : std::min(o.layers, epoch / o.pretrain);
  };
  const std::int64_t epochs_before = o.layers * o.pretrain;
  State state = State::updated_by(steps[0]);
  for (const Function& f : steps) state += State::updated_by(f);
  return training.run(
      {.cost_name = "cost",
       .batches = batches.count(),
       .epochs_before = epochs_before,
       .meanings = {{"cost",
                     "While RBMs are trained, the cross-entropy of their reconstructions; then "
                     "that of the classes. In nats; lower is better."},
                    {"validation_error", validation_error_caption},
                    {"test_error", test_error_caption}},
       .phase = phase,
       .step =
           [&](std::int64_t epoch, std::int64_t i) {
             batches.set_epoch(epoch);
             return steps[static_cast<std::size_t>(phase(epoch))](i).scalar<double>(0);
           },
       .epoch_end =
           [&](std::int64_t) {
             training.draw("filters", filter_picture(net.rbms[0].W.value(), data), filters_caption);
             return Metrics{{"validation_error", error_percent(net.log_p, x, valid)},
                            {"test_error", error_percent(net.log_p, x, test)}};
           },
       .score = Score{"validation_error", Better::lower, epochs_before + 1},
       .finish =
           [&] {
             training.note(best_errors(training.folder() / "metrics.csv", epochs_before + 1));
           },
       .state = state,
       .function = &steps.back()},
      info);
}

}  // namespace
}  // namespace damo::examples

int main(int argc, char** argv) {
  using namespace damo::examples;
  return run_program("dbn", [&] {
    Options options;
    options.epochs = 30;
    options.lr_schedule = "linear";
    options.shuffle = true;
    Cli cli("dbn",
            "Trains a deep belief network and a classifier on top: RBMs without classes, for "
            "--pretrain epochs each, then all of it with classes for --epochs.");
    add_image_options(cli, options);
    add_training_options(cli, options);
    cli.option("--layers", options.layers, "RBMs", {1, 20});
    cli.option("--hidden", options.hidden, "hidden units of each; 16 with bars", {1, 100000});
    cli.option("--top", options.top, "those of the last; 0 is as many", {0, 100000});
    cli.option("--k", options.k, "Gibbs steps of contrastive divergence", {1, 100000});
    cli.option("--pretrain", options.pretrain, "epochs for each RBM, before the --epochs",
               {0, 1e6});
    cli.option("--pretrain-lr", options.pretrain_lr, "learning rate of these epochs", {0, 1e38});
    cli.option("--momentum", options.momentum, "of the training with classes", {0, 0.999});
    cli.option("--dropout", options.dropout, "share of units left out with the classes", {0, 0.99});
    cli.option("--input-dropout", options.input_dropout, "the same of pixels", {0, 0.99});
    cli.option("--shift", options.shift,
               "move each image, another way in each epoch with classes, by up to so many pixels",
               {0, 1000});
    if (const auto code = cli.parse(argc, argv)) return *code;
    Training training(cli, options);
    if (options.quick && !cli.given("--pretrain")) options.pretrain = 1;
    const bool small = options.data.starts_with("bars") && !training.resumed();
    if (small && !cli.given("--hidden")) options.hidden = 16;
    return train_dbn(training, options);
  });
}
