#include <array>

#include <damo/ops/kernels/movement/strided.hpp>
#include <damo/ops/kernels/movement/true_positions.hpp>

namespace damo {
namespace {

template <class F>
void for_each_true(const Tensor& mask, F&& f) {
  std::array<std::int64_t, max_rank> position{};
  const Walk<1> walk{mask.shape, {mask.strides}};
  for_each_index(walk, walk.rank(), [&](const auto& offsets) {
    if (mask.as<const bool>()[offsets[0]]) f(position);
    for (std::size_t axis = mask.rank(); axis-- > 0;) {
      if (++position[axis] < mask.shape[axis]) break;
      position[axis] = 0;
    }
  });
}

}  // namespace

std::int64_t count_true(const Tensor& mask) {
  std::int64_t n = 0;
  for_each_true(mask, [&](const auto&) { ++n; });
  return n;
}

void positions_of_true(const Tensor& mask, std::span<Tensor* const> out) {
  std::int64_t n = 0;
  for_each_true(mask, [&](const auto& position) {
    for (std::size_t i = 0; i < out.size(); ++i) out[i]->as<std::int64_t>()[n] = position[i];
    ++n;
  });
}

}  // namespace damo
