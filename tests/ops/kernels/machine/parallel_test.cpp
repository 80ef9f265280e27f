#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>

namespace {

/// Sets the number of threads for a test.
class Threads {
 public:
  explicit Threads(int n) : before_(damo::num_threads()) { damo::set_num_threads(n); }
  ~Threads() { damo::set_num_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
};

}  // namespace

TEST_SUITE_BEGIN("threads");

TEST_CASE("parallel_for covers the range once in the same chunks on any number of threads") {
  for (const int threads : {1, 2, 4}) {
    const Threads scope(threads);
    CHECK(damo::num_threads() == threads);
    for (const std::int64_t n : {0, 1, 7, 64, 65, 1000}) {
      std::vector<std::atomic<int>> visits(static_cast<std::size_t>(n));
      std::atomic<int> odd_chunks{0};
      damo::parallel_for(n, 8, [&](std::int64_t begin, std::int64_t end) {
        if (begin % 8 != 0 || end != std::min(n, begin + 8)) ++odd_chunks;
        for (std::int64_t i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
      });
      CHECK(odd_chunks == 0);
      CHECK(std::all_of(visits.begin(), visits.end(), [](const auto& v) { return v == 1; }));
    }
  }
}

TEST_CASE("chunks run on several threads at once") {
  const Threads scope(2);
  std::atomic<int> arrived{0};
  damo::parallel_for(2, 1, [&](std::int64_t, std::int64_t) {
    ++arrived;
    while (arrived < 2) std::this_thread::yield();
  });
  CHECK(arrived == 2);
}

TEST_CASE("a small range stays on the calling thread") {
  const Threads scope(4);
  const auto caller = std::this_thread::get_id();
  bool same = false;
  damo::parallel_for(
      10, 10, [&](std::int64_t, std::int64_t) { same = std::this_thread::get_id() == caller; });
  CHECK(same);
}

TEST_CASE("nested loops run on the thread of their chunk") {
  const Threads scope(3);
  std::atomic<std::int64_t> sum{0};
  std::atomic<int> strayed{0};
  damo::parallel_for(20, 1, [&](std::int64_t i, std::int64_t) {
    const auto thread = std::this_thread::get_id();
    damo::parallel_for(30, 1, [&](std::int64_t j, std::int64_t) {
      if (std::this_thread::get_id() != thread) ++strayed;
      sum += i * j;
    });
  });
  CHECK(strayed == 0);
  CHECK(sum == 190 * 435);
}

TEST_CASE("an exception reaches the caller and the pool stays usable") {
  const Threads scope(3);
  for (int round = 0; round < 20; ++round) {
    CHECK_THROWS_AS(damo::parallel_for(100, 1,
                                       [](std::int64_t i, std::int64_t) {
                                         if (i == 57) throw std::out_of_range("57");
                                       }),
                    std::out_of_range);
    std::atomic<int> count{0};
    damo::parallel_for(100, 1, [&](std::int64_t, std::int64_t) { ++count; });
    CHECK(count == 100);
  }
}

TEST_CASE("several user threads may call at once") {
  const Threads scope(3);
  std::atomic<std::int64_t> total{0};
  {
    std::vector<std::jthread> users;
    for (int u = 0; u < 4; ++u) {
      users.emplace_back([&] {
        for (int round = 0; round < 100; ++round) {
          damo::parallel_for(50, 3, [&](std::int64_t b, std::int64_t e) { total += e - b; });
        }
      });
    }
  }
  CHECK(total == 4 * 100 * 50);
}

TEST_CASE("the number of threads may not be changed inside a loop and is at least one") {
  const Threads scope(2);
  CHECK_THROWS_AS(damo::set_num_threads(0), damo::Error);
  CHECK_THROWS_AS(
      damo::parallel_for(4, 1, [](std::int64_t, std::int64_t) { damo::set_num_threads(2); }),
      damo::Error);
}

TEST_SUITE_END();
