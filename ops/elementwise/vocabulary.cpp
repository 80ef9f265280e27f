#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/random/stream_draws.hpp>

namespace damo {

// Ops are defined at first use, so each is used once here.
std::vector<const ScalarOp*> scalar_ops() {
  static const Vars all = [] {
    const Var x = scalar("x", float64);
    const Var b = bscalar("b");
    using Unary = Var (*)(const Arg&);
    using Binary = Var (*)(const Arg&, const Arg&);
    Vars made;
    for (const Unary f : {Unary{operator-}, Unary{exp}, Unary{expm1}, Unary{log}, Unary{log1p}, Unary{log2}, Unary{log10},
                          Unary{log1mexp}, Unary{sqrt}, Unary{sqr}, Unary{reciprocal}, Unary{abs}, Unary{sign},
                          Unary{floor}, Unary{ceil}, Unary{trunc}, Unary{round}, Unary{sin}, Unary{cos}, Unary{tan},
                          Unary{arcsin}, Unary{arccos}, Unary{arctan}, Unary{sinh}, Unary{cosh}, Unary{tanh},
                          Unary{sigmoid}, Unary{softplus}, Unary{relu}, Unary{erf}, Unary{erfc}, Unary{gammaln},
                          Unary{digamma}, Unary{trigamma}, Unary{xlogx}, Unary{isnan}, Unary{isinf}}) {
      made.push_back(f(x));
    }
    for (const Binary f : {Binary{operator+}, Binary{operator-}, Binary{operator*}, Binary{operator/}, Binary{operator%},
                           Binary{floor_div}, Binary{pow}, Binary{operator<}, Binary{operator<=}, Binary{operator>},
                           Binary{operator>=}, Binary{eq}, Binary{neq}, Binary{atan2}, Binary{logaddexp}, Binary{xlogy0},
                           Binary{maximum}, Binary{minimum}}) {
      made.push_back(f(x, x));
    }
    for (const Binary f : {Binary{and_}, Binary{or_}, Binary{xor_}}) made.push_back(f(b, b));
    made.insert(made.end(), {not_(b), where(b, x, x), clip(x, x, x), gamma_derivative(x, x),
                             beta_derivative_a(x, x, x), beta_derivative_b(x, x, x)});
    for (const DType to : {boolean, int64, float32}) made.push_back(cast(x, to));
    made.push_back(cast(b, float64));
    return made;
  }();
  std::vector<const ScalarOp*> ops;
  for (const Var& v : all) ops.push_back(&static_cast<const Elementwise&>(v.op()).scalar());
  return ops;
}

}  // namespace damo
