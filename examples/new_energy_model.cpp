// A model that the library does not have, given by its energy: the Gaussian-Bernoulli RBM, whose
// visible units are real numbers. Copy this file to train a model of yours: it needs Damo as it is
// installed, and nothing else.
//   new_energy_model [--data NAME] [--epochs N] [--batch N] [--lr X] [--hidden N] [--k N]
//                    [--seed N] [--threads N] [--resize WIDTHxHEIGHT] [--out FOLDER]
// Leaves metrics.csv, filters.png, samples.png and model.npz in the folder.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <numeric>
#include <random>
#include <sstream>
#include <stdexcept>

#include <damo/damo.hpp>
#include <damo/io.hpp>

using namespace damo;
using namespace damo::energy;

namespace {

/// E(v, h) = |v - b|^2 / 2 - v W h - c h, with v real and h binary: all that is said of the model.
EnergyModel gaussian_rbm(std::int64_t n_visible, std::int64_t n_hidden, std::uint64_t seed) {
  const SharedVar W = models::normal_parameter({n_visible, n_hidden}, 0.01, seed, "W");
  const SharedVar b = models::zero_parameter(n_visible, "b");
  const SharedVar c = models::zero_parameter(n_hidden, "c");
  const Unit v = gaussian("v", n_visible), h = bernoulli("h", n_hidden);
  return {sum(sqr(v - b), 1) / 2 - sum(dot(v, W) * h, 1) - dot(h, c),
          {.visible = {v}, .hidden = {h}, .params = {W, b, c}}};
}

/// An option's value that cannot be.
struct WrongOption : std::runtime_error {
  using runtime_error::runtime_error;
};

/// The options above, with their usual values.
struct Options {
  std::map<std::string, std::string> given{
      {"--data", "fashion"}, {"--epochs", "15"},
      {"--batch", "100"},    {"--lr", "0.005"},
      {"--hidden", "256"},   {"--k", "1"},
      {"--seed", "1234"},    {"--threads", "0"},
      {"--resize", ""},      {"--out", "new_energy_model-run"}};
  const std::string& text(const char* name) const { return given.at(name); }
  /// A number, of a kind that has a name, and not less than `least`.
  template <class Number>
  Number read(const char* name, Number least, const char* kind) const {
    std::istringstream in(text(name));
    Number number{};
    if (!(in >> number) || in.get() != EOF || number < least)
      throw WrongOption(
          fmt::format("{}: '{}' is no {} number of at least {}", name, text(name), kind, least));
    return number;
  }
  std::int64_t integer(const char* name, std::int64_t least = 1) const {
    return read(name, least, "whole");
  }
  double number(const char* name) const { return read(name, 0.0, "finite"); }

