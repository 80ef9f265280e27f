#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <damo/graph/op.hpp>

namespace damo {

/// Of `x` with some elements replaced (`set`) by those of y, or y added to them.
constexpr Fact fact_of_written(const Fact& x, const Fact& y, bool set, DType dtype) {
  return common_fact(x, set ? y : unless_wrapped(fact_of_sum(x, y), dtype));
}

/// One end of a range or the position of an element: a number, an input of the node, or nothing.
struct Bound {
  enum class Kind : std::uint8_t { absent, number, input };
  Kind kind = Kind::absent;
  std::int64_t value = 0;
  friend bool operator==(const Bound&, const Bound&) = default;
};

/// One entry of an index. An element's position is its `start`; only a range has more. An advanced
/// entry names an axis along which an index tensor gathers.
struct IndexEntry {
  Index::Kind kind = Index::Kind::all;
  Bound start{}, stop{}, step{};
  friend bool operator==(const IndexEntry&, const IndexEntry&) = default;
};

/// The rows a range takes of an axis of size n.
struct SliceRange {
  std::int64_t start;
  std::int64_t step;
  std::int64_t length;
};
/// As Python's slice.indices: bounds beyond the ends are moved to them. Throws ShapeError when the
/// step is 0.
SliceRange slice_range(std::int64_t n, std::optional<std::int64_t> start,
                       std::optional<std::int64_t> stop, std::optional<std::int64_t> step);

/// What an index does, apart from the values of its bounds: an entry for each axis of the operand,
/// and the new axes.
class IndexSpec {
 public:
  IndexSpec() = default;
  explicit IndexSpec(std::vector<IndexEntry> entries) : entries_(std::move(entries)) {}
  const std::vector<IndexEntry>& entries() const { return entries_; }
  /// How many int64 scalars the bounds take, in order of entries, start before stop before step.
  std::size_t n_bounds() const;
  /// How many index tensors follow them.
  std::size_t n_advanced() const;

  // Of the view that ranges, elements and new axes make; advanced entries take their axis whole.
  /// Sizes, where known.
  Shape view_dims(const Shape& x) const;
  /// Sizes as int64 scalars.
  Vars view_sizes(const Vars& x, std::span<const Var> bounds) const;
  /// That elements, and the positions in index tensors, are inside the axes of x, whose sizes are
  /// these.
  std::vector<Demand> demands(const Vars& x, std::span<const Var> bounds,
                              std::span<const Var> advanced) const;
  /// The view itself. Throws ShapeError when an element is outside.
  Tensor view(const Tensor& x, TensorsIn bounds) const;
  /// Which axes of the view are advanced.
  std::vector<std::size_t> advanced_axes() const;
  /// Whether every element is taken, as `x(all(), newaxis)` does.
  bool takes_all() const;
  /// Whether no other entry stands between two advanced ones; NumPy then leaves their axes in
  /// place, and puts them first otherwise.
  bool advanced_adjacent() const;

  /// The index as the user could write it.
  std::vector<Index> to_index(std::span<const Var> bounds, std::span<const Var> advanced) const;
  /// "[:, i, 2:]".
  std::string text(std::span<const Printed> inputs) const;
  /// All of it but the values of its inputs: "[:, _, 2:, @]" with "_" for a bound and "@" for an
  /// index tensor; a range without bounds is "::".
  std::string parameters() const;
  friend bool operator==(const IndexSpec&, const IndexSpec&) = default;

 private:
  std::vector<IndexEntry> entries_;
};

class TextReader;
/// What `IndexSpec::parameters` wrote, for an operand of this rank.
IndexSpec read_index(TextReader& text, std::size_t rank);

/// Throws TypeError or ShapeError when `y` cannot be put into, or added to, a part of this type of
/// a tensor `x`.
void check_change(const TensorType& x, const TensorType& part, const TensorType& y, bool set);

/// The length of a range (`entry`) of an axis of size `n`: an int64 scalar, a constant where all
/// are.
Var slice_length(const IndexEntry& entry, const Var& n, std::span<const Var> bounds);

/// The range whose length an op of `slice_length` computes; null for another op.
const IndexEntry* range_measured(const Op& op);

/// Where the elements of a bool tensor are that hold, in row-major order: an int64 vector for each
/// axis. The tensor must have the given sizes.
Vars nonzero_in(const Var& mask, const Vars& sizes);

}  // namespace damo
