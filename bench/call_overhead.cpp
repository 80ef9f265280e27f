// What the machinery costs when the arithmetic costs nothing: a call of a tiny function, and a step
// of a loop over scalars.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include <damo/damo.hpp>

using namespace damo;

namespace {

/// Nanoseconds of one `call`, the best of several runs of many.
template <class F>
double nanoseconds(int calls, F&& call) {
  double best = 1e18;
  for (int run = 0; run < 7; ++run) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < calls; ++i) call();
    const std::chrono::duration<double, std::nano> time = std::chrono::steady_clock::now() - start;
    best = std::min(best, time.count() / calls);
  }
  return best;
}

}  // namespace

int main() {
  const Var a = scalar("a");
  const Var b = scalar("b");
  Function add = function({a, b}, {a * b + 1.0});
  fmt::print("call of a * b + 1            {:8.0f} ns\n", nanoseconds(20000, [&] { add(2, 3); }));

  const Var x = vector("x");
  Function chain = function({x}, {tanh(x) * 2.0 + 1.0});
  const std::vector<float> ten(10, 0.5F);
  fmt::print("call of tanh(x) * 2 + 1 (10) {:8.0f} ns\n", nanoseconds(20000, [&] { chain(ten); }));

  const SharedVar w = shared(0.5, "w");
  Function update = function({a}, {}, {.updates = {{w, w - 0.1 * a}}});
  fmt::print("call of w <- w - 0.1 a       {:8.0f} ns\n", nanoseconds(20000, [&] { update(1); }));

  constexpr int steps = 1000;
  auto [outs, updates] =
      scan([&](const Var& h) { return h * 0.5 + 1.0; }, {.outputs_info = {a}, .n_steps = steps});
  Function trace = function({a}, {outs[0]});
  fmt::print("step of h * 0.5 + 1, traced  {:8.1f} ns\n",
             nanoseconds(20, [&] { trace(1); }) / steps);
  Function last = function({a}, {outs[0][-1]});
  fmt::print("step of h * 0.5 + 1, last    {:8.1f} ns\n",
             nanoseconds(20, [&] { last(1); }) / steps);

  const Var xs = vector("xs");
  auto [sums, more] = scan([](const Var& item, const Var& h) { return tanh(h + item); },
                           {.sequences = {xs}, .outputs_info = {a}});
  Function gradient = function({xs, a}, {grad(sums[0][-1], xs)});
  const std::vector<float> items(steps, 0.1F);
  fmt::print("step of tanh(h + x) and back {:8.1f} ns\n",
             nanoseconds(20, [&] { gradient(items, 0); }) / steps);
}
