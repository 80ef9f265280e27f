#pragma once
#include <cstdint>

#include <damo/graph/var.hpp>

// Exponentials moved into range by what is taken out of all of them.
namespace damo::optim {

/// exp(x - shift), of which the largest along some axes is 1; sizes there are 1 in the shift.
struct Shifted {
  Var exponential;
  Var shift{};
};
/// `axes`: a bit for each.
Shifted shifted(const Var& x, std::uint32_t axes);

/// The largest along some axes, which stay with size 1: -inf of nothing.
Var largest_along(const Var& x, std::uint32_t axes);

/// What to take out of exponents of which `largest` is the largest. What is shifted and put back
/// has no derivative in the shift.
Var shift_by(const Var& largest);

/// Whether `v` adds up or multiplies exponentials of which one has been shifted, wherever movements
/// have gone since.
bool is_shifted(const Var& v);

}  // namespace damo::optim
