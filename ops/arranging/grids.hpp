#pragma once
#include <vector>

#include <damo/graph/var.hpp>

// Points at equal distances, and grids of them, as NumPy.
namespace damo {

struct SpaceOptions {
  bool endpoint = true;  ///< whether the last point is `stop`
};
/// `num` (a number or an int64 scalar) points from `start` to `stop`, along a new first axis where
/// these are tensors. Integers give floatX.
Var linspace(const Arg& start, const Arg& stop, const Arg& num = 50,
             const SpaceOptions& options = {});
/// base^linspace.
Var logspace(const Arg& start, const Arg& stop, const Arg& num = 50, const Arg& base = 10.0,
             const SpaceOptions& options = {});
/// Points of which each is the same multiple of the one before; both ends have one sign.
Var geomspace(const Arg& start, const Arg& stop, const Arg& num = 50,
              const SpaceOptions& options = {});

enum class Indexing { xy, ij };
/// Each vector repeated along the axes of the others. With xy, NumPy's choice, the first vector
/// runs along axis 1 and the second along axis 0.
Vars meshgrid(const Vars& vectors, Indexing indexing = Indexing::xy);
/// `meshgrid` with ij of ranges, which must have an end.
Vars mgrid(const std::vector<Range>& ranges, Site site = Site::here());
/// The same with axes of size 1 in place of repetitions.
Vars ogrid(const std::vector<Range>& ranges, Site site = Site::here());
/// The tensors repeated to their common shape. Axes stretch where they are known to be 1.
Vars broadcast_arrays(const Vars& tensors);

/// n rows and m columns (n when not given) of ones on and below the k-th diagonal above the main
/// one.
Var tri(const Arg& n, DType dtype = floatX());
Var tri(const Arg& n, const Arg& m, int k = 0, DType dtype = floatX());

}  // namespace damo
