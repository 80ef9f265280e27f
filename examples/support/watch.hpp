#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include <damo/io/runs/checkpoint.hpp>

namespace damo::examples {

/// Which of two values of a metric is the better one.
enum class Better { lower, higher };
bool is_better(Better better, double a, double b);

/// The metric by which epochs are compared.
struct Score {
  std::string metric;
  Better better = Better::lower;
  std::int64_t from_epoch = 1;  ///< earlier ones, of other phases, do not count
};

/// Looks at the cost of each epoch and says when training goes wrong without becoming NaN.
class Watch {
 public:
  explicit Watch(Better better = Better::lower) : better_(better) {}

  /// Forgets what it saw: another training begins.
  void restart();
  /// The cost of a batch; the first one after a restart is that of the model before training.
  void batch(double cost);
  /// The mean cost of an epoch. The result is a warning to print, or nothing: it is far worse
  /// than before training, or each of the last epochs was worse than that or than the one before.
  std::optional<std::string> epoch(std::int64_t epoch, const std::string& name, double cost);

  /// For checkpoints.
  void save(io::Record& record) const;
  void load(const io::Record& record);

 private:
  Better better_;
  std::optional<double> first_, last_;
  std::int64_t worse_ = 0;        // epochs in a row, each than the one before
  std::int64_t below_first_ = 0;  // each than before training
};

/// Throws NumericError when an array of the checkpoint holds what no training survives: NaN,
/// infinity, or numbers beyond 1e12.
void require_sound(const io::Checkpoint& checkpoint);

}  // namespace damo::examples
