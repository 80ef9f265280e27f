#include <algorithm>

#include <damo/ops/random/draw_parameters.hpp>

namespace damo::detail {
Room room_for(const Distribution& distribution, TensorsIn parameters, const Shape& sample,
              Workspace& scratch) {
  const std::int64_t n = sample.elements();
  std::int64_t items = sample.empty() ? 1 : sample.back();  // one row of counts
  for (const Tensor* p : parameters)
    items += std::max(n, p->elements()) + (p->rank() == 0 ? 0 : p->shape.back());
  if (distribution.scratch != nullptr) items += distribution.scratch(parameters);
  return {scratch, 8, items};
}

void refuse(const Distribution& distribution, std::int64_t element,
            std::span<const double> parameters) {
  std::string text;
  for (const double p : parameters) text += fmt::format("{}{}", text.empty() ? "" : ", ", p);
  throw NumericError(fmt::format("element {} has the parameters {}: {} is needed", element, text,
                                 distribution.needs));
}

}  // namespace damo::detail
