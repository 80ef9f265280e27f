#pragma once
#include <chrono>
#include <cstdint>
#include <optional>

#include <damo/io/formats/csv.hpp>

#include "support/progress.hpp"
#include "support/report.hpp"
#include "support/training.hpp"
#include "support/watch.hpp"

namespace damo::examples {

using Clock = std::chrono::steady_clock;

/// How far a run is.
struct Training::Position {
  bool begun = false;      // a checkpoint of this run is there
  std::int64_t epoch = 0;  // the batch to train next; so many epochs are done
  std::int64_t batch = 0;
  double cost_sum = 0;          // over the epoch so far
  std::optional<double> best;   // the best score
  std::int64_t best_epoch = 0;  // that has it, from 1
  Watch watch;
  Clock::time_point start = Clock::now(), epoch_start = start, saved = start;
  bool looked = false;
  std::optional<io::CsvWriter> csv;
  Report report;
  std::optional<Clock::time_point> reported;  // when report.html was written last
  double report_seconds = 0;                  // what that took
};

}  // namespace damo::examples
