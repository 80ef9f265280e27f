#pragma once
#include <cstdint>
#include <string>

#include <damo/io/dataset.hpp>
#include <damo/io/runs/record.hpp>

#include "support/cli.hpp"

namespace damo::examples {

/// Settings that every training program has. Set other defaults before `add_training_options`.
struct TrainingOptions {
  std::string data = "fashion";
  std::string binarize = "none";
  std::int64_t limit = 0;
  std::string resize;
  double white = 0;
  std::int64_t epochs = 15;
  std::int64_t batch = 20;
  double lr = 0.1;
  std::string lr_schedule = "constant";
  std::int64_t patience = 0;
  std::int64_t seed = 1234;
  std::int64_t threads = 0;
  std::string out;
  std::string resume;
  double checkpoint_minutes = 5;
  bool shuffle = false;
  bool quick = false;
  bool quiet = false;
  bool force = false;
};

/// --epochs --batch --lr --lr-schedule --patience --shuffle --in-order --seed --threads --out
/// --resume --force --checkpoint-minutes --quick --quiet.
void add_training_options(Cli& cli, TrainingOptions& options);
/// --data --binarize --limit --resize --white, for programs that train on images.
void add_image_options(Cli& cli, TrainingOptions& options);
/// The images that the options ask for; what is to be known of them is printed. Throws UsageError
/// when --resize is no size.
io::Dataset load_images(const TrainingOptions& options);
/// What run.json says of them: number, size, origin, fingerprint.
io::Record image_info(const io::Dataset& data);

/// The words that --lr-schedule takes.
std::vector<std::string> schedule_names();
/// What the learning rate is multiplied by when this part of the training, from 0 to 1, is done.
double schedule_factor(const std::string& schedule, double part);

}  // namespace damo::examples
