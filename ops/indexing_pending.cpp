#include <damo/graph/error.hpp>
#include <damo/ops/indexing.hpp>
namespace damo {
Var Var::operator[](const Index&) const { throw InternalError("indexing"); }
Var Var::operator()(const Index&, const Index&) const { throw InternalError("indexing"); }
Var set_subtensor(const Var&, const Arg&) { throw InternalError("indexing"); }
}  // namespace damo
