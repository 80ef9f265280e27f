#include <damo/models/energy/derivation/dependence.hpp>
#include <damo/models/energy/model_data.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo::energy {
namespace {

// One number a row, against (rows, n) or (rows, n, classes).
Var beside(const Var& beta, const Var& v) {
  if (beta.ndim() == 0) return beta;
  std::vector<AxisEntry> pattern{0};
  while (pattern.size() < v.ndim()) pattern.emplace_back(newaxis);
  return dimshuffle(beta, pattern);
}

Var mix(const Var& beta, const Var& hot, const Var& base) {
  if (!hot.defined() && !base.defined()) return {};
  if (!base.defined()) return beside(beta, hot) * hot;
  if (!hot.defined()) return (1 - beside(beta, base)) * base;
  return beside(beta, hot) * hot + (1 - beside(beta, base)) * base;
}

}  // namespace

Var EnergyModel::base_energy() const {
  Var energy;
  for (const Unit& unit : units()) {
    if (!unit.kind().base_energy) continue;
    const Derivation& d = derivation(unit);
    const bool linear = !d.natural.quadratic.defined() && !d.precision.defined();
    const Var own = linear ? sum(Var(unit), 1) : unit.kind().base_energy(unit);
    energy = add_or_either(energy, own);
  }
  return energy;
}

EnergyModel EnergyModel::tempered(const Arg& beta) const { return tempered(beta, base_energy()); }

EnergyModel EnergyModel::base_model(const Var& base) const {
  Var energy = base.defined() ? base : base_energy();
  const DType dtype = data_->energy.dtype();
  if (!energy.defined()) energy = zeros({units().front().shape(0)}, dtype);
  EnergyModel model;
  model.data_ =
      std::make_shared<Data>(Data{.energy = energy, .options = data_->options, .units = units()});
  model.data_->options.params = {};
  return model;
}

EnergyModel EnergyModel::tempered(const Arg& beta, const Var& base) const {
  const SiteScope scope(SiteScope::or_else(data_->options.site));
  const DType dtype = data_->energy.dtype();
  const Var b = beta.is_literal() ? beta.var(dtype) : cast(beta, dtype);
  std::optional<EnergyModel> cold;
  if (base.defined()) cold = base_model(base);
  const Var hot = b * data_->energy;
  EnergyModel model;
  model.data_ = std::make_shared<Data>(Data{.energy = base.defined() ? hot + (1 - b) * base : hot,
                                            .options = data_->options,
                                            .units = units()});
  model.data_->mix = std::make_shared<const Data::Mix>(Data::Mix{*this, b, cold});
  return model;
}

Var EnergyModel::tempering_gain(const Var& from, const Var& to, const Var& given_base,
                                const Units& gone, const VarsOf& states) const {
  const SiteScope scope(SiteScope::or_else(data_->options.site));
  const Var base = given_base.defined() ? given_base : base_energy();
  const EnergyModel before = tempered(from, base), now = tempered(to, base);
  Var energy = rest_of(gone);
  if (base.defined()) energy = energy - base_model(base).rest_of(gone);
  Var gain = (before.data_->mix->beta - now.data_->mix->beta) * energy;
  for (const Unit& unit : gone) {
    const Conditional there = before.conditional(unit), here = now.conditional(unit);
    gain = gain + here.log_normaliser_gain(there) + (there.offset() - here.offset());
  }
  Vars all = full_states(states, gone);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (contains(gone, units()[i])) all[i] = Var();
  }
  return put(gain, all);
}

Derivation EnergyModel::mixed(const Unit& unit) const {
  const auto& [hot, beta, base] = *data_->mix;
  Derivation d = hot.derivation(unit);
  Derivation at_base;
  if (base && reads(base->energy(), unit)) at_base = base->derivation(unit);
  d.natural.linear = mix(beta, d.natural.linear, at_base.natural.linear);
  if (d.precision.defined()) {
    const Var own = at_base.natural.quadratic.defined()
                        ? dimshuffle(-2 * at_base.natural.quadratic, {0, 1, newaxis}) *
                              eye(unit.n(), unit.dtype())
                        : Var();
    d.precision = mix(beta, d.precision, own);
  } else {
    d.natural.quadratic = mix(beta, d.natural.quadratic, at_base.natural.quadratic);
  }
  if (d.offset.defined() || at_base.offset.defined())
    d.offset = mix(beta, d.offset, at_base.offset);
  return d;
}

}  // namespace damo::energy
