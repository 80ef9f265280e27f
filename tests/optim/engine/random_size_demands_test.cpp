#include <random>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/control/ifelse.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/join.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/optim/engine/mode.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/support/values.hpp"

using namespace damo;

namespace {

/// Expressions of inputs whose sizes may not fit, most of which rewriting makes less of.
class Expressions {
 public:
  explicit Expressions(std::uint64_t seed) : random_(seed) {}

  Var vector(int depth) {
    if (depth == 0) return pick({v_, w_, m_[0], zeros({n_}), ones({k_}), full({n_}, 2.0)});
    const Var a = vector(depth - 1);
    switch (below(26)) {
      case 0:
        return a + vector(depth - 1);
      case 1:
        return a * vector(depth - 1) * 0.0;
      case 2:
        return zeros_like(a) + vector(depth - 1);
      case 3:
        return ones_like(a * vector(depth - 1));
      case 4:
        return where(a > 0.0, vector(depth - 1), a);
      case 5:
        return maximum(a, a - vector(depth - 1));
      case 6:
        return concatenate({a, vector(depth - 1)})(range(below(3)));
      case 7:
        return set_subtensor(a(range(2)), vector(depth - 1))(range(2));
      case 8:
        return inc_subtensor(zeros_like(a)[index_], scalar(depth - 1));
      case 9:
        return broadcast_to(a, {n_});
      case 10:
        return broadcast_to(a, {n_, k_})[index_];
      case 11:
        return dot(matrix(depth - 1), a);
      case 12:
        return sum(matrix(depth - 1) * a, below(2));
      case 13:
        return reshape(reshape(a, {n_, -1}), {-1});
      case 14:
        return specify_shape(a, {n_});
      case 15:
        return split(a, {n_, a.shape(0) - n_})[below(2) == 0 ? 0 : 1];
      case 16:
        return repeat(a, index_);
      case 17:
        return a[make_vector({index_, n_ - 1})];
      case 18:
        return set_subtensor(a[make_vector({index_})], 1.0)[make_vector({index_})];
      case 19:
        return softmax(cumsum(a) * 0.0);
      case 20:
        return scan([&](const Var& h) { return h * vector(0) * 0.0; },
                    {.outputs_info = a, .n_steps = index_})
            .outputs[0][-1];
      case 21:
        return eye(index_, n_)[0];
      case 22:
        return tile(a, {index_});
      case 23:
        return diag(matrix(depth - 1)) - a + a;
      case 24:
        return max(matrix(depth - 1)(all(), range(index_)), 1) * 0.0;
      default:
        return take(a, arange(n_) - below(2));
    }
  }

  Var matrix(int depth) {
    if (depth == 0) return pick({m_, y_, zeros({n_, k_})});
    const Var a = matrix(depth - 1);
    switch (below(10)) {
      case 0:
        return a + matrix(depth - 1) * 0.0;
      case 1:
        return stack({vector(depth - 1), vector(depth - 1)});
      case 2:
        return a.T();
      case 3:
        return dot(a, zeros_like(matrix(depth - 1)));
      case 4:
        return outer(vector(depth - 1), vector(depth - 1));
      case 5:
        return map([&](const Var& row) { return zeros_like(row + v_); }, a).outputs[0];
      case 6:
        return ifelse(index_ > 0, a, matrix(depth - 1));
      case 7:
        return zeros_like(outer(batched_dot(a, matrix(depth - 1)), v_));
      case 8:
        return scan([&](const Var& x) { return x * 0.0; }, {.sequences = a, .n_steps = n_})
            .outputs[0];
      default:
        return a(range(n_), all());
    }
  }

  Var scalar(int depth) {
    switch (below(7)) {
      case 0:
        return vector(depth)[index_];
      case 1:
        return sum(zeros_like(vector(depth)));
      case 2:
        return cast(matrix(depth).shape(0), floatX());
      case 3:
        return cast(max(cast(vector(depth), int64)) * 0, floatX());
      case 4:
        return sum(grad(sum(vector(depth)), v_, {.disconnected_inputs = Disconnected::ignore}));
      case 5:
        return ifelse(index_ > 0, sum(vector(depth)) * 0.0, sum(ones_like(vector(depth))));
      default:
        return cast(eq(vector(depth).shape(0), n_), floatX());
    }
  }

  Vars inputs() const { return {v_, w_, m_, y_, n_, k_, index_}; }
  Array size() { return Array::scalar(std::int64_t{1} + below(3)); }
  Array position() { return Array::scalar(std::int64_t{below(6)} - 3); }
  Array numbers(std::size_t rank) {
    Shape shape;
    for (std::size_t i = 0; i < rank; ++i) shape.push_back(1 + below(3));
    return test::counting(shape).cast(float32);
  }

 private:
  int below(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }
  Var pick(const Vars& choices) {
    return choices[static_cast<std::size_t>(below(static_cast<int>(choices.size())))];
  }

  std::mt19937_64 random_;
  Var v_ = damo::vector("v"), w_ = damo::vector("w"), m_ = damo::matrix("m"),
      y_ = damo::matrix("y"), n_ = lscalar("n"), k_ = lscalar("k"), index_ = lscalar("i");
};

/// Whether a call goes through, and what it says otherwise.
std::string refusal(Function& f, const std::vector<Array>& at) {
  try {
    f(at[0], at[1], at[2], at[3], at[4], at[5], at[6]);
  } catch (const ShapeError& e) {
    return e.what();
  }
  return {};
}

}  // namespace

TEST_CASE("size demands: random graphs raise in every mode where they raise as written") {
  int refused = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Expressions expressions(seed);
    Var e;
    try {
      e = seed % 3 == 0 ? expressions.scalar(2) : zeros_like(expressions.vector(3));
    } catch (const ShapeError&) {
      continue;  // numbers alone said so
    }
    const std::string text = pprint(e);
    CAPTURE(text);
    std::vector<Function> functions;
    for (const Mode& mode : {Mode::none(), Mode::fast_compile(), Mode::fast(), Mode::strict()}) {
      functions.push_back(
          function(expressions.inputs(), {e}, {.mode = mode, .on_unused_input = Unused::ignore}));
    }
    for (int call = 0; call < 4; ++call) {
      const std::vector<Array> at{expressions.numbers(1), expressions.numbers(1),
                                  expressions.numbers(2), expressions.numbers(2),
                                  expressions.size(),     expressions.size(),
                                  expressions.position()};
      const std::string written = refusal(functions[0], at);
      refused += written.empty() ? 0 : 1;
      for (std::size_t mode = 1; mode < functions.size(); ++mode) {
        const std::string rewritten = refusal(functions[mode], at);
        CAPTURE(seed);
        CAPTURE(mode);
        CAPTURE(written);
        CAPTURE(rewritten);
        CHECK(written.empty() == rewritten.empty());
        if (!rewritten.empty()) CHECK(test::contains(rewritten, "random_size_demands_test.cpp"));
      }
    }
  }
  CHECK(refused > 300);
}
