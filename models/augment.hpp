#pragma once
#include <damo/graph/var.hpp>
#include <damo/ops/random/random_stream.hpp>

// Noise that keeps a network from learning its training set by heart.
namespace damo::models {

/// Units each left out with probability `share`, the others divided by 1 - share so that sums over
/// them keep their mean (Hinton et al. 2012). Throws NumericError when `share` is not in [0, 1).
Var dropout(const Var& units, double share, RandomStream& draws);

/// Images in rows, (n, rows * cols), each moved by a number of rows and a number of columns that
/// are drawn from -by to by; zeros come in. Throws NumericError when `by` is negative, ShapeError
/// for an input that is no matrix; when it runs, for one of another width.
Var moved_images(const Var& images, std::int64_t rows, std::int64_t cols, std::int64_t by,
                 RandomStream& draws);

}  // namespace damo::models
