#include "tests/models/energy/enumeration.hpp"

using namespace damo;
using namespace damo::energy;
using namespace damo::test;

namespace {

// Whether exactly the items that begin so have failed.
void check_failures(const Report& report, const std::vector<std::string>& failed) {
  CAPTURE(report.text());
  CHECK(report.ok() == failed.empty());
  for (const Report::Item& item : report.items()) {
    const bool expected = std::any_of(failed.begin(), failed.end(), [&](const std::string& name) {
      return item.what.starts_with(name);
    });
    CAPTURE(item.what);
    CHECK(item.ok == !expected);
  }
}

}  // namespace

TEST_CASE("energy check: what is derived passes, in float32 and float64") {
  for (const DType dtype : {float64, float32}) {
    const FloatXScope scope(dtype);
    const SmallRbm m;
    const Report report = check(m.model);
    check_failures(report, {});
    for (const char* what :
         {"conditional of bernoulli 'v'", "conditional of bernoulli 'h'", "free energy", "log Z",
          "sweep over h", "sweep over v", "draws of", "gradient of the exact likelihood",
          "gradient of contrastive divergence", "annealing"}) {
      CHECK(contains(report.text(), what));
    }
    CHECK(!contains(report.text(), "not checked"));
  }
}

TEST_CASE("energy check: formulas planted wrong are caught and named") {
  const FloatXScope scope(float64);
  const SmallRbm m;
  const auto claims = [](Claims c) { return CheckOptions{.claims = std::move(c)}; };
  // A lost bias.
  check_failures(check(m.model, claims({.log_prob =
                                            [&](const Unit& unit, const Var& x) {
                                              const Var a = same(unit, m.h)
                                                                ? dot(m.v, m.W)
                                                                : dot(m.h, m.W.T()) + m.b;
                                              return sum(x * a - softplus(a), 1);
                                            }})),
                 {"conditional of bernoulli 'h'", "sweep over h"});
  // F with a sign.
  check_failures(check(m.model, claims({.free_energy =
                                            [&](const Vars& v) {
                                              return dot(v[0], m.b) -
                                                     sum(softplus(dot(v[0], m.W) + m.c), 1);
                                            }})),
                 {"free energy"});
  check_failures(check(m.model, claims({.log_z = m.model.log_z() + 0.01})), {"log Z"});
  // A sweep that draws units together that read each other.
  const Report together = check(m.model, claims({.blocks = {{m.v, m.h}}}));
  check_failures(together, {"sweep over v, h"});
  CHECK(contains(together.text(), "FAILED sweep over v, h leaves p as it is"));
  CHECK(contains(together.text(), "v = ["));
}

TEST_CASE("energy check: couplings that a formula leaves out are caught") {
  const FloatXScope scope(float64);
  const SharedVar L = weights({3, 3}, 1, "L"), b = weights({3}, 2, "b");
  const Unit h = bernoulli("h", 3), x = gaussian("x", 3);
  // Lateral weights taken for none.
  const EnergyModel lateral(-dot(h, b) - sum(dot(h, L) * h, 1),
                            {.visible = {h}, .params = {L, b}, .blocks = colored()});
  check_failures(check(lateral), {});
  check_failures(check(lateral, {.claims = {.log_prob =
                                                [&](const Unit&, const Var& s) {
                                                  return sum(s * b - softplus(b + 0 * h), 1);
                                                }}}),
                 {"conditional of bernoulli 'h'"});
  // A non-diagonal normal taken for diagonal.
  const Array P = Array::from(std::vector<double>{2, 0.5, 0, 0.5, 2, 0.3, 0, 0.3, 1}, Shape{3, 3});
  const EnergyModel normal(sum(dot(x, constant(P)) * x, 1) / 2, {.visible = {x}});
  check_failures(check(normal), {});
  check_failures(check(normal, {.claims = {.log_prob =
                                               [&](const Unit&, const Var& s) {
                                                 const Var k = diag(constant(P));
                                                 return sum(0.5 * log(k) - k * sqr(s) / 2 -
                                                                0.5 * std::log(2 * M_PI),
                                                            1);
                                               }}}),
                 {"conditional of gaussian 'x'"});
}

TEST_CASE(
    "energy check: units with infinitely many states are checked by differences and integrals") {
  const FloatXScope scope(float64);
  const SharedVar W = weights({2, 1}, 1, "W"), b = weights({2}, 2, "b");
  for (const Unit& x : {gaussian("x", 1), relu("r", 1), truncated_exponential("e", 1)}) {
    CAPTURE(x.name());
    const Unit v = bernoulli("v", 2);
    const Var e = -dot(v, b) - sum(dot(v, W) * x, 1) +
                  (x.kind().squares ? sum(sqr(x), 1) : zeros({v.shape(0)}));
    const EnergyModel m(e, {.visible = {v}, .hidden = {x}, .params = {W, b}});
    check_failures(check(m), {});
    const Report wrong = check(m, {.claims = {.log_prob = [&](const Unit& u, const Var& s) {
                                     return m.conditional(u).log_prob(s) + (same(u, x) ? 0.1 : 0.0);
                                   }}});
    check_failures(wrong, {"integral over"});
  }
}

TEST_CASE("energy check: counts of no given sum are checked at states of the same sum") {
  for (const DType dtype : {float64, float32}) {
    const FloatXScope scope(dtype);
    const SharedVar W = weights({3, 2}, 1, "W");
    const Unit n = counts("n", 3), h = bernoulli("h", 2);
    const EnergyModel m(-sum(dot(n, W) * h, 1), {.visible = {n}, .hidden = {h}, .params = {W}});
    check_failures(check(m), {});
    // A multinomial with a weight lost is caught.
    const auto lost = [&](const Unit& unit, const Var& x) {
      return same(unit, n) ? sum(x * dot(h, 0.5 * W.T()), 1) : m.conditional(unit).log_prob(x);
    };
    check_failures(check(m, {.claims = {.log_prob = lost}}), {"conditional of counts 'n'"});
  }
}

TEST_CASE("energy check: a sweep that draws real-valued units together with what they read fails") {
  for (const DType dtype : {float64, float32}) {
    const FloatXScope scope(dtype);
    const SharedVar W = weights({2, 2}, 1, "W");
    for (const Unit& x : {gaussian("x", 2), relu("x", 2), truncated_exponential("x", 2)}) {
      CAPTURE(x.kind().name);
      const Unit h = bernoulli("h", 2);
      const Var own = x.kind().squares ? sum(sqr(x), 1) : sum(Var(x), 1);
      const EnergyModel m(own - sum(dot(x, W) * h, 1),
                          {.visible = {x}, .hidden = {h}, .params = {W}});
      check_failures(check(m), {});
      check_failures(check(m, {.claims = {.blocks = {{x, h}}}}), {"sweep over"});
      check_failures(check(m, {.claims = {.blocks = {{h}, {x}}}}), {});
    }
  }
}
