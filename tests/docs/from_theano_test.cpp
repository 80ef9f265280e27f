// The C++ halves of docs/from-theano.md, compiled and run.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include <damo/damo.hpp>

using namespace damo;

namespace {

using Floats = xt::xarray<float>;

Floats rows(std::size_t n, std::size_t m) {
  Floats a = xt::zeros<float>({n, m});
  for (std::size_t i = 0; i < a.size(); ++i) a.data()[i] = static_cast<float>(i % 2);
  return a;
}

}  // namespace

TEST_CASE("from Theano: variables and functions") {
  Var x = matrix("x"), v = vector("v", float64), i = lscalar("i");
  Var y = log(1 + exp(dot(x, x.T())));
  Function f = function({x}, {y, mean(y)}, {.name = "f"});
  Outputs out = f(rows(2, 3));
  xt::xarray<float> table = out.array<float>(0);
  double average = out.scalar<double>(1);
  CHECK(table.shape()[0] == 2);
  CHECK(average > 0);
  CHECK(v.ndim() + i.ndim() == 1);
}

TEST_CASE("from Theano: training on minibatches") {
  const SharedVar train_x = shared(rows(6, 3), "train_x");
  const Var x = matrix("x");
  const float learning_rate = 0.1F;
  SharedVar W = shared(rows(3, 2), "W");
  SharedVar step = shared(0, "step");
  Var cost = mean(sum(softplus(dot(x, W)), 1));
  Var g = grad(cost, W);
  Var index = lscalar("index");
  Updates updates;
  updates[W] = W - learning_rate * g;
  updates[step] = step + 1;
  Function train = function({index}, {cost},
                            {.updates = updates,
                             .givens = {{x, train_x(range(index * 2, (index + 1) * 2))}},
                             .name = "train"});
  double before = train(0).scalar<double>(0);
  CHECK(train(0).scalar<double>(0) < before);
  CHECK(step.value().item<std::int64_t>() == 2);
}

TEST_CASE("from Theano: contrastive divergence") {
  const Var v = matrix("v");
  const SharedVar W = shared(rows(3, 2), "W");
  const SharedVar hbias = shared(std::vector<float>{0, 0}, "hbias");
  RandomStream rng(1234);
  const auto free_energy = [&](Var s) { return -sum(log(1 + exp(dot(s, W) + hbias)), 1); };
  const auto gibbs_vhv = [&](Var v0) {
    Var h = rng.bernoulli(sigmoid(dot(v0, W) + hbias));
    Var mean_v = sigmoid(dot(h, W.T()));
    return Vars{h, mean_v, rng.bernoulli(mean_v)};
  };
  auto [chain, updates] =
      scan(gibbs_vhv, {.outputs_info = {none, none, v}, .n_steps = 15, .name = "gibbs"});
  Var chain_end = chain[2][-1];
  Var cost = mean(free_energy(v)) - mean(free_energy(chain_end));
  Vars g = grad(cost, {W, hbias}, {.consider_constant = {chain_end}});
  updates[W] = W - 0.1 * g[0];
  updates[hbias] = hbias - 0.1 * g[1];
  Function train = function({v}, {cost}, {.updates = updates});
  CHECK(std::isfinite(train(rows(4, 3)).scalar<double>(0)));
}

