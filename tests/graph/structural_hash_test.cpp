#include <doctest/doctest.h>

#include <set>

#include <damo/graph/variables.hpp>
#include <damo/graph/walk.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/shape.hpp>

using namespace damo;

namespace {

std::size_t hash(const Var& v) { return structural_hash(Vars{v}); }

}  // namespace

TEST_CASE("structural hash: graphs that are the same have the same, whatever their leaves are") {
  const auto build = [] {
    const Var x = dmatrix("x"), y = dmatrix("y");
    return sum(exp(x) * y + 2.0, 1);
  };
  CHECK(hash(build()) == hash(build()));
  const Var x = dmatrix("other"), y = dmatrix();
  CHECK(hash(build()) == hash(sum(exp(x) * y + 2.0, 1)));
}

TEST_CASE("structural hash: op, parameters, order, sharing, constants and types all count") {
  const Var x = dmatrix("x"), y = dmatrix("y"), z = fmatrix("z");
  const Var row = damo::row("r", float64);
  const std::vector<Var> graphs{
      exp(x) * y,
      y * exp(x) * 1.0,
      exp(y) * exp(x),
      exp(x) * x,
      sin(x) * y,
      exp(x) + y,
      exp(z) * z,
      sum(exp(x) * y, 0),
      sum(exp(x) * y, 1),
      sum(exp(x) * y, 1, {.keepdims = true}),
      exp(x) * 2.0,
      exp(x) * 3.0,
      x.T(),
      x,
      z,
      row,
  };
  std::set<std::size_t> hashes;
  for (const Var& v : graphs) hashes.insert(hash(v));
  CHECK(hashes.size() == graphs.size());
  CHECK(structural_hash(Vars{x, exp(x)}) != structural_hash(Vars{exp(x), x}));
  CHECK(structural_hash(Vars{x}) != structural_hash(Vars{x, x}));
}

TEST_CASE("structural hash: it is the same in every process") {
  const Var x = dvector("x");
  CHECK(hash(exp(x) * 2.0 + x) == 17858276836741305580U);
}
