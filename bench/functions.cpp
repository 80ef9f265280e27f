// Functions that are one kernel or two each, in float32, beside NumPy and PyTorch: `compare
// functions` runs both in turn.
//   bench_functions [PART OF A NAME]
// prints "name<tab>milliseconds", the least of many calls, on one thread.
#include <fmt/format.h>

#include <string>
#include <utility>

#include <damo/damo.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>
#include "fastest.hpp"

using namespace damo;

namespace {

class Bench {
 public:
  explicit Bench(std::string only) : only_(std::move(only)) {}

  template <class F>
  void time(const std::string& what, F&& f) const {
    if (what.find(only_) == std::string::npos) return;
    fmt::print("{}\t{:.5f}\n", what, bench::fastest(f) * 1e3);
  }

 private:
  std::string only_;
};

Array noise(const Shape& shape) {
  Array a(float32, shape);
  std::uint64_t state = 88172645463325252ULL;
  for (std::int64_t i = 0; i < a.elements(); ++i) {
    state ^= state << 13U, state ^= state >> 7U, state ^= state << 17U;
    a.data<float>()[i] = static_cast<float>(state >> 40U) / 16777216.0F - 0.5F;
  }
  return a;
}

Array positions(std::int64_t n, std::int64_t limit) {
  const Array u = noise({n});
  Array a(int64, Shape{n});
  for (std::int64_t i = 0; i < n; ++i) {
    a.data<std::int64_t>()[i] = static_cast<std::int64_t>(
        (static_cast<double>(u.data<float>()[i]) + 0.5) * static_cast<double>(limit));
  }
  return a;
}

void time_elementwise_and_reductions(const Bench& bench) {
  const Var x = fmatrix("x"), y = fmatrix("y");
  const Array a = noise({512, 1000}), b = noise({512, 1000});
  const std::pair<const char*, Var> of_one[] = {{"softmax of rows", softmax(x, 1)},
                                                {"softmax of columns", softmax(x, 0)},
                                                {"log_softmax of rows", log_softmax(x, 1)},
                                                {"log_softmax of columns", log_softmax(x, 0)},
                                                {"logsumexp of rows", logsumexp(x, 1)},
                                                {"logsumexp of columns", logsumexp(x, 0)},
                                                {"sum of squares", sum(sqr(x))},
                                                {"mean of abs", mean(abs(x))},
                                                {"max of rows", max(x, 1)},
                                                {"argmax of rows", argmax(x, 1)},
                                                {"argmax of columns", argmax(x, 0)}};
  for (const auto& [what, result] : of_one) {
    Function f = function({x}, {result});
    bench.time(what, [&] { f(a); });
  }
  const std::pair<const char*, Var> of_two[] = {
      {"logaddexp", logaddexp(x, y)},
      {"gradient of softmax", grad(sum(softmax(x, 1) * y), x)},
      {"gradient of log_softmax", grad(sum(log_softmax(x, 1) * y), x)},
      {"sum of x y", sum(x * y)},
      {"sum of x y, rows", sum(x * y, 1)},
      {"sum of x y, columns", sum(x * y, 0)},
      {"sum of (x - y)^2, rows", sum(sqr(x - y), 1)},
      {"einsum ij,ij->i", einsum("ij,ij->i", {x, y})}};
  for (const auto& [what, result] : of_two) {
    Function f = function({x, y}, {result});
    bench.time(what, [&] { f(a, b); });
  }
  Function f = function({x, y}, {2 * x + y});
  for (const std::int64_t n : {1000, 4000}) {
    const Array big = noise({n, n}), other = noise({n, n});
    bench.time(fmt::format("2x + y, {} x {}", n, n), [&] { f(big, other); });
  }
}

void time_rows_and_updates(const Bench& bench) {
  const Var x = fmatrix("x"), g = fmatrix("g"), i = lvector("i");
  Function rows = function({x, i}, {x[i]});
  const Array table = noise({50000, 128}), some = positions(512, 50000);
  bench.time("512 rows of 50000 x 128", [&] { rows(table, some); });
  const Array small = noise({5000, 500}), many = positions(2000, 5000);
  bench.time("2000 rows of 5000 x 500", [&] { rows(small, many); });
  const SharedVar w = shared(table, "w");
  Function add = function({g, i}, {}, {.updates = {{w, inc_subtensor(w[i], g)}}});
  const Array part = noise({512, 128});
  bench.time("512 rows added to 50000 x 128", [&] { add(part, some); });
  for (const std::int64_t n : {1000, 4000}) {
    const SharedVar z = shared(noise({n, n}), "z");
    Function step = function({x}, {}, {.updates = {{z, z - 0.01 * x}}});
    const Array by = noise({n, n});
    bench.time(fmt::format("z -= 0.01 x, {} x {}", n, n), [&] { step(by); });
  }
}

void time_sorts_and_einsums(const Bench& bench) {
  const Var v = fvector("v");
  const Array million = noise({1000000});
  Function sorted = function({v}, {sort(v)}), ordered = function({v}, {argsort(v)});
  bench.time("sort of 10^6", [&] { sorted(million); });
  bench.time("argsort of 10^6", [&] { ordered(million); });
  const Var a = tensor3("a", float32), b = tensor3("b", float32);
  Function batched = function({a, b}, {einsum("bij,bjk->bik", {a, b})});
  const Array left = noise({32, 128, 128}), right = noise({32, 128, 128});
  bench.time("einsum bij,bjk->bik", [&] { batched(left, right); });
  const Var x = fmatrix("x"), y = fmatrix("y"), z = fmatrix("z");
  Function chain = function({x, y, z}, {einsum("ij,jk,kl->il", {x, y, z})});
  const Array m = noise({256, 256});
  bench.time("einsum ij,jk,kl->il", [&] { chain(m, m, m); });
}

}  // namespace

int main(int count, char** arguments) {
  set_num_threads(1);
  const Bench bench(count > 1 ? arguments[1] : "");
  time_elementwise_and_reductions(bench);
  time_rows_and_updates(bench);
  time_sorts_and_einsums(bench);
}
