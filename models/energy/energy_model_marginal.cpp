#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/models/energy/derivation/dependence.hpp>
#include <damo/models/energy/model_data.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/reduction/reductions.hpp>

// Units summed out of the energy.
namespace damo::energy {

bool EnergyModel::interact(const Unit& a, const Unit& b) const {
  const auto from = [&](const Unit& unit, const Unit& other) {
    const Derivation& d = derivation(unit);
    return reads(d.natural.linear, other) ||
           (d.natural.quadratic.defined() && reads(d.natural.quadratic, other)) ||
           (d.precision.defined() && reads(d.precision, other));
  };
  return from(a, b) || from(b, a);
}

// The energy where the units are zero.
Var EnergyModel::rest_of(const Units& gone) const {
  return gone.empty() ? data_->energy : linear_energy(gone);
}

// The same of the energy's terms, which are linear in units of two states.
Var EnergyModel::linear_energy(const Units& gone) const {
  if (!data_->mix) return energy_at_zero(terms(), units(), gone, data_->trace);
  const auto& [hot, beta, base] = *data_->mix;
  const Var rest = beta * hot.linear_energy(gone);
  return base ? rest + (1 - beta) * base->linear_energy(gone) : rest;
}

// Units that do not interact: -log of a product of sums.
Var EnergyModel::summed_at_once(const Units& summed) const {
  Var energy = rest_of(summed);
  for (const Unit& unit : summed) {
    const Derivation& d = whole(unit);
    if (d.mask.defined())
      throw GraphError(
          fmt::format("EnergyModel: {} cannot be summed out in closed form: its sites interact",
                      describe(unit)));
    if (d.offset.defined()) energy = energy + sum(d.offset, 1);
    energy = energy - Conditional(unit, d).log_normaliser();
  }
  return energy;
}

EnergyModel EnergyModel::without(const Units& summed, const Var& energy) const {
  EnergyModelOptions options = data_->options;
  const auto drop = [&](Units& list) {
    std::erase_if(list, [&](const Unit& u) { return contains(summed, u); });
  };
  drop(options.visible);
  drop(options.hidden);
  Vars params;
  for (const Var& p : parameters()) {
    if (reads(energy, p)) params.push_back(p);
  }
  options.params = params;
  EnergyModel left;
  left.data_ = std::make_shared<Data>(Data{.energy = energy, .options = options, .units = {}});
  left.data_->units = options.visible;
  left.data_->units.insert(left.data_->units.end(), options.hidden.begin(), options.hidden.end());
  return left;
}

// All at once where they do not interact; else one after the other, those with infinitely many
// states first: what is left may be a closed form in the next.
Var EnergyModel::summed(const Units& gone) const {
  bool apart = true;
  for (std::size_t i = 0; i < gone.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) apart = apart && !interact(gone[i], gone[j]);
  }
  if (apart) return summed_at_once(gone);
  Units order;
  for (const Unit& u : gone) {
    if (!u.finite()) order.push_back(u);
  }
  for (const Unit& u : gone) {
    if (u.finite()) order.push_back(u);
  }
  std::string why;
  for (const Unit& first : order) {
    try {
      const Var left = summed_at_once({first});
      Units rest;
      for (const Unit& u : order) {
        if (!same(u, first) && reads(left, u)) rest.push_back(u);
      }
      return rest.empty() ? left : without({first}, left).summed(rest);
    } catch (const GraphError& e) {
      why = e.what();
    }
  }
  throw GraphError(fmt::format(
      "EnergyModel: {} and other units interact with each other, so they cannot be summed out "
      "together in closed form: {}. Sum out fewer (marginal_energy), or train with mean_field_pcd",
      describe(gone.front()), why));
}

Var EnergyModel::marginal_energy(const Units& gone, const VarsOf& states) const {
  for (const Unit& unit : gone) static_cast<void>(index_of(unit));
  const SiteScope scope(SiteScope::or_else(data_->options.site));
  Vars all = full_states(states, gone);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (contains(gone, units()[i])) all[i] = Var();
  }
  return put(gone.empty() ? data_->energy : summed(gone), all);
}

Var EnergyModel::free_energy(const VarsOf& states) const {
  return marginal_energy(hidden(), states);
}
Var EnergyModel::free_energy() const { return marginal_energy(hidden()); }

}  // namespace damo::energy