  /// --epochs 3 --data bars ... False where --help is asked for.
  bool parse(int argc, char** argv) {
    for (int i = 1; i < argc; i += 2) {
      const std::string name = argv[i];
      if (name == "--help") return false;
      if (!given.contains(name))
        throw WrongOption(fmt::format("there is no option '{}'; --help names them", name));
      if (i + 1 == argc) throw WrongOption(name + ": its value is missing");
      given[name] = argv[i + 1];
    }
    return true;
  }
  void print() const {
    fmt::print("Trains a Gaussian-Bernoulli RBM on gray images. The options and usual values:\n");
    for (const auto& [name, value] : given) fmt::print("  {} {}\n", name, value);
  }
};

/// Gray levels with the mean image taken away, in units of their standard deviation, so that the
/// noise of the visible units is 1.
struct Scale {
  explicit Scale(const Array& images)
      : mean_image(constant(evaluate(mean(constant(images), 0)))),
        deviation(constant(evaluate((constant(images) - mean_image).std()))) {
    if (!(evaluate(deviation).item<float>() > 0))
      throw ShapeError("all training images are the same: there is nothing to learn");
  }
  Var to_model(const Var& images) const { return (images - mean_image) / deviation; }
  Var to_images(const Var& states) const { return states * deviation + mean_image; }
  Var mean_image, deviation;
};

io::Tiling tiles_of(const io::Dataset& data, std::int64_t count, std::int64_t across) {
  return {.image_rows = static_cast<int>(data.rows),
          .image_cols = static_cast<int>(data.cols),
          .tile_rows = static_cast<int>((count + across - 1) / across),
          .tile_cols = static_cast<int>(across),
          .zoom = std::max(1, 28 / static_cast<int>(data.rows))};
}

/// The first 100 columns of the weights, each a picture of what a hidden unit looks for.
io::Picture filters(const EnergyModel& model, const io::Dataset& data) {
  const Array W = model.params()[0].value();
  return io::tile_raster_images(io::transposed(W),
                                tiles_of(data, std::min<std::int64_t>(W.shape()[1], 100), 10));
}

/// Chains that start at test images, a column each; each row is 100 sweeps after the one above.
io::Picture samples(const EnergyModel& model, const Scale& scale, const io::Dataset& data,
                    std::uint64_t seed) {
  const std::int64_t chains = std::min<std::int64_t>(20, data.test.shape()[0]), rows = 10;
  const RandomStream rng(seed + 1);
  const Var first = scale.to_model(constant(data.test)[range(0, chains)]);
  const SharedVar chain = shared(evaluate(first), "chain");
  auto [state, updates] = model.gibbs({chain}, {.k = 100, .rng = rng});
  updates[chain] = state[0];
  const Var shown = model.conditional(model.visible()[0], {Var(), state[1]}).mean();
  Function next = function({}, {scale.to_images(shown)}, {.updates = updates});
  Vars all;
  for (std::int64_t row = 0; row < rows; ++row) all.push_back(constant(next()[0]));
  io::Tiling tiling = tiles_of(data, rows * chains, chains);
  tiling.scale_each_tile = false;
  return io::tile_raster_images(evaluate(concatenate(all)), tiling);
}

void train(const Options& o) {
  const std::int64_t epochs = o.integer("--epochs"), batch = o.integer("--batch");
  const std::int64_t n_hidden = o.integer("--hidden"), k = o.integer("--k");
  const auto seed = static_cast<std::uint64_t>(o.integer("--seed", 0));
  const double first_lr = o.number("--lr");
  if (o.integer("--threads", 0) > 0)
    ::setenv("DAMO_NUM_THREADS", o.text("--threads").c_str(), 1);  // read at the first product
  const auto [width, height] = io::parse_image_size(o.text("--resize"));
  const io::Dataset data =
      io::load_dataset(o.text("--data"), {.seed = seed, .width = width, .height = height});
  for (const std::string& note : data.notes) fmt::print("{}\n", note);
  const std::int64_t n = data.train.shape()[0], batches = n / batch;
  if (batches < 1)
    throw ShapeError(fmt::format("{} training images do not fill a batch of {}", n, batch));
  const std::filesystem::path out = o.text("--out");
  std::filesystem::create_directories(out);
  const io::FolderLock lock(out);  // no other process writes to it meanwhile

  // What is derived from the energy is checked on a model small enough to sum over all states.
  const Report report = check(gaussian_rbm(2, 3, seed));
  if (!report.ok()) throw GraphError(report.text());

  const EnergyModel model = gaussian_rbm(data.pixels(), n_hidden, seed);
  const Scale scale(data.train);
  const Var rows = input(TensorType{int64, {batch}}, "rows");
  const Var x = scale.to_model(constant(data.train)[rows]);
  const Objective pcd =
      persistent_cd(model, {x}, {.k = k, .chains = batch, .rng = RandomStream(seed)});
  Updates updates = pcd.updates;
  const Var lr = models::linear_schedule(first_lr, 0, epochs * batches, updates);
  updates +=
      models::momentum(model.params(), pcd.gradients(model.params()), {.lr = lr, .momentum = 0.5});
  Function step = function({rows}, {pcd.monitor}, {.updates = updates, .name = "train"});

  const Array train_x = evaluate(scale.to_model(constant(data.train)));
  const Array valid_x = evaluate(scale.to_model(constant(data.valid)));
  io::CsvWriter metrics(out / "metrics.csv",
                        {"epoch", "reconstruction", "free_energy_train", "free_energy_valid"});
  fmt::print("{} images, {} batches of {}, in another order in each epoch\n", n, batches, batch);
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  std::mt19937_64 random(seed);
  for (std::int64_t epoch = 1; epoch <= epochs; ++epoch) {
    std::shuffle(order.begin(), order.end(), random);
    double total = 0;
    for (std::int64_t i = 0; i < batches; ++i) {
      const auto from = order.begin() + i * batch;
      total += step(std::vector<std::int64_t>(from, from + batch)).scalar<double>(0);
    }
    const double reconstruction = total / static_cast<double>(batches);
    const Fit fit = measure_fit(model, {train_x}, {valid_x}, {.chains = 50, .steps = 100});
    fmt::print("epoch {}: reconstruction {:.3f}; {}\n", epoch, reconstruction, fit.text());
    metrics.row(
        {static_cast<double>(epoch), reconstruction, fit.free_energy_train, fit.free_energy_valid});
    save_npz(out / "model.npz", model.params());
  }
  io::write_png(out / "filters.png", filters(model, data));
  io::write_png(out / "samples.png", samples(model, scale, data, seed));
  const Fit fit = measure_fit(model, {train_x}, {valid_x}, {.chains = 100, .steps = 2000});
  fmt::print("at the end: {}\npictures in {}\n", fit.text(), out.string());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    Options options;
    if (options.parse(argc, argv)) {
      train(options);
    } else {
      options.print();
    }
    if (std::fflush(stdout) != 0) throw std::runtime_error("cannot write to the standard output");
    return 0;
  } catch (const WrongOption& e) {
    fmt::print(stderr, "new_energy_model: {}\n", e.what());
    return 2;
  } catch (const std::exception& e) {
    fmt::print(stderr, "new_energy_model: {}\n", e.what());
    return 1;
  }
}
