#pragma once
#include <damo/graph/var.hpp>

// What units make of their input, beside `sigmoid`, `tanh`, `softplus`, `relu` and `softmax`.
namespace damo {

/// x where it is positive, alpha x elsewhere: the leaky rectifier.
Var relu(const Arg& x, const Arg& alpha);
/// x where it is positive, alpha (e^x - 1) elsewhere (Clevert et al. 2015).
Var elu(const Arg& x, const Arg& alpha = 1.0);
/// The scaled `elu` that keeps mean 0 and variance 1 (Klambauer et al. 2017).
Var selu(const Arg& x);
/// x times the normal distribution's cumulative probability (Hendrycks and Gimpel 2016); exact, not
/// the approximation by tanh.
Var gelu(const Arg& x);
/// The line 0.2 x + 0.5 between 0 and 1.
Var hard_sigmoid(const Arg& x);
/// x / (1 + |x|); 1 and -1 at the infinities.
Var softsign(const Arg& x);
/// log(sigmoid(x)).
Var log_sigmoid(const Arg& x);
/// The normal distribution's cumulative probability.
Var ndtr(const Arg& x);

}  // namespace damo
