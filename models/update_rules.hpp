#pragma once
#include <string>
#include <string_view>
#include <vector>

#include <damo/graph/updates.hpp>

// Update rules as graph programs: each turns gradients into updates of the parameters, and of state
// it keeps beside them. Learning rates and the like are numbers or scalar variables, so a schedule
// is an input or an expression.
namespace damo::models {

struct SgdOptions {
  Arg lr = 0.01;
};
/// p - lr g.
Updates sgd(const std::vector<SharedVar>& params, const Vars& gradients, const SgdOptions& o = {});

struct MomentumOptions {
  Arg lr = 0.01;
  Arg momentum = 0.9;
  bool nesterov = false;  ///< Sutskever et al. 2013
};
/// v' = momentum v - lr g, p' = p + v' (Polyak 1964).
Updates momentum(const std::vector<SharedVar>& params, const Vars& gradients,
                 const MomentumOptions& o = {});

struct AdagradOptions {
  Arg lr = 0.01;
  double epsilon = 1e-8;
};
/// p - lr g / (sqrt(sum of g^2 so far) + epsilon) (Duchi et al. 2011).
Updates adagrad(const std::vector<SharedVar>& params, const Vars& gradients,
                const AdagradOptions& o = {});

struct RmspropOptions {
  Arg lr = 0.001;
  Arg decay = 0.9;
  double epsilon = 1e-8;
};
/// p - lr g / (sqrt(decaying mean of g^2) + epsilon) (Tieleman and Hinton 2012).
Updates rmsprop(const std::vector<SharedVar>& params, const Vars& gradients,
                const RmspropOptions& o = {});

struct AdamOptions {
  Arg lr = 0.001;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
};
/// Kingma and Ba 2015, with bias correction.
Updates adam(const std::vector<SharedVar>& params, const Vars& gradients,
             const AdamOptions& o = {});

/// The rules by name, each with its usual settings but for the learning rate.
enum class UpdateRule { sgd, momentum, nesterov, adagrad, rmsprop, adam };
Updates update(UpdateRule rule, const std::vector<SharedVar>& params, const Vars& gradients,
               const Arg& lr);
/// "sgd", "momentum" and so on.
std::vector<std::string> update_rule_names();
/// The rule of that name; throws GraphError that lists them.
UpdateRule parse_update_rule(std::string_view name);

/// Gradients scaled down together so that their joint norm is at most `max_norm` (Pascanu et al.
/// 2013). Throws NumericError for a number below 0; a negative expression is one when it runs.
Vars clip_by_norm(const Vars& gradients, const Arg& max_norm);
/// Gradients with `rate * p` added (L2 weight decay).
Vars add_weight_decay(const std::vector<SharedVar>& params, const Vars& gradients, const Arg& rate);

/// Running averages of parameters, avg' = avg + rate (p' - avg), where p' is the value `updates`
/// gives (Polyak and Juditsky 1992). Adds to `updates`; returns the averages, which start at the
/// parameters' present values.
std::vector<SharedVar> average_parameters(const std::vector<SharedVar>& params, Updates& updates,
                                          const Arg& rate);

/// lr start / (1 + step / half_life), start * decay^step, and a straight line from start to end
/// over `steps`: of a step counter that joins `updates`.
Var inverse_time_schedule(double start, double half_life, Updates& updates);
Var exponential_schedule(double start, double decay, Updates& updates);
Var linear_schedule(double start, double end, std::int64_t steps, Updates& updates);

}  // namespace damo::models
