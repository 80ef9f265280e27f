#pragma once
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include <damo/ops/kernels/machine/parallel.hpp>
#include "fastest.hpp"

namespace bench {

/// Seconds, of the thread's processor where one thread computes: what others do on the machine
/// counts for little then.
inline double seconds_now() {
  if (damo::num_threads() == 1) return thread_seconds();
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Times `n` calls of call(i), which returns its cost, after `warm` ones, and prints one JSON line.
/// Returns the median in milliseconds.
template <class Call>
double report(const std::string& workload, double compile_ms, int n, int warm, Call&& call) {
  std::vector<double> times;
  double cost = 0;
  for (int i = 0; i < warm + n; ++i) {
    const double start = seconds_now();
    cost += call(i) / (warm + n);
    if (i >= warm) times.push_back(1e3 * (seconds_now() - start));
  }
  std::sort(times.begin(), times.end());
  fmt::print(
      "{{\"system\": \"damo\", \"workload\": \"{}\", \"median_ms\": {:.4f}, \"min_ms\": {:.4f}, "
      "\"p90_ms\": {:.4f}, \"n\": {}, \"compile_ms\": {:.1f}, \"threads\": {}, \"cost_mean\": "
      "{:.3f}}}\n",
      workload, times[times.size() / 2], times.front(), times[times.size() * 9 / 10], times.size(),
      compile_ms, damo::num_threads(), cost);
  return times[times.size() / 2];
}

}  // namespace bench
