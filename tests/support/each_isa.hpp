#pragma once
#include <damo/ops/kernels/machine/isa.hpp>

namespace damo::test {

/// Calls `f` with the kernels of each instruction set, as far as this machine has it.
template <class F>
void on_each_isa(F f) {
  const Isa best = isa();
  for (const Isa one : {Isa::sse2, Isa::avx2, Isa::avx512}) {
    set_isa(one);
    f();
  }
  set_isa(best);
}

}  // namespace damo::test
