#include <algorithm>
#include <cmath>

#include <damo/damo.hpp>
#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/define.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/elementwise/samples.hpp>
#include <damo/ops/random/samples.hpp>
#include <damo/ops/random/stream_draws.hpp>
#include <damo/ops/text/graph_text.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/support/op_samples.hpp"
#include "tests/support/reference.hpp"
#include "tests/support/values.hpp"

// Two ops and a distribution of a program's own, each with all that is written for it: what a
// definition and one line of `ops` give is what every other part of Damo knows of it.

using namespace damo;

namespace {

DAMO_SCALAR(SoftStep, (T x), x / (T(1) + (x < T(0) ? -x : x)));

Var soft_step(const Arg& x) {
  static const auto op = real_unary(
      "soft_step", real_loops<SoftStep, 1>(),
      [](const Vars& in, const Var&, const Var& g) -> Vars { return {g / sqr(1 + abs(in[0]))}; },
      fact_of([](const Fact& x) -> Fact {
        return {.nonnegative = x.nonnegative, .positive = x.positive, .at_most_one = true};
      }));
  return elementwise(op, {x});
}

/// Every element of a vector, `times` times.
class Echo final : public OpOf<Echo> {
 public:
  explicit Echo(std::size_t times) : times_(times) {}
  std::string name() const override { return "echo"; }
  std::string parameters() const override { return std::to_string(times_); }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    check_arity(in, 1);
    return {{in[0].dtype, {unknown}}};
  }
  Origin origin(const Apply&, std::size_t) const override { return {0, 1}; }
  std::vector<std::optional<Vars>> shape_rule(const Apply&,
                                              const std::vector<Vars>& shapes) const override {
    return {Vars{shapes[0][0] * static_cast<long>(times_)}};
  }
  Gradients gradient(const Apply& node, const Vars&) const override {
    return Gradients(node.inputs().size(), Gradient::undefined("an echo has none here"));
  }
  Vars push_forward(const Apply& node, const Vars& tangents) const override {
    return {tangents[0].defined() ? reapply(node, tangents[0]) : Var{}};
  }
  void run_shapes(const Apply&, TensorsIn in, std::span<Shape> out) const override {
    out[0] = {in[0]->shape[0] * static_cast<std::int64_t>(times_)};
  }
  void perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const override {
    const std::size_t size = item_size(in[0]->dtype);
    std::byte* to = out[0]->data;
    for (std::int64_t i = 0; i < in[0]->shape[0]; ++i) {
      const std::byte* from = in[0]->data + i * in[0]->strides[0] * static_cast<std::int64_t>(size);
      for (std::size_t k = 0; k < times_; ++k, to += size) std::copy_n(from, size, to);
    }
  }
  friend bool operator==(const Echo&, const Echo&) = default;

 private:
  std::size_t times_;
};

Var echo(const Var& x, std::size_t times) { return make_var(std::make_shared<Echo>(times), {x}); }

/// The distance from the middle of two normal numbers of one scale.
const Distribution rayleigh_distribution{
    .name = "rayleigh",
    .dtypes = Distribution::Dtypes::floats,
    .n_parameters = 1,
    .takes = [](std::size_t, const TensorType& type,
                std::size_t rank) { return is_float(type.dtype) && type.rank() == rank; },
    .needs = "a scale of at least 0",
    .facts = [](std::span<const Fact>) { return Fact{.nonnegative = true}; },
    .philox =
        [](PhiloxSample& s) {
          s.each([](ElementUniforms& u, double scale, double) {
            return scale >= 0 ? scale * std::sqrt(-2 * std::log1p(-u.next())) : std::nan("");
          });
        },
};

Var rayleigh(RandomStream& rng, const Var& scale) {
  const Var state = rng.uniform(Sizes(shape(scale))).inputs()[0];
  return draw(rayleigh_distribution, scale.dtype(), SharedVar(state), {scale.shape(0)}, {scale},
              scale.site());
}

