#include <fmt/format.h>

#include <algorithm>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/models/energy/derivation/dependence.hpp>
#include <damo/models/energy/derivation/refusal.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/shape/create.hpp>

namespace damo::energy {
namespace {

std::string way_out(const DerivationInput& model, const Unit& unit) {
  if (unit.kind().support.set == Support::Set::counts)
    return "Leave the term out: counts of a given sum cannot be drawn one site at a time either";
  if (model.blocks.how != Blocks::How::whole)
    return "Leave the term out, or write it with products of sites: couplings that second "
           "derivatives do not show are not coloured";
  return fmt::format(
      "Leave the term out, split '{}' into units that do not interact, or make the model with "
      ".blocks = colored(), which draws sites that interact one group after the other",
      unit.name());
}

/// The first of the terms that is not known to have a form that the kind allows; else the last.
const Term& guilty_of(const Unit& unit, const std::vector<Term>& mine,
                      const std::vector<Term>& open) {
  for (const Term& t : mine) {
    if (std::any_of(open.begin(), open.end(),
                    [&](const Term& o) { return same(o.value, t.value); }))
      return t;
    const Var g = gradients_or_nothing({t.value}, {unit}, {ones_like(t.value)}).front();
    if (!g.defined()) continue;
    Trace unused;
    const Var slope = simplified(g, unused);
    if (reads(slope, unit) && !(unit.kind().squares && Dependences(unit).of(slope).elementwise))
      return t;
  }
  return mine.back();
}

}  // namespace

void refuse(const DerivationInput& model, const Unit& unit, const std::vector<Term>& mine,
            const std::vector<Term>& open) {
  const Term& guilty = guilty_of(unit, mine, open);
  const std::string named = fmt::format("{} '{}'", unit.kind().name, unit.name());
  const std::string term =
      fmt::format("the term {}, made at {},", pprint(guilty.value), to_string(guilty.value.site()));
  if (unit.kind().squares)
    throw GraphError(fmt::format(
        "EnergyModel: the energy is not quadratic in {}, whose sites must not interact unless "
        "they are gaussian: {} is not. Without conditional and Gibbs sampling such an energy can "
        "still be trained by score matching and sampled by Langevin dynamics",
        named, term));
  throw GraphError(fmt::format(
      "EnergyModel: the sites of {} interact with each other, or the energy is not linear in "
      "them: {} is not linear in '{}', so they cannot be drawn together. {}",
      named, term, unit.name(), way_out(model, unit)));
}

}  // namespace damo::energy
