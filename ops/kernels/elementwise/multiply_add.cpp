#include <damo/ops/kernels/elementwise/multiply_add.hpp>

namespace damo {
namespace {

struct Plus {
  template <class T>
  DAMO_INLINE T operator()(T a, T b, T c) const {
    return a * b + c;
  }
};
struct Minus {
  template <class T>
  DAMO_INLINE T operator()(T a, T b, T c) const {
    return a * b - c;
  }
};
struct TakenFrom {
  template <class T>
  DAMO_INLINE T operator()(T a, T b, T c) const {
    return c - a * b;
  }
};

template <class F, class T>
DAMO_INLINE void run_scaled(const void* const* in, void* out, std::size_t n) {
  const T a = *static_cast<const T*>(in[0]);
  const T* b = static_cast<const T*>(in[1]);
  const T* c = static_cast<const T*>(in[2]);
  T* result = static_cast<T*>(out);
  for (std::size_t i = 0; i < n; ++i) result[i] = F{}(a, b[i], c[i]);
}
template <class F, class T>
void scaled_sse2(const void* const* in, void* out, std::size_t n) {
  run_scaled<F, T>(in, out, n);
}
template <class F, class T>
DAMO_TARGET_AVX2 void scaled_avx2(const void* const* in, void* out, std::size_t n) {
  run_scaled<F, T>(in, out, n);
}
template <class F, class T>
DAMO_TARGET_AVX512 void scaled_avx512(const void* const* in, void* out, std::size_t n) {
  run_scaled<F, T>(in, out, n);
}

template <class F, class T>
LoopSet loops(bool scaled) {
  if (scaled) return {{&scaled_sse2<F, T>, &scaled_avx2<F, T>, &scaled_avx512<F, T>}};
  return make_loops<F, T, T, T, T>();
}

template <class F>
LoopSet loops(DType dtype, bool scaled) {
  return dtype == DType::float32 ? loops<F, float>(scaled) : loops<F, double>(scaled);
}

LoopSet loops(ProductAnd what, DType dtype, bool scaled) {
  switch (what) {
    case ProductAnd::plus:
      return loops<Plus>(dtype, scaled);
    case ProductAnd::minus:
      return loops<Minus>(dtype, scaled);
    default:
      return loops<TakenFrom>(dtype, scaled);
  }
}

}  // namespace

LoopSet product_and(ProductAnd what, DType dtype) { return loops(what, dtype, false); }

LoopSet scaled_and(ProductAnd what, DType dtype) { return loops(what, dtype, true); }

}  // namespace damo
