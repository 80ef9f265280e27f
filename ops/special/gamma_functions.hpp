#pragma once
#include <damo/graph/var.hpp>

namespace damo {

/// The density of a gamma distribution of scale 1, the slope of `gammainc` in x.
Var gamma_density(const Arg& a, const Arg& x);
/// The density of a beta distribution, the slope of `betainc` in x.
Var beta_density(const Arg& a, const Arg& b, const Arg& x);

}  // namespace damo