TEST_CASE("from Theano: the forms of scan") {
  const Var x = matrix("x"), h0 = vector("h0"), W = matrix("W"), y0 = matrix("y0"),
            k = lscalar("k");
  const Var limit = scalar("limit");
  // a sequence, an output that is fed back, one that is not, a weight
  auto [outs, updates] = scan(
      [](Var x_t, Var h, Var w) {
        Var next = tanh(x_t + dot(h, w));
        return Vars{next, sum(next)};
      },
      {.sequences = x, .outputs_info = {h0, none}, .non_sequences = W});
  // taps: x[t-1], x[t], x[t+2], and the two values before
  auto taps = scan([](Var before, Var now, Var ahead, Var two,
                      Var one) { return before + now * one - ahead * two; },
                   {.sequences = seq(x, {-1, 0, 2}), .outputs_info = {init(y0, {-2, -1})}});
  // a symbolic number of steps, a condition
  auto powers = scan(
      [&](Var p) {
        Var next = p * 2;
        return until(next, max(next) > limit);
      },
      {.outputs_info = h0, .n_steps = k});
  // a shared variable that every step updates
  SharedVar count = shared(0, "count");
  auto counted = scan(
      [&] {
        return std::pair<Var, Updates>{count * 2, {{count, count + 1}}};
      },
      {.n_steps = 3});
  auto squares = damo::map([](Var row) { return sqr(row); }, x);
  auto total = damo::reduce([](Var row, Var sum) { return sum + row; }, x, h0);
  Function f = function({x, h0, W, y0, k, limit},
                        {outs[1], taps.outputs[0], powers.outputs[0], counted.outputs[0],
                         squares.outputs[0], total.outputs[0]},
                        {.updates = counted.updates});
  const Outputs out = f(rows(5, 3), Floats{1, 2, 3}, rows(3, 3), rows(2, 3), 9, 40.0);
  CHECK(out[0].shape() == Shape{5});
  CHECK(out[1].shape() == Shape{2, 3});
  CHECK(out[2].shape() == Shape{4, 3});  // 6, 12, 24, 48: the step that fires is kept
  CHECK(out.array<std::int64_t>(3)(2) == 4);
  CHECK(out[5].shape() == Shape{3});
  CHECK(count.value().item<std::int64_t>() == 3);
}

TEST_CASE("from Theano: random streams") {
  const Var x = matrix("x");
  const double level = 0.3;
  RandomStream rng(123);
  Var corrupted = x * rng.binomial({.n = 1, .p = 1 - level, .size = shape(x)});
  Var noise = rng.normal({3}, 0.0, 0.1), order = rng.permutation(10);
  Function draw = function({x}, {corrupted, noise, order});
  Array state = rng.state();
  const Outputs first = draw(rows(4, 3));
  rng.set_state(state);
  const Outputs again = draw(rows(4, 3));
  CHECK(first.array<float>(0) == again.array<float>(0));
  CHECK(first.array<float>(1) == again.array<float>(1));
}

TEST_CASE("from Theano: derivatives") {
  const Var w = vector("w", float64), v = vector("v", float64);
  Var cost = sum(sqr(w) * w);
  Var g = grad(cost, w), H = hessian(cost, w), J = jacobian(sqr(w), w);
  Var right = Rop(sqr(w), w, v), left = Lop(sqr(w), w, v);
  Var Hv = hessian_vector_product(cost, {w}, {v})[0];
  Var clipped = grad(sum(sqr(grad_clip(w, -1, 1))), w);
  Function f = function({w, v}, {g, H, J, right, left, Hv, clipped});
  const Outputs out = f(xt::xarray<double>{1, 2}, xt::xarray<double>{1, -1});
  CHECK(out.array<double>(5) == xt::xarray<double>({6, -12}));
  CHECK(out.array<double>(6) == xt::xarray<double>({1, 1}));
  CHECK_NOTHROW(verify_grad([](Var a) { return tanh(a); }, {Array::from<double>({0.1, 0.2})}));
}

TEST_CASE("from Theano: indexing") {
  Var x = matrix("x"), i = lscalar("i"), idx = lvector("idx"), y = vector("y");
  Var last = x[-1], column = x(all(), i), batch = x(range(i * 2, (i + 1) * 2)), rows_of = x[idx];
  Var flipped = set_subtensor(x(all(), i), 1 - x(all(), i));
  Var added = inc_subtensor(x[idx], y);
  Var padded = dimshuffle(y, {newaxis, 0});
  Function f = function({x, i, idx, y}, {last, column, batch, rows_of, flipped, added, padded});
  CHECK(f(rows(4, 3), 1, std::vector<std::int64_t>{0, 0}, Floats{1, 1, 1}).array<float>(5)(0, 1) ==
        3);
}

TEST_CASE("from Theano: looking inside") {
  Var x = vector("x"), y = log(sigmoid(x));
  Function f = function({x}, {y}, {.mode = Mode::fast().excluding("blas"), .profile = true});
  f(Floats{1, 2});
  CHECK(pprint(y) == "log(sigmoid(x))");
  for (const std::string& text :
       {debugprint(y), debugprint(f), to_dot(Vars{y}), f.trace(), f.profile()})
    CHECK_FALSE(text.empty());
}
