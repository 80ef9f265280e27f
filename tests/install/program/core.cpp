// A program without xtensor: values come and go as vectors, numbers and Arrays.
#include <iostream>
#include <vector>

#include <damo/core.hpp>

using namespace damo;

#ifdef XTENSOR_CONFIG_HPP
#error "damo/core.hpp brings xtensor in"
#endif

int main() {
  const SharedVar w = shared(std::vector<float>{1, 2, 3}, "w");
  const Var x = vector("x");
  const Var cost = sum(sqr(x - w));
  Function step = function({x}, {cost}, {.updates = {{w, w - 0.5 * grad(cost, w)}}});
  const double before = step(std::vector<float>{4, 5, 6}).scalar<double>(0);
  const double after = step(std::vector<float>{4, 5, 6}).scalar<double>(0);
  std::cout << "squared distance " << before << ", then " << after << "\n";
  return before == 27 && after == 0 ? 0 : 1;
}
