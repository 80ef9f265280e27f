#include <cmath>

#include <damo/optim/verify/dice.hpp>

namespace damo::optim {

const std::vector<double>& adversarial_numbers() {
  static const std::vector<double> all = [] {
    std::vector<double> magnitudes{0,    5e-324, 1e-310, 1e-300, 1e-45, 1e-40, 1e-20,
                                   1e-9, 1e-4,   0.5,    1,      2,     17,    37,
                                   88,   89,     104,    300,    700,   710,   745,
                                   1000, 1e8,    1e20,   3e38,   1e200, 1e300, INFINITY};
    std::vector<double> both{NAN};
    for (const double m : magnitudes) {
      both.push_back(m);
      both.push_back(-m);
    }
    return both;
  }();
  return all;
}

const std::vector<double>& ordinary_numbers() {
  static const std::vector<double> all{-12,   -3.5, -2,   -1.25, -1,  -0.7, -0.5, -0.2,
                                       -1e-3, 0,    1e-3, 0.1,   0.2, 0.3,  0.5,  0.7,
                                       0.9,   1,    1.25, 2,     3,   3.5,  12};
  return all;
}

Array drawn(Dice& dice, DType dtype, const Shape& shape, std::size_t extreme) {
  Array a(DType::float64, shape);
  for (std::int64_t i = 0; i < a.elements(); ++i) {
    double& x = a.data<double>()[i];
    if (dtype == DType::boolean) {
      x = static_cast<double>(dice.below(2));
    } else if (dtype == DType::int64) {
      x = static_cast<double>(dice.below(dice.below(10) < extreme ? 6 : 3)) -
          (dice.below(10) < extreme ? 2 : 0);
    } else {
      x = dice.below(10) < extreme ? dice.of(adversarial_numbers()) : dice.of(ordinary_numbers());
      if (extreme > 0 && dice.one_in(8)) x = dice.one_in(2) ? 0.0 : -0.0;
    }
  }
  return a.cast(dtype);
}

}  // namespace damo::optim