const MoreOps scratch([](OpList& ops) {
  add_draws(ops, rayleigh_distribution);
  ops.sample(samples::unary("soft_step", soft_step, 0.1, 2));
  ops.reader({"echo",
              [](OpText& text) -> OpPtr {
                return std::make_shared<Echo>(text.parameters.number_below(100, "a number"));
              },
              1, 1});
  ops.sample({.name = "echo",
              .inputs = {{"m"}},
              .apply = [](const Vars& in) { return echo(in[0], 3); },
              .differentiable = false});
});

const test::MoreReferences values({
    {"soft_step", test::elementwise([](const auto& x) { return x[0] / (1 + std::abs(x[0])); })},
    {"echo",
     [](const std::vector<Array>& in) {
       std::vector<double> all;
       for (const double v : in[0].values<double>()) all.insert(all.end(), 3, v);
       return Array::from(all);
     }},
});

bool swept(const std::string& name) {
  const auto& samples = op_samples();
  return std::any_of(samples.begin(), samples.end(),
                     [&](const OpSample& s) { return s.name == name; }) &&
         test::references().contains(name);
}

}  // namespace

TEST_CASE("adding an op: one definition and one line make an elementwise function known") {
  const Var x = dvector("x");
  CHECK(swept("soft_step"));
  CHECK(pprint(soft_step(x) + 1.0) == "soft_step(x) + 1");
  // Text.
  const FunctionGraph graph{{x}, {soft_step(2.0 * x)}, {}, ""};
  const FunctionGraph back = parse(print(graph));
  CHECK(back == graph);
  CHECK(test::contains(print(graph), "= soft_step("));
  // Fusion: one loop, with what is around it.
  Function f = function({x}, {exp(soft_step(2.0 * x)) * 3.0});
  CHECK(f.n_instructions() == 1);
  CHECK(f(std::vector<double>{1, -1}).array<double>(0)(0) ==
        doctest::Approx(3 * std::exp(2.0 / 3)));
}

TEST_CASE("adding an op: a class and its lines make any other op known") {
  const Var x = dvector("x");
  CHECK(swept("echo"));
  CHECK(pprint(echo(x, 2)) == "echo(x, 2)");
  const FunctionGraph graph{{x}, {echo(x, 5)}, {}, ""};
  CHECK(parse(print(graph)) == graph);
  CHECK_FALSE(parse(print(graph)) == FunctionGraph{{x}, {echo(x, 4)}, {}, ""});
  const std::string text = print(graph);
  CHECK(test::contains(test::error_of<GraphError>([&] {
                         parse(std::string(text).replace(text.find("echo{5}"), 7, "echo{999}"));
                       }),
                       "a number below 100"));
  Function f = function({x}, {echo(x, 2)});
  test::check_same_bits(f(std::vector<double>{1, 2})[0], test::vector({1, 1, 2, 2}));
}

TEST_CASE("adding an op: a distribution is one constant") {
  RandomStream rng(5);
  const Var scale = dvector("scale");
  const Var x = rayleigh(rng, scale);
  CHECK(pprint(x).starts_with("rayleigh("));
  const FunctionGraph graph{{scale}, {x}, {}, ""};
  CHECK(parse(print(graph)) == graph);
  // Its facts are used: what is nonnegative is its own absolute value.
  CHECK(pprint(optimize(FunctionGraph{{scale}, {abs(x)}, {}, ""}).outputs[0]) == pprint(x));
  Function f = function({scale}, {x});
  const std::vector<double> scales(100000, 3.0);
  double sum = 0;
  for (const double v : f(scales)[0].values<double>()) sum += v;
  CHECK(sum / 100000 == doctest::Approx(3 * std::sqrt(std::acos(-1.0) / 2)).epsilon(0.01));
  CHECK(test::contains(test::error_of<NumericError>([&] {
                         f(std::vector<double>{1, -1});
                       }),
                       "a scale of at least 0 is needed"));
}
