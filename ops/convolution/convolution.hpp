#pragma once
#include <array>
#include <cstdint>
#include <optional>

#include <damo/graph/var.hpp>

// Convolutions and pooling, of images (image, channel, row, column) and sequences (sequence,
// channel, place). int64 and bool become floatX. Gradients of any order, to images and filters.
namespace damo {

/// How much of what lies outside of an image, which is 0, filters meet.
enum class Border : std::uint8_t {
  valid,  ///< none: the filter stays inside
  full,   ///< every place where one element of the filter lies on the image
  half,   ///< half of the filter (rounded down) on both sides
  same    ///< as many places as the image has, at stride 1: the middle of `full`, as in SciPy
};

/// Of rows and columns.
struct Conv2dOptions {
  Border border = Border::valid;
  /// Zeros on both sides, in place of what `border` says.
  std::optional<std::array<int, 2>> padding = std::nullopt;
  std::array<int, 2> stride{1, 1};
  /// From one element of the filter to the next.
  std::array<int, 2> dilation{1, 1};
  /// Channels and filters are split into so many groups, each of which sees its own channels only.
  int groups = 1;
  /// Whether filters are turned around, as in mathematics and Theano, or laid on as they are.
  bool filter_flip = true;
};
struct Conv1dOptions {
  Border border = Border::valid;
  std::optional<int> padding = std::nullopt;
  int stride = 1;
  int dilation = 1;
  int groups = 1;
  bool filter_flip = true;
};

/// Images (n, channels, rows, columns) convolved with filters (filters, channels / groups, rows,
/// columns): (n, filters, rows, columns). Throws ShapeError when channels do not fit or a filter is
/// larger than the image with its padding.
Var conv2d(const Arg& images, const Arg& filters, const Conv2dOptions& options = {});
/// Sequences (n, channels, length) with filters (filters, channels / groups, length).
Var conv1d(const Arg& sequences, const Arg& filters, const Conv1dOptions& options = {});
/// The same with `filter_flip` off. With Border::same a filter of even size lies in two dimensions
/// where SciPy's `correlate2d` has it, in one where NumPy's and SciPy's `correlate` have it, which
/// is one place further back.
Var correlate2d(const Arg& images, const Arg& filters, Conv2dOptions options = {});
Var correlate1d(const Arg& sequences, const Arg& filters, Conv1dOptions options = {});

/// The transposed map of `conv2d(., filters, options)`, also called fractionally strided
/// convolution: from (n, filters, rows, columns) to (n, channels, rows, columns). Of the sizes that
/// a stride leaves open these are the smallest, plus `more` rows and columns.
Var conv2d_transpose(const Arg& images, const Arg& filters, const Conv2dOptions& options = {},
                     std::array<int, 2> more = {0, 0});
Var conv1d_transpose(const Arg& sequences, const Arg& filters, const Conv1dOptions& options = {},
                     int more = 0);

struct Pool2dOptions {
  /// Rows and columns from one window to the next; the window's own when not given.
  std::optional<std::array<int, 2>> stride = std::nullopt;
  /// On both sides: -infinity for the largest, zeros for means.
  std::array<int, 2> padding{0, 0};
  /// Whether rows and columns that fill no window are left out, or make a smaller one.
  bool ignore_border = true;
  /// Whether means count padding as elements.
  bool count_padding = true;
};
/// The largest element of each window of the last two axes. The gradient is shared equally by all
/// elements that equal it.
Var max_pool2d(const Arg& x, std::array<int, 2> window, const Pool2dOptions& options = {});
Var mean_pool2d(const Arg& x, std::array<int, 2> window, const Pool2dOptions& options = {});

struct ProbabilisticPool {
  Var hidden, pool;
};
/// Of units in blocks of which one at most is on (Lee, Grosse, Ranganath and Ng 2009), given what
/// adds to their log-odds: the probabilities that each unit (of x's shape), and that one of each
/// block, is on. Throws ShapeError when blocks do not fill the last two axes.
ProbabilisticPool probabilistic_max_pool2d(const Arg& x, std::array<int, 2> block);

}  // namespace damo
