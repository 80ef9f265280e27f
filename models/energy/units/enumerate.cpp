#include <algorithm>
#include <cmath>
#include <limits>

#include <damo/models/energy/units/enumerate.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo::energy {
namespace {

// All ways to spread `total` over `n` sites, row after row.
void spread(std::int64_t n, std::int64_t total, std::vector<double>& row,
            std::vector<double>& rows) {
  if (n == 1) {
    row.push_back(static_cast<double>(total));
    rows.insert(rows.end(), row.begin(), row.end());
    row.pop_back();
    return;
  }
  for (std::int64_t k = 0; k <= total; ++k) {
    row.push_back(static_cast<double>(k));
    spread(n - 1, total - k, row, rows);
    row.pop_back();
  }
}

}  // namespace

Enumeration::Enumeration(const Unit& unit, std::vector<bool> sites)
    : unit_(unit), sites_(std::move(sites)) {
  if (sites_.empty()) sites_.assign(static_cast<std::size_t>(unit.n()), true);
}

double Enumeration::log2_count() const {
  const Support& support = unit_.kind().support;
  const auto n = static_cast<double>(std::count(sites_.begin(), sites_.end(), true));
  if (support.set == Support::Set::levels)
    return n * std::log2(static_cast<double>(support.levels.size()));
  if (support.set == Support::Set::one_hot)
    return n * std::log2(static_cast<double>(unit_.classes()));
  if (support.set != Support::Set::counts || unit_.total() == 0)
    return std::numeric_limits<double>::infinity();
  const auto total = static_cast<double>(unit_.total());
  return (std::lgamma(total + n) - std::lgamma(n) - std::lgamma(total + 1)) / std::log(2.0);
}

std::int64_t Enumeration::count() const { return std::llround(std::exp2(log2_count())); }

Var Enumeration::states(const Var& numbers) const {
  const Support& support = unit_.kind().support;
  if (support.set == Support::Set::counts) {
    std::vector<double> row, rows;
    spread(unit_.n(), unit_.total(), row, rows);
    const Shape shape{static_cast<std::int64_t>(rows.size()) / unit_.n(), unit_.n()};
    return take(constant(Array::from(rows, shape).cast(unit_.dtype())), numbers, 0);
  }
  const std::int64_t levels =
      unit_.classes() > 0 ? unit_.classes() : static_cast<std::int64_t>(support.levels.size());
  // Of each site: what a step of its digit counts. Sites left out have no digit.
  std::vector<std::int64_t> place;
  std::vector<double> there;
  std::int64_t value = 1;
  for (const bool site : sites_) {
    place.push_back(value);
    there.push_back(site ? 1 : 0);
    if (site) value *= levels;
  }
  const Shape row{1, unit_.n()};
  const Var digit =
      floor_div(dimshuffle(numbers, {0, newaxis}), constant(Array::from(place, row))) % levels;
  const Var present = constant(Array::from(there, row).cast(unit_.dtype()));
  if (unit_.classes() > 0)
    return take(eye(levels, unit_.dtype()), digit, 0) * dimshuffle(present, {0, 1, newaxis});
  const Var values = constant(Array::from(support.levels).cast(unit_.dtype()));
  return take(values, digit) * present;
}

}  // namespace damo::energy
