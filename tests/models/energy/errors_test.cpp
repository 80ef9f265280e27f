#include "tests/models/energy/enumeration.hpp"

using namespace damo;
using namespace damo::energy;
using namespace damo::test;

namespace {

const char* const here = "errors_test.cpp:";

SharedVar weights(const Sizes& size, const char* name) {
  return models::normal_parameter(size, 0.6, 1, name);
}

}  // namespace

TEST_CASE("energy errors: lateral weights are named with their line and the way out") {
  const Var L = weights({3, 3}, "L"), c = weights({3}, "c");
  const Unit h = bernoulli("h", 3), v = bernoulli("v", 3);
  const EnergyModel m(-dot(h, c) - sum(dot(h, L) * h, 1) - sum(v * h, 1),
                      {.visible = {v}, .hidden = {h}});
  for (const auto& ask : std::vector<std::function<void()>>{
           [&] { m.conditional(h); }, [&] { m.free_energy(); }, [&] { m.blocks(); },
           [&] {
             m.gibbs(Vars{v, h}, {.k = 1, .rng = RandomStream(1)});
           }}) {
    const std::string text = error_of<GraphError>(ask);
    CAPTURE(text);
    CHECK(contains(text, "bernoulli 'h'"));
    CHECK(contains(text, "sum(dot(h, L) * h, axis=1)"));
    CHECK(contains(text, here));
    CHECK(contains(text, "colored()"));
  }
  // Weights that happen to be zero now are weights all the same.
  const SharedVar Z = models::zero_parameter({3, 3}, "Z");
  const EnergyModel zero(-dot(h, c) - sum(dot(h, Z) * h, 1), {.visible = {h}, .params = {Z}});
  CHECK_THROWS_AS(zero.conditional(h), GraphError);
}

TEST_CASE("energy errors: an energy of another degree than the unit allows names its term") {
  const Var b = weights({3}, "b");
  const Unit x = gaussian("x", 3), k = binomial("k", 3, 4), e = truncated_exponential("e", 3);
  const EnergyModel quartic(sum(sqr(x), 1) + sum(pow(x, 4), 1) - dot(x, b), {.visible = {x}});
  const std::string text = error_of<GraphError>([&] { quartic.conditional(x); });
  CAPTURE(text);
  CHECK(contains(text, "not quadratic in gaussian 'x'"));
  CHECK(contains(text, "pow"));
  CHECK(contains(text, here));
  CHECK(contains(text, "Langevin"));
  for (const EnergyModel& m : {EnergyModel(sum(sqr(k), 1), {.visible = {k}}),
                               EnergyModel(sum(sqr(e - b), 1), {.visible = {e}}),
                               EnergyModel(sum(sign(x) + sqr(x), 1), {.visible = {x}}),
                               EnergyModel(sum(abs(x) + sqr(x), 1), {.visible = {x}})}) {
    CHECK_THROWS_AS(m.conditional(m.units()[0]), GraphError);
  }
}

TEST_CASE("energy errors: an energy must be one number a row") {
  const Var b = weights({3}, "b");
  const Unit v = bernoulli("v", 3);
  const auto text_of = [&](const Var& e) {
    return error_of<ShapeError>([&] { EnergyModel m(e, {.visible = {v}}); });
  };
  CHECK(contains(text_of(-sum(v * b)), "not a scalar"));
  CHECK(contains(text_of(-v * b), "(rows,)"));
  CHECK(contains(text_of(-sum(v * b, 0)), "whatever the rows"));
  CHECK(contains(text_of(sum(dot(v, weights({3, 4}, "W")), 0)), "numbers for states of"));
  CHECK_THROWS_AS(EnergyModel(cast(sum(v, 1), int64), {.visible = {v}}), TypeError);
}

TEST_CASE("energy errors: a row's energy must not depend on other rows") {
  for (const DType dtype : {float64, float32}) {
    const FloatXScope scope(dtype);
    const Var b = weights({3}, "b");
    for (const Unit& v : {bernoulli("v", 3), gaussian("v", 3), relu("v", 3),
                          truncated_exponential("v", 3), binomial("v", 3, 2)}) {
      const Var own = dot(v, b);
      for (const Var& others : {own - mean(v), own / (1 + sum(sqr(v))), Var(cumsum(own, 0)),
                                own + own[0], own - max(own)}) {
        const std::string said =
            error_of<ShapeError>([&] { EnergyModel(others, {.visible = {v}}); });
        CHECK(contains(said, "moves with the states of other rows"));
        CHECK(contains(said, "errors_test.cpp:"));
      }
      CHECK_NOTHROW(EnergyModel(own, {.visible = {v}}));
    }
  }
}

