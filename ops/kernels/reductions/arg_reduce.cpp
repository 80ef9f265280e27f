#include <damo/ops/kernels/reductions/course.hpp>
#include <damo/ops/kernels/reductions/reduce.hpp>

namespace damo {
namespace {

template <class T>
bool is_nan(T value) {
  return value != value;
}

template <class T, class Better>
void arg_best(std::string_view what, const Tensor& in, std::uint32_t axes, const Tensor& out,
              Better better) {
  const Split split = split_axes(in, axes);
  check_not_empty(what, in, split.reduced.shape.elements());
  for_each_index(split.kept, split.kept.rank(), [&](const auto& kept) {
    const T* x = in.as<const T>() + kept[0];
    std::int64_t index = 0;
    std::int64_t best = 0;
    T value = *x;
    for_each_index(split.reduced, split.reduced.rank(), [&](const auto& reduced) {
      const T candidate = x[reduced[0]];
      if (!is_nan(value) && (better(candidate, value) || is_nan(candidate))) {
        value = candidate;
        best = index;
      }
      ++index;
    });
    out.as<std::int64_t>()[kept[1]] = best;
  });
}

}  // namespace

void argmax(const Tensor& in, std::uint32_t axes, const Tensor& out) {
  dispatch(in.dtype, [&](auto zero) {
    arg_best<decltype(zero)>("argmax", in, axes, out, [](auto a, auto b) { return a > b; });
  });
}

void argmin(const Tensor& in, std::uint32_t axes, const Tensor& out) {
  dispatch(in.dtype, [&](auto zero) {
    arg_best<decltype(zero)>("argmin", in, axes, out, [](auto a, auto b) { return a < b; });
  });
}

}  // namespace damo
