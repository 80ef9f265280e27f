#pragma once
#include <cstdint>

namespace damo {

/// Elements of planes of rows, and how far these lie apart.
template <class T>
struct PlaneRows {
  T* data;
  std::int64_t plane, row, col = 1;
};

/// What `gather_rows` may overwrite behind a row.
constexpr std::int64_t gather_slack = 64;

/// Lays out `rows` by `cols` elements of each of `planes`, columns side by side. What lies behind a
/// row, up to `gather_slack` elements, is overwritten: lay it out later.
template <class T>
void gather_rows(const PlaneRows<const T>& from, std::int64_t planes, std::int64_t rows,
                 std::int64_t cols, const PlaneRows<T>& to);

/// Rows that start at columns of their own in a row of sums: behind each of `rows`, `per_row`, one
/// `step` behind the other and each at its shift.
template <class T>
struct ShiftedRows {
  const T* const* rows;
  std::int64_t per_row, step;
  const std::int64_t* shifts;
};
/// Adds the first `count` of them, of `length` columns each, to `cols` sums in their order.
template <class T>
void add_shifted(const ShiftedRows<T>& from, std::int64_t count, std::int64_t length,
                 std::int64_t cols, T* to);

}  // namespace damo
