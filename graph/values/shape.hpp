#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

namespace damo {

/// The largest number of dimensions a tensor may have.
inline constexpr std::size_t max_rank = 8;

/// Sizes of a tensor's dimensions, or its strides in elements; at most `max_rank`, stored in place.
class Shape {
 public:
  constexpr Shape() = default;
  constexpr Shape(std::initializer_list<std::int64_t> dims) { assign(dims.begin(), dims.end()); }
  explicit Shape(std::span<const std::int64_t> dims) { assign(dims.begin(), dims.end()); }
  explicit Shape(const std::vector<std::int64_t>& dims) { assign(dims.begin(), dims.end()); }

  constexpr std::size_t rank() const { return rank_; }
  constexpr std::size_t size() const { return rank_; }
  constexpr bool empty() const { return rank_ == 0; }
  constexpr std::int64_t operator[](std::size_t i) const { return dims_[i]; }
  constexpr std::int64_t& operator[](std::size_t i) { return dims_[i]; }
  constexpr const std::int64_t* begin() const { return dims_; }
  constexpr const std::int64_t* end() const { return dims_ + rank_; }
  constexpr std::int64_t* begin() { return dims_; }
  constexpr std::int64_t* end() { return dims_ + rank_; }
  constexpr std::int64_t back() const { return dims_[rank_ - 1]; }
  /// Appends a dimension; throws ShapeError beyond `max_rank`.
  constexpr void push_back(std::int64_t dim) {
    if (rank_ == max_rank) throw_rank();
    dims_[rank_++] = dim;
  }
  constexpr void resize(std::size_t rank, std::int64_t fill = 0) {
    if (rank > max_rank) throw_rank();
    for (std::size_t i = rank_; i < rank; ++i) dims_[i] = fill;
    rank_ = rank;
  }
  /// Number of elements: the product of the sizes, 1 for a scalar.
  constexpr std::int64_t elements() const {
    std::int64_t n = 1;
    for (std::size_t i = 0; i < rank_; ++i) n *= dims_[i];
    return n;
  }
  friend constexpr bool operator==(const Shape& a, const Shape& b) {
    return a.rank_ == b.rank_ && std::equal(a.begin(), a.end(), b.begin());
  }

 private:
  template <class It>
  constexpr void assign(It first, It last) {
    for (; first != last; ++first) push_back(*first);
  }
  [[noreturn]] static void throw_rank();

  std::int64_t dims_[max_rank] = {};
  std::size_t rank_ = 0;
};

/// Strides, in elements, of a row-major tensor without gaps.
constexpr Shape contiguous_strides(const Shape& shape) {
  Shape strides = shape;
  std::int64_t step = 1;
  for (std::size_t i = shape.rank(); i-- > 0;) {
    strides[i] = step;
    step *= shape[i];
  }
  return strides;
}

/// "(20, 784)", "(3,)", "()".
std::string to_string(const Shape& shape);

}  // namespace damo
