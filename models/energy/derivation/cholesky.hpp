#pragma once
#include <string>

#include <damo/graph/var.hpp>

namespace damo::energy {

// Linear algebra of batches of matrices as loops over columns, which every derivative goes through.

/// L with L L' = `p` (rows, n, n), lower triangular. A call in which a matrix is not positive
/// definite throws an AssertionError with `message`.
Var cholesky(const Var& p, const std::string& message);
/// y with L y = b, for `b` (rows, n).
Var solve_lower(const Var& l, const Var& b);
/// x with L' x = b.
Var solve_upper(const Var& l, const Var& b);

}  // namespace damo::energy
