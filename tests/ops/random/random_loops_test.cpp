#include <set>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>
#include <damo/ops/kernels/random/philox.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::check_same_bits;

namespace {

/// Elements 0 .. n - 1 of draws first .. first + count - 1 of a stream, by the documented rule.
Array philox_rule(std::uint32_t seed, std::uint32_t stream, std::uint32_t first,
                  std::uint32_t count, std::uint32_t n) {
  Array all(float32, {count, n});
  float* to = all.data<float>();
  for (std::uint32_t d = first; d < first + count; ++d) {
    for (std::uint32_t e = 0; e < n; ++e)
      *to++ =
          static_cast<float>(philox4x32({e / 4, 0, d, 0}, {seed, stream})[e % 4] >> 8U) * 0x1p-24F;
  }
  return all;
}

}  // namespace

TEST_CASE("random in loops: forgotten updates neither repeat nor overlap draws") {
  for (const Mode& mode : {Mode::fast(), Mode::none()}) {
    for (const bool pass_updates : {false, true}) {
      RandomStream rng(77);
      auto [outs, updates] = scan([&] { return rng.uniform({3}); }, {.n_steps = 5});
      Function f =
          function({}, {outs[0]}, {.updates = pass_updates ? updates : Updates{}, .mode = mode});
      check_same_bits(f()[0], philox_rule(77, 0, 0, 5, 3));
      check_same_bits(f()[0], philox_rule(77, 0, 5, 5, 3));
      CHECK(rng.draws() == std::vector<std::int64_t>{10});
    }
  }
}

TEST_CASE("random in loops: loops in loops neither repeat nor overlap draws") {
  for (const bool inner_updates : {false, true}) {
    for (const bool outer_updates : {false, true}) {
      RandomStream rng(78);
      const auto row = [&]() -> StepResult {
        auto [inner, updates] = scan([&] { return rng.uniform({}); }, {.n_steps = 3});
        if (inner_updates) return {{inner[0]}, updates};
        return {{inner[0]}};
      };
      auto [outs, updates] = scan(row, {.n_steps = 4});
      Function f = function({}, {outs[0]}, {.updates = outer_updates ? updates : Updates{}});
      for (std::uint32_t call = 0; call < 3; ++call)
        check_same_bits(f()[0], philox_rule(78, 0, 12 * call, 12, 1).reshaped({4, 3}));
    }
  }
}

TEST_CASE("random in loops: a stream used in a loop and outside is one stream") {
  RandomStream rng(79);
  const Var n = lscalar("n");
  const Var before = rng.uniform({2});
  auto [outs, updates] = scan([&] { return rng.uniform({2}) + 0 * before; }, {.n_steps = n});
  const Var after = rng.uniform({2});
  Function f = function({n}, {outs[0], before, after});
  std::uint32_t steps = 0;
  for (const std::uint32_t length : {2U, 0U, 3U}) {
    const std::int64_t call = rng.draws()[0];
    const Outputs out = f(static_cast<std::int64_t>(length));
    check_same_bits(out[0], philox_rule(79, 1, steps, length, 2));
    const auto d = static_cast<std::uint32_t>(call);
    check_same_bits(out[1], philox_rule(79, 0, d, 1, 2).reshaped({2}));
    check_same_bits(out[2], philox_rule(79, 2, d, 1, 2).reshaped({2}));
    steps += length;
  }
  CHECK(rng.draws() == std::vector<std::int64_t>{3, 5, 3});
}

TEST_CASE("random in loops: one draw read in a loop and outside has one value in a call") {
  RandomStream rng(80);
  const Var u = rng.uniform({2});
  auto [outs, updates] = scan([&] { return u * 1; }, {.n_steps = 2});
  Function f = function({}, {outs[0], u});
  for (int call = 0; call < 2; ++call) {
    const Outputs out = f();
    for (int i = 0; i < 4; ++i) CHECK(out[0].data<float>()[i] == out[1].data<float>()[i % 2]);
  }
  CHECK(rng.draws() == std::vector<std::int64_t>{2});
}

TEST_CASE("random in loops: threads and modes and unused draws do not change numbers") {
  const int threads = num_threads();
  for (const bool numpy : {false, true}) {
    std::vector<Array> seen;
    for (const int n : {1, 2, 4}) {
      set_num_threads(n);
      for (const Mode& mode : {Mode::fast(), Mode::none()}) {
        for (const bool with_other : {false, true}) {
          RandomStream rng = numpy ? RandomStream::numpy_compatible(81) : RandomStream(81);
          const Var unused = rng.normal({7});
          const Var p = rng.uniform({300, 100});
          auto [outs, updates] = scan(
              [&](Var h) {
                const Var noise = rng.normal({300, 100});  // drawn, never read
                static_cast<void>(noise);
                return cast(rng.bernoulli(p) + h > 0.5, float32) * rng.uniform({300, 100});
              },
              {.outputs_info = {p}, .n_steps = 3});
          Vars results{outs[0][-1]};
          if (with_other) results.push_back(unused);
          Function f = function({}, results, {.mode = mode});
          f();
          seen.push_back(f()[0]);
        }
      }
    }
    for (const Array& a : seen) check_same_bits(a, seen.front());
  }
  set_num_threads(threads);
}

TEST_CASE("random: replay brings the numbers of a call back") {
  RandomStream rng(82);
  const Var x = rng.normal({3});
  auto [outs, updates] = scan([&] { return rng.uniform({2}); }, {.n_steps = 4});
  Function f = function({}, {x, outs[0]});
  std::vector<Array> first, second;
  std::vector<std::int64_t> per_call;
  for (int call = 0; call < 6; ++call) {
    const Outputs out = f();
    if (call == 0) per_call = rng.draws();
    first.push_back(out[0]);
    second.push_back(out[1]);
  }
  CHECK(per_call == std::vector<std::int64_t>{1, 4});
  for (const std::size_t call : {3, 0, 5}) {
    rng.replay(static_cast<std::int64_t>(call), per_call);
    const Outputs again = f();
    check_same_bits(again[0], first[call]);
    check_same_bits(again[1], second[call]);
  }
  RandomStream simple(83);
  Function g = function({}, {simple.uniform({2})});
  g();
  const Outputs call_1 = g();
  g();
  simple.replay(1);
  check_same_bits(g()[0], call_1[0]);
  CHECK_THROWS_AS(simple.replay(-1), NumericError);
  CHECK_THROWS_AS(rng.replay(1, {1}), ShapeError);
}
