#include <random>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/join.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/support/values.hpp"

// First and second derivatives of random loops: one to four states that are swapped, shared, handed
// on and not used, lags, taps, outputs read at each step, at the last, at both, not at all, loops
// in loops; over numbers and vectors, of whose sizes more or less is known. All that the cost
// depends on is one vector z.
using namespace damo;
using test::check_close;
using Bindings = std::vector<std::pair<Var, Array>>;

namespace {

using Numbers = std::vector<double>;

class RandomLoop {
 public:
  RandomLoop(unsigned seed, int steps) : rng_(seed), steps_(steps) {}

  /// A cost of `z`, whose size is `size()` afterwards.
  Var cost(const Var& z) {
    z_ = z;
    ScanOptions options;
    options.n_steps = steps_;
    if (pick(2) == 0) width_ = 1 + pick(2);
    const int sequences = pick(3);
    for (int i = 0; i < sequences; ++i) add_sequence(options);
    const int states = 1 + pick(4);
    for (int i = 0; i < states; ++i) add_state(options);
    const int extras = pick(2);
    for (int i = 0; i < extras; ++i) options.outputs_info.push_back(none);
    weight_ = part({});
    const int outputs = states + extras;
    const Vars outs = scan([&](const Vars& args) { return step(args, outputs); }, options).outputs;
    Var total = 0.3 * sum(sqr(part({})));
    for (const Var& v : outs) total = total + read(v);
    return total;
  }
  std::int64_t size() const { return size_; }

 private:
  int pick(int n) { return static_cast<int>(rng_() % static_cast<unsigned>(n)); }

  /// The next part of z: a value of the loop, or so many in rows.
  Var part(std::optional<int> n) {
    const std::int64_t from = size_;
    size_ += n.value_or(1) * width_.value_or(1);
    if (!width_) return n ? Var(z_[range(from, size_)]) : Var(z_[from]);
    const Var elements = z_[range(from, size_)];
    const Arg width = pick(2) == 0 ? Arg(*width_) : Arg(z_.shape(0) * 0 + *width_);
    return n ? reshape(elements, {Arg(*n), width}) : reshape(elements, {width});
  }

  void add_sequence(ScanOptions& options) {
    static const std::vector<std::vector<int>> taps{{0}, {-1, 0}, {0, 1}, {-2, 1}};
    const auto& mine = taps[static_cast<std::size_t>(pick(4))];
    const auto [low, high] = std::minmax_element(mine.begin(), mine.end());
    const int rows = steps_ + std::max(0, *high) - std::min(0, *low);
    options.sequences.push_back(seq(part(rows), mine));
  }

  void add_state(ScanOptions& options) {
    static const std::vector<std::vector<int>> taps{{-1}, {-1}, {-2, -1}, {-3, -1}, {-2}};
    const auto& mine = taps[static_cast<std::size_t>(pick(5))];
    const int deepest = -*std::min_element(mine.begin(), mine.end());
    options.outputs_info.push_back(init(deepest > 1 ? part(deepest) : part({}), mine));
  }

  Vars step(const Vars& args, int outputs) {
    Vars next;
    for (int i = 0; i < outputs; ++i) next.push_back(pick(3) == 0 ? any_of(args) : mixed(args));
    return next;
  }
  const Var& any_of(const Vars& args) {
    return args[static_cast<std::size_t>(pick(static_cast<int>(args.size())))];
  }

  Var mixed(const Vars& args) {
    const Var a = any_of(args);
    const Var b = any_of(args);
    switch (pick(5)) {
      case 0:
        return sin(a + 0.7 * b + weight_);
      case 1:
        return a * b + 0.2 * weight_;
      case 2:
        return a + b;
      case 3:
        return 0.3 * sqr(a + b + 0.2);
      default: {
        const Vars inner = scan(
                               [&](Var p, Var q) {
                                 return Vars{sin(p * weight_) + q, p};
                               },
                               {.outputs_info = {a, b}, .n_steps = 2})
                               .outputs;
        return inner[0][-1] + (pick(2) == 0 ? inner[1][-1] : inner[1][0]);
      }
    }
  }

  /// What the cost reads of an output.
  Var read(const Var& v) {
    const int way = pick(4);
    Var total = constant(test::number(0));
    if (way == 1 || way == 3) total = total + 0.5 * sum(sqr(v)) + sum(v);
    if (steps_ > 0 && way >= 2) total = total + sum(sin(v[-1]));
    return total;
  }

