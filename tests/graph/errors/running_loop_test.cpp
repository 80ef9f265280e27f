#include <doctest/doctest.h>

#include <thread>

#include <damo/graph/errors/running_loop.hpp>

using namespace damo;

TEST_CASE("running loop: the places are those of the scopes that are alive, outermost first") {
  CHECK(LoopScope::places().empty());
  CHECK(to_string(LoopScope::places()).empty());
  const std::string outer = "frames", inner = "gibbs";
  {
    LoopScope frames(outer);
    for (int step = 0; step < 3; ++step) {
      frames.at(step);
      LoopScope gibbs(inner);
      gibbs.at(10 + step);
      const auto places = LoopScope::places();
      REQUIRE(places.size() == 2);
      CHECK(places[0].scan == outer);
      CHECK(places[0].step == step);
      CHECK(places[1].scan == inner);
      CHECK(places[1].step == 10 + step);
      CHECK(to_string(places) == "scan 'frames', step " + std::to_string(step) +
                                     ", scan 'gibbs', step " + std::to_string(10 + step));
    }
    CHECK(LoopScope::places().size() == 1);
  }
  CHECK(LoopScope::places().empty());
}

TEST_CASE("running loop: another thread has places of its own") {
  const std::string name = "here";
  const LoopScope scope(name);
  std::size_t there = 99;
  std::thread([&] { there = LoopScope::places().size(); }).join();
  CHECK(there == 0);
  CHECK(LoopScope::places().size() == 1);
}
