#pragma once
#include <string>
#include <vector>

#include <damo/models/energy/units/units.hpp>
#include <damo/optim/engine/trace.hpp>

namespace damo::energy {

/// A part of an energy: `coefficient * value`, one number a row.
struct Term {
  double coefficient = 1;
  Var value;
};

/// The energy as a sum: sums are opened, under a sum over the sites too, and numbers taken out.
std::vector<Term> split_terms(const Var& energy);

/// `v` in canonical form. What was done joins `trace`.
Var simplified(const Var& v, Trace& trace);

/// The same energy, on the unit's support, with each function of a site that has two values made
/// linear in it: x^2 = x where x is 0 or 1, x^2 = 1 where it is -1 or 1.
Var linear_on_support(const Var& energy, const Unit& unit, Trace& trace);

}  // namespace damo::energy
