// Trains two denoising autoencoders on images, one on clean input and one on input of which a part
// is set to zero, and draws their filters side by side: what corruption is good for shows at once.
#include <fmt/format.h>

#include <damo/damo.hpp>
#include <damo/io/pictures/pictures.hpp>

#include "support/batches.hpp"
#include "support/filters.hpp"
#include "support/kernels.hpp"
#include "support/program.hpp"
#include "support/training.hpp"

namespace damo::examples {
namespace {

constexpr int gap = 20;  // pixels between the two pictures

struct Options : TrainingOptions {
  std::int64_t hidden = 500;
  double corruption = 0.3;
  bool numpy_streams = true;
};

/// With NumPy's streams, the model that the tutorial's program makes: it starts both of its models
/// from a RandomState of the same seed.
models::dA make_model(const Var& x, std::int64_t pixels, const Options& o) {
  const auto seed = static_cast<std::uint64_t>(o.seed);
  models::DAOptions options{.input = x, .n_visible = pixels, .n_hidden = o.hidden, .seed = seed};
  if (!o.numpy_streams) return models::dA(options);
  NumpyRandomState numpy_rng(seed);
  options.numpy_rng = &numpy_rng;
  return models::dA(options);
}

int train_da(Training& training, const Options& o) {
  io::Dataset data = load_images(o);
  io::Record info = image_info(data);
  Batches batches(std::move(data.train), data.train_labels, o);
  info.add(batches.info()).add(kernel_info());

  const Var index = lscalar("index"), x = matrix("x");
  models::dA clean = make_model(x, data.pixels(), o);
  models::dA noisy = make_model(x, data.pixels(), o);
  auto [clean_cost, updates] = clean.get_cost_updates(0, training.rate(o.lr));
  const auto [noisy_cost, noisy_updates] =
      noisy.get_cost_updates(o.corruption, training.rate(o.lr));
  updates += noisy_updates;
  // Summed within an epoch by the function itself, so that it is part of the checkpoint.
  const SharedVar clean_sum = shared(Array::scalar(0.0), "clean_cost_sum");
  updates[clean_sum] = clean_sum + cast(clean_cost, float64);
  Function train =
      function({index}, {noisy_cost},
               {.updates = updates, .givens = {{x, batches.images(index)}}, .name = "train_da"});

  const auto draw_filters = [&](std::int64_t epoch) {
    training.draw_epoch("filters", epoch,
                        io::side_by_side(filter_picture(clean.W.value(), data),
                                         filter_picture(noisy.W.value(), data), gap),
                        "Left without corruption, right with it. " + std::string(filters_caption));
  };
  const auto epoch_end = [&](std::int64_t epoch) {
    draw_filters(epoch);
    const double mean = clean_sum.value().item<double>() / static_cast<double>(batches.count());
    clean_sum.set_array(Array::scalar(0.0));
    return Metrics{{"cost_without_corruption", mean}};
  };
  return training.run(
      {.cost_name = "cost",
       .batches = batches.count(),
       .meanings = {{"cost",
                     "Cross-entropy of an image and its reconstruction "
                     "from a corrupted copy, in nats; lower is better."},
                    {"cost_without_corruption", "The same of the model that sees whole images."}},
       .step =
           [&](std::int64_t epoch, std::int64_t batch) {
             batches.set_epoch(epoch);
             return train(batch).scalar<double>(0);
           },
       .first_look = [&] { draw_filters(1); },
       .epoch_end = epoch_end,
       .state = State::updated_by(train),
       .function = &train},
      info);
}

}  // namespace
}  // namespace damo::examples

int main(int argc, char** argv) {
  using namespace damo::examples;
  return run_program("da", [&] {
    Options options;
    options.seed = 123;
    Cli cli("da", "Trains denoising autoencoders on images, with and without corruption.");
    add_image_options(cli, options);
    add_training_options(cli, options);
    cli.option("--hidden", options.hidden, "hidden units; 16 with bars", {1, 100000});
    cli.option("--corruption", options.corruption, "part of the input set to zero", {0, 1});
    cli.either("--numpy-streams", "weights and noise of the tutorial's program over NumPy",
               "--philox-streams", "those of Damo's own generator", options.numpy_streams);
    if (const auto code = cli.parse(argc, argv)) return *code;
    Training training(cli, options);
    const bool small = options.data.starts_with("bars") && !training.resumed();
    if (small && !cli.given("--hidden")) options.hidden = 16;
    return train_da(training, options);
  });
}
