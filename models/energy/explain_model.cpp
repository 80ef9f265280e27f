#include <fmt/format.h>

#include <map>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/models/energy/explain_model.hpp>
#include <damo/models/energy/model_data.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/reduction/reductions.hpp>

namespace damo::energy {
namespace {

constexpr int depth = 16;

std::string support_text(const Unit& unit) {
  const Support& s = unit.kind().support;
  switch (s.set) {
    case Support::Set::levels: {
      std::string all;
      for (const double x : s.levels) all += fmt::format("{}{:g}", all.empty() ? "" : ", ", x);
      return "{" + all + "}";
    }
    case Support::Set::one_hot:
      return fmt::format("one of {} classes", unit.classes());
    case Support::Set::counts:
      return "counts with a given sum";
    case Support::Set::real:
      return "real numbers";
    case Support::Set::nonnegative:
      return "x >= 0";
    case Support::Set::interval:
      return "[0, 1]";
  }
  return "";
}

std::string names(const Units& units) {
  std::string all;
  for (const Unit& u : units) all += (all.empty() ? "" : ", ") + u.name();
  return all;
}

// `f()`, or the error it throws.
template <class F>
std::string or_why_not(F&& f) {
  try {
    return f();
  } catch (const Error& e) {
    return fmt::format("  cannot be derived: {}\n", e.what());
  }
}

std::string conditional_text(const EnergyModel& model, const Unit& unit) {
  const Derivation& d = model.derivation(unit);
  const Conditional p = d.mask.defined() ? model.conditional(unit, 0) : model.conditional(unit);
  static const char* const statistics[] = {"x", "x^2"};
  std::string text;
  const Vars parameters = p.parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const char* of = d.precision.defined() && i == 1 ? "x x'" : statistics[i];
    text += fmt::format("  parameter of {:5} {}\n", of, pprint(parameters[i], depth));
  }
  if (!d.precision.defined())
    text += fmt::format("  mean               {}\n", pprint(p.mean(), depth));
  if (d.mask.defined())
    text += fmt::format("  its sites interact: {} colours, drawn one after the other\n",
                        d.colours.shape()[0]);
  if (!d.sampled.empty())
    text += fmt::format("  tried on random states, not proved: {}\n", d.sampled);
  return fmt::format("p({} | the rest): {}\n", unit.name(), p.family()) + text;
}

std::string gradient_text(const EnergyModel& model) {
  std::string text;
  const Var cost = sum(model.free_energy());
  Trace unused;
  for (const SharedVar& p : model.params())
    text += fmt::format("  d sum F / d {:8} {}\n", p.name(),
                        pprint(simplified(grad(cost, p), unused), depth));
  return text;
}

std::string rules_text(const Trace& trace) {
  std::map<std::string, std::pair<std::size_t, std::string>> rules;
  for (const Trace::Applied& a : trace.applied()) {
    ++rules[a.rule].first;
    rules[a.rule].second = a.equation;
  }
  std::string text;
  for (const auto& [name, rule] : rules)
    text += fmt::format("  {:4} x  {:24} {}\n", rule.first, name, rule.second);
  return text;
}

}  // namespace

std::string explain(const EnergyModel& model) {
  std::string text = fmt::format("E = {}\n", pprint(model.energy(), depth));
  for (const Unit& unit : model.units())
    text += fmt::format("  {:8} {} {}, {} sites, {}\n", unit.name(),
                        contains(model.visible(), unit) ? "visible" : "hidden", unit.kind().name,
                        unit.n(), support_text(unit));
  text += "\nterms, each linear in every unit of two states\n";
  for (const Term& t : model.terms())
    text += fmt::format("  {:+g} * {}\n", t.coefficient, pprint(t.value, depth));
  text += "\n";
  for (const Unit& unit : model.units())
    text += or_why_not([&] { return conditional_text(model, unit); });
  text += fmt::format("\nF({}), {} summed out\n", names(model.visible()),
                      model.hidden().empty() ? "nothing" : names(model.hidden()));
  text += or_why_not([&] { return fmt::format("  {}\n", pprint(model.free_energy(), depth)); });
  text += or_why_not([&] { return gradient_text(model); });
  text += "\na sweep draws, one after the other\n";
  text += or_why_not([&] {
    std::string blocks;
    for (const Block& b : model.blocks())
      blocks += fmt::format("  {}{}\n", names(b.units),
                            b.color < 0 ? "" : fmt::format(", colour {}", b.color));
    return blocks;
  });
  text += "\nrules that led here, and how often\n" + rules_text(model.trace());
  return text;
}

}  // namespace damo::energy