  std::mt19937 rng_;
  int steps_;
  std::optional<int> width_{};  ///< of the vectors it is over; none: it is over numbers
  Var z_{};
  Var weight_{};
  std::int64_t size_ = 0;
};

Numbers numbers(const Array& a) {
  const double* p = a.data<double>();
  return {p, p + a.elements()};
}

/// Row i: how `f` changes with z[i], to fourth order in the step.
std::vector<Numbers> differences(const std::function<Numbers(const Numbers&)>& f, Numbers z) {
  constexpr double h = 5e-4;
  std::vector<Numbers> rows;
  for (double& at : z) {
    const double middle = at;
    Numbers row;
    for (const auto& [offset, weight] :
         {std::pair{-2.0, 1.0}, {-1.0, -8.0}, {1.0, 8.0}, {2.0, -1.0}}) {
      at = middle + offset * h;
      const Numbers value = f(z);
      row.resize(value.size());
      for (std::size_t k = 0; k < value.size(); ++k) row[k] += weight * value[k] / (12 * h);
    }
    at = middle;
    rows.push_back(row);
  }
  return rows;
}

Numbers start(std::int64_t n) {
  Numbers z;
  for (std::int64_t i = 0; i < n; ++i)
    z.push_back(0.6 * std::sin(1.3 + 0.9 * static_cast<double>(i)));
  return z;
}

void check_derivatives(unsigned seed, int steps) {
  CAPTURE(seed);
  CAPTURE(steps);
  const Var z = dvector("z");
  RandomLoop loop(seed, steps);
  const Var cost = loop.cost(z);
  const Var g = grad(cost, z);
  const Var h = hessian(cost, z);
  const auto value_of = [&](const Var& v, const Numbers& at) {
    return numbers(evaluate(v, Bindings{{z, Array::from(at)}}));
  };
  const Numbers at = start(loop.size());
  const auto n = at.size();
  const auto slope = differences([&](const Numbers& x) { return value_of(cost, x); }, at);
  const Numbers first = value_of(g, at);
  for (std::size_t i = 0; i < n; ++i) CHECK(first[i] == doctest::Approx(slope[i][0]).epsilon(1e-7));
  const auto bend = differences([&](const Numbers& x) { return value_of(g, x); }, at);
  const Numbers second = value_of(h, at);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < n; ++k) {
      CHECK(second[i * n + k] == doctest::Approx(bend[k][i]).epsilon(1e-7));
      CHECK(second[i * n + k] == doctest::Approx(second[k * n + i]).epsilon(1e-12));
    }
  }
}

}  // namespace

TEST_CASE("loop derivatives: random loops have those of finite differences") {
  for (const int steps : {0, 1, 2, 3}) {
    for (unsigned seed = 0; seed < 20; ++seed) check_derivatives(100 * seed + 7, steps);
  }
}

TEST_CASE("loop derivatives: compiled random loops agree with the graph as written") {
  for (unsigned seed = 0; seed < 12; ++seed) {
    CAPTURE(seed);
    const Var z = dvector("z");
    RandomLoop loop(seed, 1 + static_cast<int>(seed % 4));
    const Var cost = loop.cost(z);
    const Vars all{cost, grad(cost, z), hessian(cost, z), Rop(grad(cost, z), z, z)};
    const Array at = Array::from(start(loop.size()));
    const std::vector<Array> plain = evaluate(all, Bindings{{z, at}});
    for (const Mode& mode : {Mode::none(), Mode::fast_compile(), Mode::fast()}) {
      Function f = function({z}, all, {.mode = mode});
      const Outputs out = f(at);
      for (std::size_t k = 0; k < all.size(); ++k) check_close(out[k], plain[k], 1e-12);
    }
  }
}

TEST_CASE("loop derivatives: a state handed on as another state keeps its gradient") {
  const Var p0 = dscalar("p0");
  const Var q0 = dscalar("q0");
  const Vars outs = scan(
                        [](Var p, Var q) {
                          return Vars{p + q, p};
                        },
                        {.outputs_info = {p0, q0}, .n_steps = 6})
                        .outputs;
  const Bindings at{{p0, test::number(1)}, {q0, test::number(2)}};
  check_close(evaluate(grad(outs[1][-1], p0), at), test::number(8), 0);
  check_close(evaluate(grad(outs[1][-1], q0), at), test::number(5), 0);
}

