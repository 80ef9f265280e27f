#pragma once
#include <cstdint>

#include <damo/graph/var.hpp>

namespace damo::optim {

/// The sizes of `v` as int64 scalars, from those of its inputs where its op says how: `v` itself is
/// then not needed to know them.
Vars sizes_of(const Var& v);

/// `v` with the dtype of `like`, and stretched to its shape where `v` is smaller. What knows `v`'s
/// place in the graph knows that the other sizes agree.
Var fit(const Var& v, const Var& like);

/// Whether one of these axes (a bit for each) of `v` has no elements, as a bool; an empty Var where
/// all are known to have some.
Var nothing_along(const Var& v, std::uint32_t axes);

/// A constant `value` of the dtype and shape of `like`.
Var filled_like(const Var& like, double value);

}  // namespace damo::optim
