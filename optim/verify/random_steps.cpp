#include <damo/ops/control/ifelse.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/join.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/optim/verify/random_functions.hpp>
#include <damo/optim/verify/random_graph.hpp>

// The steps by which random graphs grow.
namespace damo::optim {
namespace {

Var elementwise_step(Pool& pool) {
  Dice& dice = pool.dice();
  const Var x = pool.any_float();
  switch (dice.below(5)) {
    case 0:
      return dice.of(unary_functions())(x);
    case 1:
      return dice.of(unary_idioms())(x);
    case 2:
      return dice.of(functions_of_constants())(x, dice.of(random_constants()));
    default:
      return dice.of(binary_functions())(x, pool.any_float());
  }
}

/// int64 and bool.
Var exact_step(Pool& pool) {
  Dice& dice = pool.dice();
  const Var n = pool.pick([](const Var& v) { return v.dtype() == DType::int64; });
  const Var b = pool.pick([](const Var& v) { return v.dtype() == DType::boolean; });
  const Var x = pool.any_float();
  const Var y = pool.any_float();
  switch (dice.below(16)) {
    case 0:
      return n + static_cast<long>(dice.below(3));
    case 1:
      return n * n - n;
    case 2:
      return n % 3;
    case 3:
      return floor_div(n, 2);
    case 4:
      return x > y;
    case 5:
      return eq(x, y);
    case 6:
      return not_(b);
    case 7:
      return and_(b, x > 0);
    case 8:
      return cast(x, DType::int64);
    case 9:
      return cast(n, x.dtype());
    case 10:
      return cast(b, x.dtype()) * x;
    case 11:
      return where(b, x, y);
    case 12:
      return eq(n, n + 9007199254740993L);
    case 13:
      return x * n;
    case 14:
      return argmax(x);
    default:
      return where(b, n, 0);
  }
}

Var shape_step(Pool& pool) {
  Dice& dice = pool.dice();
  const Var x = pool.tensor();
  const int axis = static_cast<int>(dice.below(x.ndim()));
  switch (dice.below(14)) {
    case 0:
      return x.T();
    case 1:
      return ravel(x);
    case 2:
      return expand_dims(x, axis);
    case 3:
      return reshape(x, {-1, x.shape(0)});
    case 4:
      return concatenate({x, -x}, axis);
    case 5:
      return concatenate({sigmoid(x), exp(x)}, axis);
    case 6:
      return stack({x, x * 2}, 0);
    case 7:
      return tile(x, {2});
    case 8:
      return repeat(x, 2, axis);
    case 9:
      return broadcast_like(pool.any_float(), x);
    case 10:
      return zeros_like(x) + pool.any_float();
    case 11:
      return ones_like(x) * x;
    case 12:
      // As many as memory holds, whatever number was made a count.
      return repeat(
          x, minimum(pool.pick([](const Var& v) { return v.dtype() == DType::int64; }), 1000),
          axis);
    default:
      return diag(x);
  }
}

Var index_step(Pool& pool) {
  Dice& dice = pool.dice();
  const Var x = pool.tensor();
  const Var k = pool.pick([](const Var& v) { return v.dtype() == DType::int64 && v.ndim() == 0; });
  const Var idx =
      pool.pick([](const Var& v) { return v.dtype() == DType::int64 && v.ndim() == 1; });
  switch (dice.below(14)) {
    case 0:
      return x[0];
    case 1:
      return x[-1];
    case 2:
      return x[k];
    case 3:
      return x[range(0, 2)];
    case 4:
      return x[range(-1, -9, -1)];
    case 5:
      return x[range(k, k + 2)];
    case 6:
      return take(x, idx, 0);
    case 7:
      return set_subtensor(x[k], 1);
    case 8:
      return inc_subtensor(x[idx], 0.5);
    case 9:
      return set_subtensor(x[range(0, 1)], pool.any_float());
    case 10:
      return set_subtensor(x[k], 2)[k];
    case 11:
      return inc_subtensor(zeros_like(x)[range(0, 2)], sigmoid(x[range(0, 2)]));
    case 12:
      return x[range(0, 2)][0];
    default:
      return concatenate({x, x * 2}, 0)[range(1, 3)];
  }
}

Var reduction_step(Pool& pool) {
  Dice& dice = pool.dice();
  const Var x = pool.tensor();
  const int axis = static_cast<int>(dice.below(x.ndim()));
  const bool keep = dice.one_in(2);
  switch (dice.below(18)) {
    case 0:
      return sum(x, axis, {.keepdims = keep});
    case 1:
      return mean(x, axis, {.keepdims = keep});
    case 2:
      return max(x, axis, {.keepdims = keep});
    case 3:
      return prod(x, axis, {.keepdims = keep});
    case 4:
      return softmax(x, axis);
    case 5:
      return log_softmax(x, axis);
    case 6:
      return logsumexp(x, axis, {.keepdims = keep});
    case 7:
      return log(sum(exp(x), axis, {.keepdims = keep}));
    case 8:
      return exp(x) / sum(exp(x), axis, {.keepdims = true});
    case 9:
      return log(exp(x) / sum(exp(x), axis, {.keepdims = true}));
    case 10:
      return log(softmax(x, axis));
    case 11:
      return cumsum(x, axis);
    case 12:
      return sum(dice.of(random_constants()) * x, axis);
    case 13:
      return sum(-x);
    case 14:
      return sum(x * pool.any_float());
    case 15:
      return x - logsumexp(x, axis, {.keepdims = true});
    case 16:
      return var(x, axis);
    default:
      return sum(sum(x, axis));
  }
}

Var product_step(Pool& pool) {
  Dice& dice = pool.dice();
  const auto factor = [](const Var& v) {
    return is_float(v.dtype()) && (v.ndim() == 1 || v.ndim() == 2);
  };
  const Var a = pool.pick(factor);
  const Var b = pool.pick([&](const Var& v) {
    if (!factor(v)) return false;
    const Shape &left = pool.shape(a), &right = pool.shape(v);
    return left.back() == right[0];
  });
  if (!b.defined()) return {};
  switch (dice.below(8)) {
    case 0:
      return dot(a * 2, b);
    case 1:
      return dot(a / pool.pick([](const Var& v) { return is_float(v.dtype()) && v.ndim() == 0; }),
                 b);
    case 2:
      return dot(cast(a > 0.5, a.dtype()), b);
    case 3:
      return dot(-a, b);
    case 4:
      return dot(b.T(), a.T()).T();
    case 5:
      return pool.any_float() - 0.1 * dot(a, b);
    default:
      return dot(a, b);
  }
}

Var loop_step(Pool& pool) {
  Dice& dice = pool.dice();
  const Var x = pool.tensor();
  const Var y = pool.any_float();
  const Var k = pool.pick([](const Var& v) { return v.dtype() == DType::int64 && v.ndim() == 0; });
  const RandomUnary f = dice.of(dice.one_in(2) ? unary_functions() : unary_idioms());
  const auto first = [](const ScanResult& r) { return r.outputs[0]; };
  switch (dice.below(9)) {
    case 0:
      return first(map([&](const Var& row) { return f(row); }, {x}));
    case 1:
      return log(first(map([&](const Var& row) { return sigmoid(row * y); }, {x})));
    case 2:
      return first(scan([&](const Var& row, const Var& h) { return tanh(h * 0.5 + row); },
                        {.sequences = {x}, .outputs_info = {zeros_like(x[0])}}))[-1];
    case 3:
      return first(
          scan([&](const Var& h) { return f(h); }, {.outputs_info = {y}, .n_steps = 3}))[-1];
    case 4:
      return first(scan([&](const Var& h) { return h * 0.5 + x[0]; },
                        {.outputs_info = {zeros_like(x[0])}, .n_steps = k}));
    case 5:
      return scan(
                 [&](const Var& p, const Var& q) {
                   return Vars{p + q, p};
                 },
                 {.outputs_info = {y, y * 2}, .n_steps = 3})
          .outputs[1];
    case 6:
      return first(reduce([](const Var& row, const Var& total) { return total + row; }, {x},
                          {zeros_like(x[0])}));
    case 7:
      return log(1 - first(scan([&](const Var& row, const Var& h) { return sigmoid(row + h); },
                                {.sequences = {x}, .outputs_info = {zeros_like(x[0])}}))[-1]);
    default:
      return first(scan([&](const Var& h) { return until(h * 2 + 1, sum(h) > 10); },
                        {.outputs_info = {y}, .n_steps = 4}));
  }
}

Var choice_step(Pool& pool) {
  Dice& dice = pool.dice();
  const Var x = pool.any_float();
  const Var b = pool.pick([](const Var& v) { return v.dtype() == DType::boolean; });
  RandomStream rng(dice.below(1000));
  switch (dice.below(8)) {
    case 0:
      return ifelse(any(b), x, dice.of(unary_functions())(x));
    case 1:
      return ifelse(sum(x) > 0, log(x), x);
    case 2:
      return x * cast(rng.uniform({3}, 0.0, 1.0, x.dtype())[0] > 0.5, x.dtype());
    case 3:
      return rng.normal(sizes(x), 0.0, 1.0, x.dtype()) * 0.1 + x;
    case 4:
      return rng.bernoulli(sigmoid(x), x.dtype());
    case 5:
      return dot(rng.bernoulli(sigmoid(pool.tensor())), ones_like(pool.tensor()));
    default:
      return where(b, dice.of(unary_idioms())(x), x);
  }
}

}  // namespace

void add_step(Pool& pool) {
  using Step = Var (*)(Pool&);
  static const std::vector<Step> steps{elementwise_step, elementwise_step, elementwise_step,
                                       elementwise_step, exact_step,       shape_step,
                                       index_step,       reduction_step,   reduction_step,
                                       product_step,     loop_step,        choice_step};
  pool.add(pool.dice().of(steps)(pool));
}

}  // namespace damo::optim
