#pragma once
#include <array>
#include <cstddef>
#include <type_traits>
#include <utility>

#include <damo/ops/kernels/machine/isa.hpp>

namespace damo {

/// A contiguous elementwise loop: reads `in[0]`, `in[1]`, ... and writes `out`, `n` elements each.
using Loop = void (*)(const void* const* in, void* out, std::size_t n);

/// One loop, compiled for each instruction set.
struct LoopSet {
  std::array<Loop, 3> by_isa{};
  explicit operator bool() const { return by_isa[0] != nullptr; }
  Loop of(Isa set) const { return by_isa[static_cast<std::size_t>(set)]; }
  Loop best() const { return of(isa()); }
};

namespace detail {

/// Compilers do not vectorise what reads a bool as such.
template <class T>
DAMO_INLINE T element(const void* from, std::size_t i) {
  if constexpr (std::is_same_v<T, bool>) {
    return static_cast<const unsigned char*>(from)[i] != 0;
  } else {
    return static_cast<const T*>(from)[i];
  }
}

template <class F, class Out, class... In, std::size_t... I>
DAMO_INLINE void run_loop(const void* const* in, void* out, std::size_t n,
                          std::index_sequence<I...>) {
  Out* result = static_cast<Out*>(out);
  for (std::size_t i = 0; i < n; ++i) {
    result[i] = static_cast<Out>(F{}(element<In>(in[I], i)...));
  }
}
template <class F, class Out, class... In>
void loop_sse2(const void* const* in, void* out, std::size_t n) {
  run_loop<F, Out, In...>(in, out, n, std::index_sequence_for<In...>{});
}
template <class F, class Out, class... In>
DAMO_TARGET_AVX2 void loop_avx2(const void* const* in, void* out, std::size_t n) {
  run_loop<F, Out, In...>(in, out, n, std::index_sequence_for<In...>{});
}
template <class F, class Out, class... In>
DAMO_TARGET_AVX512 void loop_avx512(const void* const* in, void* out, std::size_t n) {
  run_loop<F, Out, In...>(in, out, n, std::index_sequence_for<In...>{});
}

}  // namespace detail

/// The loop of a stateless functor `F` whose call operator is DAMO_INLINE: `out[i] = F{}(in0[i],
/// in1[i], ...)`. `out` may be one of the inputs.
template <class F, class Out, class... In>
constexpr LoopSet make_loops() {
  return {{&detail::loop_sse2<F, Out, In...>, &detail::loop_avx2<F, Out, In...>,
           &detail::loop_avx512<F, Out, In...>}};
}

}  // namespace damo
