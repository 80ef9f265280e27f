// Trains a deep network on images and their classes: two denoising autoencoders, one on the other's
// hidden units, each trained greedily by itself; then a logistic layer on top, and all weights
// together by the classes.
#include <fmt/format.h>

#include <algorithm>

#include <damo/damo.hpp>
#include <damo/io/pictures/pictures.hpp>

#include "support/batches.hpp"
#include "support/filters.hpp"
#include "support/images/classes.hpp"
#include "support/kernels.hpp"
#include "support/program.hpp"
#include "support/training.hpp"

namespace damo::examples {
namespace {

constexpr std::int64_t layers = 2;

struct Options : TrainingOptions {
  std::int64_t hidden = 500;
  double corruption = 0.3;
  std::int64_t pretrain = 5;
  double pretrain_lr = 0.1;
};

/// The network: log_p is the logarithm of each class's probability for each image.
struct Network {
  Network(const Var& x, std::int64_t pixels, std::int64_t classes, const Options& o)
      : rng(static_cast<std::uint64_t>(o.seed)),
        first({.input = x,
               .n_visible = pixels,
               .n_hidden = o.hidden,
               .seed = static_cast<std::uint64_t>(o.seed),
               .rng = rng}),
        second({.input = first.get_hidden_values(x),
                .n_visible = o.hidden,
                .n_hidden = o.hidden,
                .seed = static_cast<std::uint64_t>(o.seed) + 1,
                .rng = rng}),
        W(models::zero_parameter({o.hidden, classes}, "W_classes")),
        b(models::zero_parameter(classes, "b_classes")),
        log_p(log_softmax(dot(second.get_hidden_values(second.x), W) + b, 1)) {}

  /// Of the layers' hidden units and the classes, not of the reconstructions.
  std::vector<SharedVar> params() const { return {first.W, first.b, second.W, second.b, W, b}; }

  RandomStream rng;
  models::dA first, second;
  SharedVar W, b;
  Var log_p;
};

int train_stack(Training& training, const Options& o) {
  io::Dataset data = load_images(o);
  require_labels(data);
  io::Record info = image_info(data);
  Batches batches(std::move(data.train), data.train_labels, o);
  info.add(batches.info()).add(kernel_info());
  const std::int64_t classes = number_of_classes(data);
  const Examples valid(std::move(data.valid), std::move(data.valid_labels), "valid");
  const Examples test(std::move(data.test), std::move(data.test_labels), "test");

  const Var index = lscalar("index"), x = matrix("x"), y = lvector("y");
  Network net(x, data.pixels(), classes, o);
  const auto step = [&](const Var& cost, const Updates& updates, const std::string& name) {
    FunctionOptions options{.updates = updates, .givens = {{x, batches.images(index)}}};
    if (name == "fine_tune") options.givens.emplace_back(y, batches.labels(index));
    options.name = name;
    return function({index}, {cost}, options);
  };
  const auto [first_cost, first_updates] = net.first.get_cost_updates(o.corruption, o.pretrain_lr);
  const auto [second_cost, second_updates] =
      net.second.get_cost_updates(o.corruption, o.pretrain_lr);
  const Var cost = -mean(net.log_p(arange(y.shape(0)), y));
  const std::vector<SharedVar> params = net.params();
  const Updates fine = models::sgd(params, grad(cost, Vars(params.begin(), params.end())),
                                   {.lr = training.rate(o.lr)});
  std::vector<Function> steps;
  steps.push_back(step(first_cost, first_updates, "pretrain_first"));
  steps.push_back(step(second_cost, second_updates, "pretrain_second"));
  steps.push_back(step(cost, fine, "fine_tune"));
  const auto phase = [&](std::int64_t epoch) {
    return static_cast<std::size_t>(
        std::min(layers, o.pretrain == 0 ? layers : epoch / o.pretrain));
  };

  State state = State::updated_by(steps[0]);
  for (const Function& f : steps) state += State::updated_by(f);
  const std::int64_t epochs_before = layers * o.pretrain;
  return training.run(
      {.cost_name = "cost",
       .batches = batches.count(),
       .epochs_before = epochs_before,
       .meanings = {{"cost",
                     "While layers are trained alone, the cross-entropy of their reconstructions; "
                     "then that of the classes. In nats; lower is better."},
                    {"validation_error", validation_error_caption},
                    {"test_error", test_error_caption}},
       .phase = [&](std::int64_t epoch) { return static_cast<std::int64_t>(phase(epoch)); },
       .step =
           [&](std::int64_t epoch, std::int64_t i) {
             batches.set_epoch(epoch);
             return steps[phase(epoch)](i).scalar<double>(0);
           },
       .epoch_end =
           [&](std::int64_t) {
             training.draw("filters", filter_picture(net.first.W.value(), data), filters_caption);
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
  return run_program("stacked_da", [&] {
    Options options;
    Cli cli("stacked_da",
            "Trains two stacked denoising autoencoders and a classifier on top: one layer after "
            "the other without classes, for --pretrain epochs each, then all of them with classes "
            "for --epochs.");
    add_image_options(cli, options);
    add_training_options(cli, options);
    cli.option("--hidden", options.hidden, "hidden units of each layer; 16 with bars", {1, 100000});
    cli.option("--corruption", options.corruption, "part of a layer's input set to zero", {0, 1});
    cli.option("--pretrain", options.pretrain, "epochs for each layer alone, before the --epochs",
               {0, 1e6});
    cli.option("--pretrain-lr", options.pretrain_lr, "learning rate of these epochs", {0, 1e38});
    if (const auto code = cli.parse(argc, argv)) return *code;
    Training training(cli, options);
    if (options.quick && !cli.given("--pretrain")) options.pretrain = 1;
    const bool small = options.data.starts_with("bars") && !training.resumed();
    if (small && !cli.given("--hidden")) options.hidden = 16;
    return train_stack(training, options);
  });
}
