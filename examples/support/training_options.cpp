#include "support/training_options.hpp"

#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include <damo/graph/errors/error.hpp>

#include "support/program.hpp"

namespace damo::examples {
namespace {

std::pair<std::int64_t, std::int64_t> image_size(const std::string& text) {
  try {
    return io::parse_image_size(text);
  } catch (const IoError& error) {
    throw UsageError(std::string("--resize: ") + error.what());
  }
}

}  // namespace

void add_training_options(Cli& cli, TrainingOptions& o) {
  cli.option("--epochs", o.epochs, "passes over the training set", {1, 1e6});
  cli.option("--batch", o.batch, "examples in a batch", {1, 1e6});
  cli.option("--lr", o.lr, "learning rate", {0, 1e38});
  cli.choice("--lr-schedule", o.lr_schedule,
             "how the learning rate goes on over --epochs (exponential: to a hundredth)",
             schedule_names());
  cli.option("--patience", o.patience,
             "stop when the validation score has not improved for so many epochs; 0 is never",
             {0, 1e6});
  cli.either("--shuffle", "another order of the examples in each epoch", "--in-order",
             "the order of the data", o.shuffle);
  cli.option("--seed", o.seed, "seed of all random numbers", {0, 9e15});
  cli.option("--threads", o.threads, "threads; 0 is one for each core", {0, 1024});
  cli.option("--out", o.out, "folder to write to [default runs/<program>-<date>-<time>]");
  cli.optional("--resume", o.resume, "runs/latest", "go on with the run in this folder");
  cli.option("--checkpoint-minutes", o.checkpoint_minutes, "time between checkpoints",
             {0, 1e5, "min"});
  cli.flag("--force", o.force, "replace the run that --out holds");
  cli.flag("--quick", o.quick, "one epoch on little data, to see that everything works");
  cli.flag("--quiet", o.quiet, "print errors only");
}

void add_image_options(Cli& cli, TrainingOptions& o) {
  cli.choice("--data", o.data, "images", io::dataset_names(), true);
  cli.choice("--binarize", o.binarize, "how gray levels become binary",
             {"none", "threshold", "sampled"});
  cli.option("--limit", o.limit, "train on this many images only; 0 is all", {0, 1e9});
  cli.option("--resize", o.resize, "make images of one's own so large, WIDTHxHEIGHT");
  cli.option("--white", o.white,
             "the number that is white in images of one's own; 0 is 1 or 255, as it fits",
             {0, 1e9});
}

io::Dataset load_images(const TrainingOptions& o) {
  const auto [width, height] = image_size(o.resize);
  io::Dataset data = io::load_dataset(o.data, {.binarize = io::parse_binarize(o.binarize),
                                               .seed = static_cast<std::uint64_t>(o.seed),
                                               .limit = o.limit,
                                               .width = width,
                                               .height = height,
                                               .white = o.white});
  if (!o.quiet) {
    for (const std::string& note : data.notes) say(stdout, note + "\n");
  }
  return data;
}

io::Record image_info(const io::Dataset& data) {
  io::Record record;
  record.set("train_images", data.train.shape()[0])
      .set("pixels", data.pixels())
      .set("data_source", data.source)
      .set("data_fingerprint", data.fingerprint);
  if (!data.notes.empty()) record.set("data_notes", fmt::format("{}", fmt::join(data.notes, "; ")));
  return record;
}

std::vector<std::string> schedule_names() {
  return {"constant", "linear", "cosine", "exponential"};
}

double schedule_factor(const std::string& schedule, double part) {
  if (schedule == "linear") return 1 - part;
  if (schedule == "cosine") return (1 + std::cos(std::numbers::pi * part)) / 2;
  if (schedule == "exponential") return std::pow(0.01, part);
  if (schedule == "constant") return 1;
  throw InternalError("schedule_factor: no schedule '" + schedule + "'");
}

}  // namespace damo::examples
