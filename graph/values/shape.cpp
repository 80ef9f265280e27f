#include <fmt/format.h>
#include <fmt/ranges.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/values/shape.hpp>

namespace damo {

void Shape::throw_rank() {
  throw ShapeError(fmt::format("a tensor has at most {} dimensions", max_rank));
}

std::string to_string(const Shape& shape) {
  return fmt::format("({}{})", fmt::join(shape.begin(), shape.end(), ", "),
                     shape.rank() == 1 ? "," : "");
}

}  // namespace damo
