#include <damo/graph/errors/error.hpp>
#include <damo/graph/updates.hpp>
#include <damo/ops/elementwise/math.hpp>
#include "tests/support/values.hpp"

using namespace damo;

TEST_CASE("updates: assigning again replaces and merging keeps equal ones") {
  const SharedVar w = shared(test::number(1), "w");
  Updates updates;
  updates[w] = w + 1;
  updates[w] = w + 2;
  CHECK(updates.size() == 1);
  updates += Updates{{w, w + 2}};
  CHECK(updates.size() == 1);
}

TEST_CASE("updates: two different updates of one variable name both") {
  const SharedVar w = shared(test::number(1), "w");
  const std::string listed = test::error_of<GraphError>([&] { Updates{{w, w + 1}, {w, w * 2}}; });
  CHECK(test::contains(listed, "'w'"));
  CHECK(test::contains(listed, "w + 1"));
  CHECK(test::contains(listed, "w * 2"));
  Updates first{{w, w + 1}};
  CHECK(test::contains(test::error_of<GraphError>([&] {
                         first += Updates{{w, w * 2}};
                       }),
                       "two updates"));
  CHECK(same(first.find(w), first.pairs()[0].second));
}

TEST_CASE("updates: only shared variables have them") {
  const Var x = scalar("x");
  CHECK(test::contains(test::error_of<TypeError>([&] { Updates{{x, x}}; }), "'x'"));
}