TEST_CASE("energy errors: states of different batches name the units") {
  const Unit v = bernoulli("v", 3), h = spin("h", 2);
  const EnergyModel m(-sum(dot(v, weights({3, 2}, "W")) * h, 1), {.visible = {v}, .hidden = {h}});
  const auto said = [&](const Vars& states) {
    return error_of<ShapeError>([&] { static_cast<void>(m.energy(states)); });
  };
  const std::string text = said({ones({3, 3}), ones({4, 2})});
  for (const char* part : {"3 states of bernoulli 'v'", "4 of spin 'h'", "errors_test.cpp:"})
    CHECK(contains(text, part));
  CHECK_NOTHROW(static_cast<void>(m.energy({ones({1, 3}), ones({4, 2})})));
}

TEST_CASE("energy errors: states that differ only when a function runs name the units too") {
  const Unit v = bernoulli("v", 3), h = spin("h", 2), y = categorical("y", 1, 4);
  const EnergyModel m(-sum(dot(v, weights({3, 2}, "W")) * h, 1) -
                          sum(dot(flatten(y, 2), weights({4, 2}, "U")) * h, 1),
                      {.visible = {v, y}, .hidden = {h}});
  const Var data = matrix("data"), labels = tensor3("labels"), states = matrix("states");
  const auto zeros_of = [](const Shape& shape) { return Array(float32, shape); };
  const auto said = [&](const Var& out, std::int64_t wide, std::int64_t n) {
    Function f = function({data, labels, states}, out, {.on_unused_input = Unused::ignore});
    return error_of<ShapeError>([&] {
      static_cast<void>(f(zeros_of({5, wide}), zeros_of({n, 1, 4}), zeros_of({4, 2})));
    });
  };
  const RandomStream rng(1);
  const std::string energy = said(m.energy({data, labels, states}), 3, 5);
  for (const char* part : {"bernoulli 'v' and one of spin 'h'", "give as many",
                           "errors_test.cpp:", "promised to be 5 and has size 4"})
    CHECK(contains(energy, part));
  for (const Var& out :
       {m.conditional(h, {data, labels, Var()}).sample(rng), m.free_energy({data, labels})}) {
    const std::string text = said(out, 3, 6);
    for (const char* part : {"bernoulli 'v' and one of categorical 'y'", "give as many",
                             "promised to be 5 and has size 6"})
      CHECK(contains(text, part));
  }
  const std::string text = said(m.free_energy({data, labels}), 2, 5);
  for (const char* part : {"a state of bernoulli 'v' is (?, 3)", "promised to be 3 and has size 2"})
    CHECK(contains(text, part));
}

TEST_CASE("energy errors: contrastive divergence of a deep model names what trains it") {
  const Unit v = bernoulli("v", 3), a = bernoulli("a", 2), c = bernoulli("c", 2);
  const EnergyModel deep(
      -sum(dot(v, weights({3, 2}, "W")) * a, 1) - sum(dot(a, weights({2, 2}, "U")) * c, 1),
      {.visible = {v}, .hidden = {a, c}});
  for (const bool persistent : {false, true}) {
    const std::string said = error_of<GraphError>([&] {
      const RandomStream rng(1);
      if (persistent) {
        static_cast<void>(persistent_cd(deep, {ones({2, 3})}, {.rng = rng}));
      } else {
        static_cast<void>(contrastive_divergence(deep, {ones({2, 3})}, {.rng = rng}));
      }
    });
    CHECK(contains(said, "train with mean_field_pcd"));
  }
}

TEST_CASE("energy errors: units and parameters must occur, once, in one dtype") {
  const Var b = weights({3}, "b");
  const SharedVar c = weights({3}, "c");
  const Unit v = bernoulli("v", 3), h = bernoulli("h", 3), d = bernoulli("d", 3, float64);
  const Var e = -dot(v, b);
  const std::string text =
      error_of<GraphError>([&] { EnergyModel m(e, {.visible = {v}, .hidden = {h}}); });
  CHECK(contains(text, "does not read bernoulli"));
  CHECK(contains(text, "'h'"));
  CHECK(contains(text, here));
  CHECK_THROWS_AS(EnergyModel(e, {.visible = {v, v}}), GraphError);
  CHECK_THROWS_AS(EnergyModel(e, {.visible = {v}, .params = {c}}), GraphError);
  CHECK_THROWS_AS(EnergyModel(e, {}), GraphError);
  CHECK_THROWS_AS(EnergyModel(e - sum(d, 1), {.visible = {v}, .hidden = {d}}), TypeError);
  const EnergyModel m(e, {.visible = {v}});
  CHECK_THROWS_AS(m.conditional(h), GraphError);
  CHECK_THROWS_AS(m.free_energy({matrix("x"), matrix("y")}), GraphError);
}

