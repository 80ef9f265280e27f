#include <doctest/doctest.h>

#include <xtensor/xview.hpp>

#include <damo/damo.hpp>
#include <damo/graph/errors/error.hpp>
#include <damo/models/rbm.hpp>
#include <damo/optim/language/rule.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::contains;
using test::error_of;

namespace {

using Doubles = std::vector<double>;

/// Ops that do not keep what they promise. (Not by way of OpOf: they are no part of the
/// vocabulary.)
class Liar : public Op {
 public:
  explicit Liar(std::string name) : name_(std::move(name)) {}
  std::string name() const override { return name_; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override { return {in[0]}; }
  bool equals(const Op& other) const override { return this == &other; }
  std::size_t hash() const override { return 1; }

 private:
  std::string name_;
};

/// Doubles its input where it is, and says nothing.
struct Scribbler final : Liar {
  Scribbler() : Liar("scribbler") {}
  void perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const override {
    for (std::int64_t i = 0; i < in[0]->elements(); ++i) {
      out[0]->as<double>()[i] = 2 * in[0]->as<double>()[i];
      in[0]->as<double>()[i] = -1;
    }
  }
};

/// Reverses its input, and says that it may do so in place.
struct Reverser final : Liar {
  Reverser() : Liar("reverser") {}
  int inplace_input() const override { return 0; }
  void perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const override {
    const std::int64_t n = in[0]->elements();
    for (std::int64_t i = 0; i < n; ++i) out[0]->as<double>()[i] = in[0]->as<double>()[n - 1 - i];
  }
};

/// Shows its second input, and says that it shows its first.
struct Impostor final : Liar {
  Impostor() : Liar("impostor") {}
  bool is_view() const override { return true; }
  void run_shapes(const Apply&, TensorsIn in, std::span<Shape> out) const override {
    out[0] = in[1]->shape;
  }
  void view(const Apply&, TensorsIn in, Tensor& out) const override { out = *in[1]; }
};

template <class T>
Var applied(Vars inputs) {
  return make_var(std::make_shared<T>(), std::move(inputs), Site::here());
}

const optim::Rule& wrong_rule() {
  static const Var x = optim::any("x");
  static const optim::Rule rule = optim::rule("root_of_square", sqrt(sqr(x)), x).canonicalizes();
  return rule;
}

}  // namespace

TEST_CASE("debug mode: a wrong rule is named with expressions and lines and the worst element") {
  const Var x = vector("x", float64);
  const Var y = sqrt(sqr(x)) * 3;
  Function f = function({x}, {y}, {.mode = Mode::fast().with_rule(wrong_rule())});
  CHECK(f(Doubles{1, -2})[0].data<double>()[1] == -6);  // planted: this is wrong
  Function g = function({x}, {y}, {.mode = Mode::debug().with_rule(wrong_rule())});
  CHECK(g(Doubles{1, 2})[0].data<double>()[1] == 6);
  const std::string text = error_of<InternalError>([&] { g(Doubles{1, -2, 0.5}); });
  CAPTURE(text);
  CHECK(contains(text, "debug: rule 'root_of_square' changes a value"));
  CHECK(contains(text, "sqrt(sqr(x)) = x"));
  CHECK(contains(text, "before  sqrt(sqr(x)), made at debug_mode_test.cpp:"));
  CHECK(contains(text, "after   x, made at"));
  CHECK(contains(text, "element (1,) of float64 (3,): 2 before, -2 after"));
  CHECK(contains(text, "pass 'canonicalize'"));
}

TEST_CASE("debug mode: a wrong rule inside nested loops is named with the step") {
  const Var x = scalar("x", float64);
  const auto [outer, u] = scan(
      [&](const Var& a) {
        const auto [inner, v] = scan([&](const Var& b) { return sqrt(sqr(b)) - 1; },
                                     {.outputs_info = {a}, .n_steps = 2, .name = "inner"});
        return inner[0][-1];
      },
      {.outputs_info = {x}, .n_steps = 2, .name = "outer"});
  Function g = function({x}, {outer[0][-1]}, {.mode = Mode::debug().with_rule(wrong_rule())});
  CHECK(g(9).scalar<double>(0) == 5);
  const std::string text = error_of<InternalError>([&] { g(2.5); });
  CAPTURE(text);
  CHECK(contains(text, "rule 'root_of_square'"));
  CHECK(contains(text, "-0.5"));
  CHECK(contains(text, "scan 'inner', step 1"));
}

TEST_CASE("debug mode: a rule that no pass tries is refused") {
  const Var x = optim::any("x");
  CHECK_THROWS_AS(Mode::fast().with_rule(optim::rule("idle", sqrt(sqr(x)), abs(x))), GraphError);
}

TEST_CASE("debug mode: a non-finite side may become finite and rounding may differ") {
  const Var x = vector("x", float32);
  const Var cost = sum(log(sigmoid(x)) + log(1 + exp(x)));
  Function f = function({x}, {cost, grad(cost, x)}, {.mode = Mode::debug()});
  const Outputs out = f(std::vector<float>{-1000, -50, 0, 3, 90, 1000});
  CHECK(out.scalar<float>(0) == doctest::Approx(-1000 - 50 + 0 + 3 + 90 + 1000).epsilon(1e-5));
}

TEST_CASE("debug mode: what rounding explains in the graph as written is no fault") {
  const Var x = vector("x", float64);
  Function saturated =
      function({x}, {log(sigmoid(x)), log(1 - sigmoid(x))}, {.mode = Mode::debug()});
  const Outputs out = saturated(Doubles{-745, -37, 0, 37, 745});
  CHECK(out[0].data<double>()[0] == -745);
  CHECK(out[1].data<double>()[3] == doctest::Approx(-37));
  CHECK(out[1].data<double>()[4] == -745);
  const Var y = vector("y", float32);
  const Var cost = sum(log(1 - sigmoid(20 * y) + 1e-7));
  Function slope = function({y}, {grad(cost, y)}, {.mode = Mode::debug()});
  CHECK_NOTHROW(slope(std::vector<float>{-2, -0.5F, 0, 0.25F, 0.5F, 1, 2}));
}

TEST_CASE("debug mode: a loop with a mode of its own runs") {
  const Var x = vector("x", float64);
  const auto [h, u] = scan([](const Var& item, const Var& h) { return log(sigmoid(item)) + h * 1; },
                           {.sequences = {x}, .outputs_info = {0.0}, .mode = Mode::fast()});
  Function f = function({x}, {h[0][-1]}, {.mode = Mode::debug()});
  CHECK(f(Doubles{0, 0}).scalar<double>(0) == doctest::Approx(-2 * std::log(2)));
}

TEST_CASE("debug mode: an op that changes its input is named") {
  const Var x = vector("x", float64);
  const Var y = exp(x);
  Function f = function({x}, {applied<Scribbler>({y}) + sum(y)}, {.mode = Mode::debug()});
  const std::string text = error_of<InternalError>([&] { f(Doubles{0, 1}); });
  CAPTURE(text);
  CHECK(contains(text, "scribbler changes its input 0"));
  CHECK(contains(text, "made at debug_mode_test.cpp:"));
}

TEST_CASE("debug mode: an op that cannot work in place as it says is named") {
  const Var x = vector("x", float64);
  Function fast = function({x}, {applied<Reverser>({exp(x)})});
  CHECK(fast(Doubles{0, 1, 2})[0].data<double>()[2] !=
        doctest::Approx(1));  // planted: the first element was written over before it was read
  Function f = function({x}, {applied<Reverser>({exp(x)})}, {.mode = Mode::debug()});
  const std::string text = error_of<InternalError>([&] { f(Doubles{0, 1, 2}); });
  CAPTURE(text);
  CHECK(contains(text, "reverser gives element (2,) of float64 (3,)"));
  CHECK(contains(text, "it writes over one of its inputs"));
}

TEST_CASE("debug mode: an op that is no view of what it says is named") {
  const Var x = vector("x", float64);
  Function f = function({x}, {applied<Impostor>({exp(x), exp(-x)}) * 2}, {.mode = Mode::debug()});
  const std::string text = error_of<InternalError>([&] { f(Doubles{0, 1}); });
  CHECK(contains(text, "impostor says that it is a view of its input 0"));
}

TEST_CASE("debug mode: an op inside a loop that changes its input is named with the step") {
  const Var x = vector("x", float64);
  const auto [h, u] = scan(
      [](const Var& h) {
        const Var e = h + 1;
        return applied<Scribbler>({e}) + e;
      },
      {.outputs_info = {x}, .n_steps = 3, .name = "loop"});
  Function f = function({x}, {h[0][-1]}, {.mode = Mode::debug()});
  const std::string text = error_of<InternalError>([&] { f(Doubles{0, 1}); });
  CAPTURE(text);
  CHECK(contains(text, "scribbler changes its input 0"));
  CHECK(contains(text, "scan 'loop', step 0"));
}

TEST_CASE("debug mode: of a choice only what is taken is looked at") {
  const Var x = vector("x", float64);
  for (const Mode& mode : {Mode::debug(), Mode::guard(), Mode::debug().guarded()}) {
    Function f = function({x}, {ifelse(sum(x) > 0, log(x), exp(x) * 2)}, {.mode = mode});
    CHECK(f(Doubles{-1, -1})[0].data<double>()[0] == doctest::Approx(2 * std::exp(-1)));
    CHECK(f(Doubles{1, 2})[0].data<double>()[0] == 0);
  }
}

TEST_CASE("debug mode: what a loop that does not run would read is not looked at") {
  const Var x = matrix("x", float64);
  const Var n = lscalar("n");
  const Var h = scan([&](const Var& before) { return before + exp(x[0]); },
                     {.outputs_info = {init(zeros({3}, float64))}, .n_steps = n})
                    .outputs[0];
  Function f = function({x, n}, {h}, {.mode = Mode::debug()});
  CHECK(f(Array(float64, Shape{0, 3}), std::int64_t{0})[0].shape() == Shape{0, 3});
  CHECK_THROWS_AS(f(Array(float64, Shape{0, 3}), std::int64_t{1}), ShapeError);
}

TEST_CASE("debug mode: a whole model passes and computes the same") {
  const auto run = [](const Mode& mode) {
    const Var x = matrix("x");
    models::RBM rbm({.input = x, .n_visible = 6, .n_hidden = 4, .seed = 3});
    const SharedVar chain = shared(xt::xarray<float>(xt::zeros<float>({5, 4})), "chain");
    const auto [cost, updates] = rbm.get_cost_updates({.lr = 0.1, .persistent = chain, .k = 3});
    Function f = function({x}, {cost}, {.updates = updates, .mode = mode});
    Doubles costs;
    xt::xarray<float> v = xt::zeros<float>({5, 6});
    xt::view(v, xt::all(), xt::range(0, 3)) = 1;
    for (int i = 0; i < 3; ++i) costs.push_back(f(v).scalar<float>(0));
    return costs;
  };
  const Doubles expected = run(Mode::fast());
  CHECK(run(Mode::debug()) == expected);
  CHECK(run(Mode::guard()) == expected);
}