TEST_CASE("loop derivatives: the Hessian through adjacent lags is symmetric and true") {
  const Var a = dvector("a");
  const Var h = scan([](Var two, Var one) { return sqr(two + one + 0.2); },
                     {.outputs_info = {init(a, {-2, -1})}, .n_steps = 3})
                    .outputs[0];
  const Array second = evaluate(hessian(sum(h), a), Bindings{{a, test::vector({0.3, 0.5})}});
  check_close(second, test::array({2, 2}, {309, 406, 406, 544}), 2e-3);
  CHECK(second.data<double>()[1] == doctest::Approx(second.data<double>()[2]).epsilon(1e-14));
}

TEST_CASE("loop derivatives: a state that no step reads counts as disconnected") {
  const Var x = dvector("x");
  const Var h0 = dscalar("h0");
  const Var a0 = dscalar("a0");
  const Var unread =
      scan([](Var v, Var) { return v * v; }, {.sequences = x, .outputs_info = h0}).outputs[0];
  const Vars two = scan(
                       [](Var v, Var, Var b) {
                         return Vars{v * b, b + v};
                       },
                       {.sequences = x, .outputs_info = {a0, h0}})
                       .outputs;
  CHECK_THROWS_AS(grad(sum(unread), h0), GradError);
  CHECK_THROWS_AS(grad(unread[-1], h0), GradError);
  CHECK_THROWS_AS(grad(sum(two[0]), a0), GradError);
  const Bindings at{{x, test::vector({1, 2})}, {h0, test::number(3)}, {a0, test::number(1)}};
  check_close(evaluate(grad(sum(unread), h0, {.disconnected_inputs = Disconnected::ignore}), at),
              test::number(0), 0);
  check_close(evaluate(grad(two[1][-1], h0), at), test::number(1), 0);
}

TEST_CASE("loop derivatives: Rop passes through a loop over what has a known size") {
  const Var v = dvector("v");
  const Var w = dscalar("w");
  const Var x = constant(test::vector({1, 2, 3})) * w;
  const Var n = constant(test::vector({4, 5, 6})) * w;
  const Var outs = scan([](Var a, Var h, Var c) { return h + a * sum(c * c); },
                        {.sequences = x, .outputs_info = 0.0, .non_sequences = n})
                       .outputs[0];
  const Bindings point{{w, test::number(2)}};
  const Array moved = evaluate(Rop(outs[-1], w, constant(test::number(1))), point);
  check_close(moved, test::number(6 * 77 * 3 * 4), 1e-14);  // 6 w * 77 w^2
  const Var sized = specify_shape(v, {3});
  const Var total = scan([&](Var a, Var h) { return h + a * sum(sqr(sized)); },
                         {.sequences = sized, .outputs_info = 0.0})
                        .outputs[0];
  const Var direction = dvector("direction");
  const Bindings both{{v, test::vector({1, 2, 3})}, {direction, test::vector({1, 0, 2})}};
  // f = sum(v) |v|^2 moves by sum(d) |v|^2 + sum(v) 2 v d.
  check_close(evaluate(Rop(total[-1], v, direction), both), test::number(3 * 14 + 6 * 14), 1e-14);
}

TEST_CASE("loop derivatives: integers that a loop reads have the gradients they have outside") {
  const Var n = lvector("n");
  const Var x = dvector("x");
  const Var k = lscalar("k");
  const Bindings at{{n, Array::from<std::int64_t>({3, 5})},
                    {x, test::vector({2, 7})},
                    {k, Array::scalar<std::int64_t>(4)}};
  const Var inside = map([&](const Var& i, const Var& v) { return i * v * k; }, {n, x}).outputs[0];
  const Var outside = n * x * k;
  for (const Var& wrt : {n, k}) {
    check_close(evaluate(grad(sum(inside), wrt), at), evaluate(grad(sum(outside), wrt), at), 0);
  }
  check_close(evaluate(grad(sum(inside), n), at), test::vector({8, 28}), 0);
  // A count that is carried.
  const Var counted = scan(
                          [&](const Var& v, const Var& c) {
                            return Vars{c + 2 * k, cast(c, float64) * v};
                          },
                          {.sequences = x, .outputs_info = {k, none}})
                          .outputs[1];
  // k 2 + 3 k 7
  check_close(evaluate(grad(sum(counted), k), at), test::number(23), 0);
  check_close(evaluate(grad(sum(counted), x), at), test::vector({4, 12}), 0);
}
