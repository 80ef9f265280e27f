#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include <damo/graph/errors/error.hpp>
#include <damo/models/energy/check/checker.hpp>

namespace damo::energy {

Checker::Checker(const EnergyModel& model, const CheckOptions& options)
    : model_(model), options_(options), table_(model, options.inputs, options.seed) {
  double largest = 1;
  for (const double w : table_.log_weights()) largest = std::max(largest, std::abs(w));
  const double relative =
      options.tolerance ? *options.tolerance : (model.energy().dtype() == float64 ? 1e-8 : 1e-3);
  tolerance_ = relative * largest;
}

void Checker::compare(const std::string& what, const std::vector<double>& actual,
                      const std::vector<double>& expected) {
  std::size_t worst = 0;
  double error = 0;
  for (std::size_t r = 0; r < expected.size(); ++r) {
    const double e = actual[r] == expected[r] ? 0 : std::abs(actual[r] - expected[r]);
    if (e <= error) continue;  // not so for NaN
    error = std::isnan(e) ? std::numeric_limits<double>::infinity() : e;
    worst = r;
    if (std::isinf(error)) break;
  }
  Report::Item item{what, error <= tolerance_, fmt::format("off by at most {:.2g}", error)};
  if (!item.ok)
    item.said = fmt::format("{:.8g}, but the energy says {:.8g}, at {}", actual[worst],
                            expected[worst], table_.text(worst));
  report_.add(item);
}

void Checker::attempt(const std::string& what, const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    report_.add({what, false, e.what()});
  }
}

std::vector<Var> Checker::claimed_log_probs(const Unit& unit) const {
  if (options_.claims.log_prob) return {options_.claims.log_prob(unit, unit)};
  const Derivation& d = model_.derivation(unit);
  if (!d.mask.defined()) return {model_.conditional(unit).log_prob(unit)};
  std::vector<Var> all;
  for (int c = 0; c < d.colours.shape()[0]; ++c)
    all.push_back(model_.conditional(unit, c).log_prob(unit));
  return all;
}

}  // namespace damo::energy
