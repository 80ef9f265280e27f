#include <doctest/doctest.h>

#include <functional>
#include <random>

#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/optim/analysis/flat_terms.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/support/rewrite.hpp"

using namespace damo;
using namespace damo::optim;
using namespace damo::test;

namespace {

using Group = Terms::Group;

/// Random sums or products of four matrices, numbers and each other, with signs, turned over.
class Expressions {
 public:
  Expressions(Group group, unsigned seed) : group_(group), random_(seed) {}
  const Vars& leaves() const { return leaves_; }

  Var make(int depth) {
    if (depth == 0 || pick(6) == 0) return leaf();
    switch (pick(5)) {
      case 0:
        return -make(depth - 1);
      case 1:
        return dimshuffle(make(depth - 1), {1, 0});
      case 2:
        return joined(leaf(), make(depth - 1));
      case 3:
        return parted(make(depth - 1), make(depth - 1));
      default:
        return joined(make(depth - 1), make(depth - 1));
    }
  }

 private:
  std::size_t pick(std::size_t n) { return random_() % n; }
  Var leaf() {
    if (pick(5) == 0) return number(pick(2) == 0 ? 0.5 : 2.0, leaves_[0]);
    return leaves_[pick(leaves_.size())];
  }
  static Var number(double x, const Var& like) {
    return broadcast_to(Arg(x).var(float64), Sizes(shape(like)));
  }
  Var joined(const Var& a, const Var& b) const { return group_ == Group::sum ? a + b : a * b; }
  Var parted(const Var& a, const Var& b) {
    if (group_ == Group::sum) return a - b;
    if (pick(3) == 0) return sqr(a);
    return pick(3) == 0 ? reciprocal(a) : a / b;
  }

  Group group_;
  std::mt19937 random_;
  Vars leaves_{dmatrix("a"), dmatrix("b"), dmatrix("c"), dmatrix("d")};
};

double number_of(const Var& v, const Vars& inputs) {
  std::vector<In> in(inputs.begin(), inputs.end());
  Function f = function(in, {v}, {.mode = Mode::none(), .on_unused_input = Unused::ignore});
  std::vector<Array> at;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    at.push_back(Array::from(std::vector<double>{0.7 + 0.4 * static_cast<double>(i)}, {1, 1}));
  return values_of(f(at[0], at[1], at[2], at[3])[0].cast(float64))[0];
}

}  // namespace

TEST_CASE("flat terms: the terms that are kept make the sum or product without the others") {
  for (const Group group : {Group::sum, Group::product}) {
    for (unsigned seed = 0; seed < 60; ++seed) {
      Expressions random(group, seed);
      const Var root = random.make(5);
      Steps steps;
      const Terms terms(group, {root}, steps);
      std::vector<bool> none(terms.leaves().size()), some = none;
      std::mt19937 coin(seed);
      double whole = group == Group::product && terms.negated() ? -1 : group == Group::sum ? 0 : 1;
      double rest = whole;
      double constants = group == Group::sum ? 0 : 1;
      for (std::size_t i = 0; i < some.size(); ++i) {
        some[i] = coin() % 2 == 0;
        const Terms::Leaf& leaf = terms.leaves()[i];
        const double x = number_of(surface(leaf.seen), random.leaves());
        const auto put = [&](double& to) {
          if (group == Group::sum)
            to += leaf.inverse ? -x : x;
          else
            to *= leaf.inverse ? 1 / x : x;
        };
        put(whole);
        if (!some[i]) put(rest);
        if (leaf.constant) put(constants);
      }
      CAPTURE(seed);
      const auto value = [&](const std::vector<bool>& drop) {
        return number_of(terms.without(drop).value(group), random.leaves());
      };
      CHECK(number_of(root, random.leaves()) == doctest::Approx(whole).epsilon(1e-12));
      CHECK(value(none) == doctest::Approx(whole).epsilon(1e-12));
      CHECK(value(some) == doctest::Approx(rest).epsilon(1e-12));
      if (group == Group::sum)
        CHECK(terms.constant() == doctest::Approx(constants));
      else
        CHECK(std::abs(terms.constant()) == doctest::Approx(std::abs(constants)));
    }
  }
}

TEST_CASE("flat terms: nothing dropped leaves the very expression") {
  const Var x = dmatrix("x"), y = dmatrix("y");
  for (const Var& v : {x + y - 2.0 * x, -(x - y), (x + y) + exp(x)}) {
    Steps steps;
    const Terms terms(Group::sum, {v}, steps);
    const auto rest = terms.without(std::vector<bool>(terms.leaves().size()));
    CHECK(same(rest.v, v));
    CHECK(!rest.negative);
  }
}
