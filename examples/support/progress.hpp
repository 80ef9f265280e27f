#pragma once
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace damo::examples {

inline double seconds_since(std::chrono::steady_clock::time_point t) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - t).count();
}

/// A number to show while training, such as {"cost", -71.2}.
struct Metric {
  std::string name;
  double value = 0;
};
using Metrics = std::vector<Metric>;

/// Where progress goes: a line that rewrites itself, a plain line an epoch, or nowhere.
enum class ProgressStyle { live, plain, quiet };
/// `live` when stderr is a terminal, unless the variable CI is set or TERM is "dumb".
ProgressStyle progress_style(bool quiet);

/// Shows how training goes on stderr:
/// "epoch 3/15 [=====>    ] 412/2500  cost -71.2  1.9 ms/it  eta 3:12". Colors are used on a
/// terminal unless NO_COLOR is set.
class Progress {
 public:
  Progress(std::int64_t epochs, std::int64_t batches_per_epoch, ProgressStyle style);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Times count from here on: what came before, such as pretraining, is no epoch's.
  void epochs_begin();
  /// After batch `batch` (from 0) of `epoch` (from 0). Redraws at most ten times a second.
  void batch_done(std::int64_t epoch, std::int64_t batch, const Metrics& metrics);
  /// After an epoch: a line that stays.
  void epoch_done(std::int64_t epoch, const Metrics& metrics);
  /// Of something else that takes long, "drawing samples": `done` of `total` parts.
  void part_done(std::string_view what, std::int64_t done, std::int64_t total);
  /// Prints a line above the moving one; nothing when quiet.
  void note(std::string_view text);

 private:
  double seconds_per_batch() const;
  bool is_time_to_draw() const;
  void draw(std::string line);
  void clear();

  std::int64_t epochs_, batches_;
  ProgressStyle style_;
  bool color_;
  std::int64_t done_ = 0;  // batches since the start of this process
  std::chrono::steady_clock::time_point start_, last_draw_, epoch_start_;
  bool drawn_ = false;
};

/// "cost -71.23  recon 0.11".
std::string to_string(const Metrics& metrics);
/// "3:12", "1:02:03".
std::string clock_time(double seconds);

}  // namespace damo::examples
