#include <damo/graph/evaluate.hpp>
#include <damo/runtime/located_error.hpp>

namespace damo {

LocatedError LocatedError::current(const Apply& node, TensorsIn in) {
  try {
    rethrow_at(node, in, "");
  } catch (const ShapeError& e) {
    return {Kind::shape, e.what()};
  } catch (const TypeError& e) {
    return {Kind::type, e.what()};
  } catch (const GraphError& e) {
    return {Kind::graph, e.what()};
  } catch (const NumericError& e) {
    return {Kind::numeric, e.what()};
  } catch (const InternalError& e) {
    return {Kind::internal, e.what()};
  } catch (const Error& e) {
    return {Kind::other, e.what()};
  }
}

void LocatedError::raise() const {
  switch (kind_) {
    case Kind::shape:
      throw ShapeError(text_);
    case Kind::type:
      throw TypeError(text_);
    case Kind::graph:
      throw GraphError(text_);
    case Kind::numeric:
      throw NumericError(text_);
    case Kind::internal:
      throw InternalError(text_);
    default:
      throw Error(text_);
  }
}

}  // namespace damo
