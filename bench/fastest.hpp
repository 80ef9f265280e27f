#pragma once
#include <algorithm>
#include <ctime>

namespace bench {

/// Of the calling thread's processor, so that what others do on the machine counts for little.
inline double thread_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// Seconds of the fastest of many calls.
template <class F>
double fastest(F&& f) {
  f();
  double best = 1e9;
  double total = 0;
  for (int i = 0; i < 2000 && total < 0.2; ++i) {
    const double start = thread_seconds();
    f();
    const double seconds = thread_seconds() - start;
    best = std::min(best, seconds);
    total += seconds;
  }
  return best;
}

}  // namespace bench
