#include <algorithm>
#include <atomic>

#include <damo/ops/kernels/machine/isa.hpp>

namespace damo {
namespace {

Isa best_isa() {
#if defined(__GNUC__) && !defined(__clang__)
  if (__builtin_cpu_supports("x86-64-v4")) return Isa::avx512;
  if (__builtin_cpu_supports("x86-64-v3")) return Isa::avx2;
#endif
  return Isa::sse2;
}

std::atomic<Isa>& current() {
  static std::atomic<Isa> value{best_isa()};
  return value;
}

}  // namespace

Isa isa() { return current().load(std::memory_order_relaxed); }

void set_isa(Isa wanted) { current().store(std::min(wanted, best_isa())); }

bool multiplies_half_width() {
#if defined(__GNUC__) && !defined(__clang__)
  return __builtin_cpu_is("amd") != 0;
#else
  return false;
#endif
}

std::string_view name(Isa isa) {
  constexpr std::string_view names[] = {"SSE2", "AVX2", "AVX-512"};
  static_assert(std::size(names) == static_cast<std::size_t>(Isa::avx512) + 1);
  return names[static_cast<std::size_t>(isa)];
}

}  // namespace damo
