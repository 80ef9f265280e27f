#include "support/watch.hpp"

#include <fmt/format.h>

#include <cmath>

#include <damo/graph/errors/error.hpp>

namespace damo::examples {
namespace {

constexpr double largest = 1e12;
constexpr std::int64_t worse_epochs = 5;

}  // namespace

bool is_better(Better better, double a, double b) {
  return better == Better::lower ? a < b : a > b;
}

void Watch::restart() { *this = Watch(better_); }

void Watch::batch(double cost) {
  if (!first_) first_ = cost;
}

std::optional<std::string> Watch::epoch(std::int64_t epoch, const std::string& name, double cost) {
  worse_ = last_ && is_better(better_, *last_, cost) ? worse_ + 1 : 0;
  last_ = cost;
  below_first_ = first_ && is_better(better_, *first_, cost) ? below_first_ + 1 : 0;
  // One batch says little of the model before: only much worse is worse.
  const bool far = first_ && std::abs(cost - *first_) > 1 + std::abs(*first_);
  if (far && is_better(better_, *first_, cost)) {
    return fmt::format(
        "warning: the {} of epoch {} is {:.4g}, far worse than before training ({:.4g}): it "
        "diverges; "
        "a smaller --lr may help",
        name, epoch, cost, *first_);
  }
  if (below_first_ == worse_epochs) {
    below_first_ = 0;
    return fmt::format(
        "warning: the {} has been worse than before training ({:.4g}) in each of the last {} "
        "epochs; a smaller --lr may help",
        name, *first_, worse_epochs);
  }
  if (worse_ < worse_epochs) return std::nullopt;
  const std::int64_t epochs = worse_;
  worse_ = 0;  // says so again after as many
  return fmt::format("warning: the {} has become worse in each of the last {} epochs", name,
                     epochs);
}

void Watch::save(io::Record& record) const {
  if (first_) record.set("first_cost", *first_);
  if (last_) record.set("last_cost", *last_);
  record.set("worse_epochs", worse_).set("below_first_epochs", below_first_);
}

void Watch::load(const io::Record& record) {
  if (record.has("first_cost")) first_ = record.number("first_cost");
  if (record.has("last_cost")) last_ = record.number("last_cost");
  if (record.has("worse_epochs")) worse_ = record.integer("worse_epochs");
  if (record.has("below_first_epochs")) below_first_ = record.integer("below_first_epochs");
}

void require_sound(const io::Checkpoint& checkpoint) {
  for (const auto& [name, array] : checkpoint.arrays) {
    if (!is_float(array.dtype())) continue;
    const Array wide = array.dtype() == DType::float64 ? array : array.cast(DType::float64);
    for (const double v : wide.values<double>()) {
      if (std::abs(v) <= largest) continue;
      throw NumericError(
          fmt::format("'{}' holds {:.3g}: the training has diverged; nothing was saved over the "
                      "last checkpoint. A smaller --lr may help",
                      name, v));
    }
  }
}

}  // namespace damo::examples
