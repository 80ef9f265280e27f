// Logarithms of what a loop of sigmoids hands out, beside the same program as people write it by
// hand, whose loop hands out what goes into the sigmoid.
//   bench_stable_loops [STEPS [ROWS [UNITS]]]
// 100, 64 and 256 when they are not given. Prints the processor time of a call, with its gradient,
// and the memory that a process of its own takes to run it, and what the plain program needs in
// times of the other.
#include <fmt/format.h>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <vector>

#include <damo/damo.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>
#include "fastest.hpp"

using namespace damo;

namespace {

struct Sizes3 {
  std::int64_t steps = 100, rows = 64, units = 256;
};
struct Cost {
  double seconds, megabytes;
};

/// What the states of a recurrent net are made of: a state, and what went into its sigmoid.
using Step = std::function<Vars(const Var& x, const Var& h)>;
/// A cost of the states of all steps.
using Criterion = std::function<Var(const Var& states)>;

double peak_megabytes() {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  return static_cast<double>(use.ru_maxrss) / 1024;
}

Cost cost_of(const Sizes3& n, const Criterion& criterion, bool by_hand) {
  const auto random = [](Shape shape) {
    RandomStream rng(1);
    return function({}, {rng.normal({shape[0], shape[1]}, 0.0, 0.05)})()[0];
  };
  SharedVar W = shared(random({n.units, n.units}), "W");
  const Var x = tensor3("x");
  const Var start = zeros({x.shape(1), x.shape(2)});
  const auto step = [&](Var xt, Var h) {
    const Var a = xt + dot(h, W);
    return by_hand ? Vars{sigmoid(a), a} : Vars{sigmoid(a)};
  };
  std::vector<OutputInfo> info{start};
  if (by_hand) info.push_back(none);
  const Vars outputs = scan(step, {.sequences = {x}, .outputs_info = info}).outputs;
  const Var cost = criterion(outputs.back());
  Function f = function({x}, {cost, grad(cost, W)});
  const Array data(float32, {n.steps, n.rows, n.units});
  const double before = peak_megabytes();
  const double seconds = bench::fastest([&] { f(data); });
  return {seconds, peak_megabytes() - before};
}

/// In a process of its own, so that one's memory is not the other's.
Cost apart(const std::function<Cost()>& measure) {
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  const pid_t child = fork();
  if (child == 0) {
    const Cost cost = measure();
    const bool told = write(ends[1], &cost, sizeof cost) == sizeof cost;
    _exit(told ? 0 : 1);
  }
  Cost cost{};
  if (read(ends[0], &cost, sizeof cost) != sizeof cost) std::abort();
  waitpid(child, nullptr, 0);
  close(ends[0]);
  close(ends[1]);
  return cost;
}

}  // namespace

int main(int argc, char** argv) {
  Sizes3 n;
  if (argc > 1) n.steps = std::atol(argv[1]);
  if (argc > 2) n.rows = std::atol(argv[2]);
  if (argc > 3) n.units = std::atol(argv[3]);
  if (std::getenv("DAMO_NUM_THREADS") == nullptr) set_num_threads(1);
  struct Case {
    const char* name;
    Criterion plain, by_hand;
  };
  const std::vector<Case> cases{
      {"log of the last state", [](const Var& p) { return sum(log(p[-1])); },
       [](const Var& a) { return -sum(softplus(-a[-1])); }},
      {"log of every state", [](const Var& p) { return sum(log(p)); },
       [](const Var& a) { return -sum(softplus(-a)); }},
      {"log(1 - state), the last", [](const Var& p) { return sum(log(1 - p[-1])); },
       [](const Var& a) { return -sum(softplus(a[-1])); }},
      {"cross-entropy of every state",
       [](const Var& p) { return -sum(0.25 * log(p) + 0.75 * log(1 - p)); },
       [](const Var& a) { return sum(0.25 * softplus(-a) + 0.75 * softplus(a)); }}};
  fmt::print("{} steps of {} x {}\n", n.steps, n.rows, n.units);
  for (const Case& c : cases) {
    const Cost plain = apart([&] { return cost_of(n, c.plain, false); });
    const Cost by_hand = apart([&] { return cost_of(n, c.by_hand, true); });
    fmt::print(
        "{:<30} {:8.2f} ms {:7.1f} MB   by hand {:8.2f} ms {:7.1f} MB   times {:.2f} {:.2f}\n",
        c.name, 1e3 * plain.seconds, plain.megabytes, 1e3 * by_hand.seconds, by_hand.megabytes,
        plain.seconds / by_hand.seconds, plain.megabytes / by_hand.megabytes);
  }
}
