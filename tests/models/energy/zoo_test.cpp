#include <algorithm>

#include "examples/energy/zoo.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using namespace damo::zoo;

namespace {

Entry entry_of(const std::string& name) {
  for (const Entry& entry : entries())
    if (entry.name == name) return entry;
  FAIL("there is no model ", name);
  return {};
}

// Trains an entry for a second. Its first figure must end between `least` and `most`, what it is
// compared with must not be there, and there must be something to see.
Learnt learns(const char* name, double least, double most) {
  CAPTURE(name);
  Learnt learnt = entry_of(name).learn({.quick = true});
  REQUIRE(!learnt.figures.empty());
  const Figure& first = learnt.figures.front();
  CAPTURE(first.what);
  CHECK(first.value >= least);
  CHECK(first.value <= most);
  CHECK((first.beside < least || first.beside > most));
  const std::vector<std::uint8_t>& pixels = learnt.picture.pixels;
  REQUIRE(!pixels.empty());
  const auto [dark, light] = std::minmax_element(pixels.begin(), pixels.end());
  CHECK(*light - *dark > 100);
  return learnt;
}

}  // namespace

TEST_CASE("energy zoo: every model passes its check, in both dtypes") {
  for (const DType dtype : {float64, float32}) {
    for (const Entry& entry : entries()) {
      CAPTURE(entry.name);
      CAPTURE(std::string(name(dtype)));
      const energy::Report report = check(entry, dtype);
      CHECK_MESSAGE(report.ok(), report.text());
      CHECK(report.items().size() >= 3);
    }
  }
}

TEST_CASE(
    "energy zoo: every model explains itself, and the network says why it has no conditional") {
  for (const Entry& entry : entries()) {
    CAPTURE(entry.name);
    const energy::EnergyModel model = entry.small(float64).model;
    const std::string text = energy::explain(model);
    for (const energy::Unit& u : model.units()) CHECK(test::contains(text, u.name()));
    CHECK(test::contains(text, "is not quadratic") == (entry.own_check != nullptr));
  }
}

TEST_CASE("energy zoo: names are told apart") {
  std::vector<std::string> names;
  for (const Entry& entry : entries()) names.push_back(entry.name);
  CHECK(names.size() >= 19);
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
}

TEST_CASE("energy zoo: an RBM raises the likelihood of digits it has not seen") {
  learns("rbm", -45, -30);
}

TEST_CASE("energy zoo: a spin RBM comes within 0.1 nats of the best likelihood there is") {
  const Learnt learnt = learns("spin_rbm", -2.7, -2.599);
  CHECK(learnt.figures[1].beside == doctest::Approx(-2.599).epsilon(1e-3));
}

TEST_CASE("energy zoo: a Gaussian RBM learns each pixel's noise") { learns("gaussian_rbm", 0, 30); }

TEST_CASE("energy zoo: a Potts RBM draws flags") { learns("potts_rbm", 25, 100); }

TEST_CASE("energy zoo: a replicated softmax gives words of a topic like weights") {
  learns("replicated_softmax", 90, 100);
}

TEST_CASE("energy zoo: a class RBM tells digits apart") { learns("class_rbm", 0, 5); }

TEST_CASE("energy zoo: a conditional RBM goes on with a film") {
  learns("conditional_rbm", 20, 100);
}

TEST_CASE("energy zoo: a deep Boltzmann machine raises the bound of its likelihood") {
  learns("deep_boltzmann_machine", -46, -30);
}

TEST_CASE("energy zoo: a semi-restricted RBM finds lateral weights again") {
  learns("semi_restricted", 0.9, 1);
}

TEST_CASE("energy zoo: a mean-covariance RBM beats the Gaussian of its patches") {
  const Learnt learnt = learns("mean_covariance", -3, 10);
  CHECK(learnt.figures[0].value > learnt.figures[0].beside);
}

TEST_CASE("energy zoo: a spike-and-slab RBM takes bars of any strength apart") {
  learns("spike_and_slab", 3, 10);
}

TEST_CASE("energy zoo: a factored RBM does to one image what was done to another") {
  learns("factored", 18, 100);
}

TEST_CASE("energy zoo: an Ising model's coupling is found again from its states") {
  for (const Figure& f : entry_of("ising").learn({.quick = true}).figures) {
    CAPTURE(f.beside);
    CHECK(f.value == doctest::Approx(f.beside).epsilon(0.06));
  }
}

TEST_CASE("energy zoo: a Hopfield network recalls more patterns than Hebb's rule holds") {
  learns("hopfield", 90, 100);
}

TEST_CASE("energy zoo: RBMs of other units raise the likelihood of digits they have not seen") {
  learns("binomial_rbm", -230, -100);
  learns("rectified", -48.5, -20);
  learns("graded", 290, 400);
}

TEST_CASE("energy zoo: a network as energy learns two spirals") {
  learns("deep_energy", -2.8, -1.5);
}

TEST_CASE("energy zoo: the RNN-RBM predicts frames better than notes by themselves do") {
  learns("rnn_rbm", -12, -1);
}

TEST_CASE("energy zoo: the RNN-RBM's frames are those of models::RnnRbm") {
  const SmallModel small = entry_of("rnn_rbm").small(float64);
  const Vars p = small.model.parameters();  // W, bv, bh, Wuh, Wuv
  const Var u = small.inputs.front().first;
  const Var v = constant(Array::from(std::vector<double>{1, 0, 1, 0, 0, 1}, {2, 3}));
  RandomStream rng(1);
  const models::RbmGraph rbm =
      models::build_rbm(v, p[0], p[1] + dot(u, p[4]), p[2] + dot(u, p[3]), 1, rng);
  const Var F = small.model.free_energy({v}) - small.model.free_energy({rbm.v_sample});
  Function both = function({u}, {sum(F) / 2, rbm.cost});
  const Outputs out = both(Array::from(std::vector<double>{0.5, -1, 2, 0.3}, {2, 2}));
  CHECK(out.scalar<double>(0) == doctest::Approx(out.scalar<double>(1)).epsilon(1e-12));
  CHECK(out.scalar<double>(0) != 0);
}
