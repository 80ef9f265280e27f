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

template <class F>
LoopSet loops(DType dtype) {
  return dtype == DType::float32 ? make_loops<F, float, float, float, float>()
                                 : make_loops<F, double, double, double, double>();
}

}  // namespace

LoopSet product_and(ProductAnd what, DType dtype) {
  switch (what) {
    case ProductAnd::plus:
      return loops<Plus>(dtype);
    case ProductAnd::minus:
      return loops<Minus>(dtype);
    default:
      return loops<TakenFrom>(dtype);
  }
}

}  // namespace damo