TEST_CASE("energy errors: states that do not fit name the unit") {
  const FloatXScope scope(float64);
  const Var W = weights({3, 2}, "W");
  const Unit v = bernoulli("v", 3), h = bernoulli("h", 2);
  const EnergyModel m(-sum(dot(v, W) * h, 1), {.visible = {v}, .hidden = {h}});
  CHECK(contains(error_of<ShapeError>([&] { m.free_energy({vector("x")}); }), "bernoulli 'v'"));
  CHECK(contains(error_of<ShapeError>([&] { m.free_energy({zeros({5, 4})}); }), "bernoulli 'v'"));
  CHECK(contains(error_of<TypeError>([&] { m.free_energy({fmatrix("x")}); }), "bernoulli 'v'"));
  const Var x = matrix("x");
  Function f = function({x}, {m.free_energy({x})});
  CHECK_THROWS_AS(f(Array(float64, {5, 4})), ShapeError);  // the size is known at the call only
  // Whole numbers and bools are states.
  const Var i = lmatrix("i");
  CHECK(function({i}, {m.free_energy({i})})(Array(int64, {5, 3}))[0].elements() == 5);
  // Batches that differ.
  const Var y = matrix("y");
  Function both = function({x, y}, {m.energy({x, y})});
  CHECK_THROWS_AS(both(Array(float64, {5, 3}), Array(float64, {4, 2})), ShapeError);
}

TEST_CASE("energy errors: a precision that is not positive is a NumericError that says so") {
  const FloatXScope scope(float64);
  const Unit x = gaussian("x", 2), h = bernoulli("h", 2);
  const SharedVar a = shared(Array::scalar(-0.5), "a");
  const EnergyModel diagonal(a * sum(sqr(x), 1) - sum(x * h, 1), {.visible = {x}, .hidden = {h}});
  const std::vector<std::pair<Var, Array>> at{{h, Array(float64, {1, 2})}};
  CHECK(contains(error_of<NumericError>([&] { evaluate(diagonal.conditional(x).mean(), at); }),
                 "gaussian"));
  a.set_value(0.5);
  CHECK(evaluate(diagonal.conditional(x).mean(), at).elements() == 2);
  const EnergyModel none(-sum(x * h, 1), {.visible = {x}, .hidden = {h}});
  CHECK(contains(error_of<NumericError>([&] { none.conditional(x).mean(); }), "x^2"));
  const Array A = Array::from(std::vector<double>{1, 2, 2, 1}, Shape{2, 2});
  const EnergyModel indefinite(sum(dot(x, constant(A)) * x, 1) / 2 - sum(x * h, 1),
                               {.visible = {x}, .hidden = {h}});
  const std::string text =
      error_of<NumericError>([&] { evaluate(indefinite.conditional(x).mean(), at); });
  CHECK(contains(text, "positive definite"));
  CHECK(contains(text, "'x'"));
}

TEST_CASE("energy errors: nothing to go by is refused, not answered with NaN") {
  const FloatXScope scope(float64);
  const SmallRbm m;
  const RandomStream rng(1);
  const Array x = evaluate(m.x), none = evaluate(m.x[range(0, 0)]);
  const auto fit = [&](const Array& train, const Array& valid, const AnnealingOptions& o) {
    return error_of<ShapeError>(
        [&] { static_cast<void>(measure_fit(m.model, {train}, {valid}, o)); });
  };
  CHECK(contains(fit(none, x, {.chains = 2, .steps = 2}), "no rows"));
  CHECK(contains(fit(x, none, {.chains = 2, .steps = 2}), "no rows"));
  CHECK(contains(fit(x, x, {.chains = 0, .steps = 2}), "at least 1 chain"));
  CHECK(contains(fit(x, x, {.chains = 2, .steps = 0}), "not 2 and 0"));
  CHECK(contains(error_of<ShapeError>([&] {
                   static_cast<void>(persistent_cd(m.model, {m.x}, {.chains = 0, .rng = rng}));
                 }),
                 "persistent chains: 0"));
  CHECK(contains(error_of<ShapeError>([&] { static_cast<void>(bernoulli("none", 0)); }),
                 "'none': 0 sites; there must be one"));
  const Unit g = gaussian("g", 2);
  const EnergyModel real(sum(sqr(g), 1), {.visible = {g}});
  const auto go = [&](const Arg& k, const Arg& step) {
    static_cast<void>(langevin(real, {zeros({4, 2})}, {.k = k, .step = step, .rng = rng}));
  };
  CHECK(contains(error_of<GraphError>([&] { go(0, 0.1); }), "langevin: at least 1 step"));
  for (const double step : {0.0, -1.0, std::nan("")})
    CHECK(contains(error_of<NumericError>([&] { go(1, step); }), "langevin: steps must be longer"));
}

TEST_CASE("energy errors: parameters that are not finite are said to be behind a log Z of NaN") {
  for (const DType dtype : {float64, float32}) {
    const FloatXScope scope(dtype);
    const SharedVar W = weights({3, 2}, 1, "W");
    const Unit v = bernoulli("v", 3), h = bernoulli("h", 2);
    const EnergyModel m(-sum(dot(v, W) * h, 1), {.visible = {v}, .hidden = {h}, .params = {W}});
    W.set_array(Array::from(std::vector<double>(6, std::nan("")), Shape{3, 2}).cast(dtype));
    CHECK(contains(error_of<NumericError>(
                       [&] { static_cast<void>(estimate_log_z(m, {.chains = 4, .steps = 3})); }),
                   "a parameter of the model is not finite"));
  }
}
