#include "support/kernels.hpp"

#include <fmt/format.h>

#include <damo/ops/kernels/machine/isa.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>
#include <damo/ops/kernels/products/gemm.hpp>

#include "support/stop.hpp"

namespace damo::examples {

void use_threads(std::int64_t threads) {
  if (threads > 0) set_num_threads(static_cast<int>(threads));
}

io::Record kernel_info() {
  io::Record record;
  record.set("kernels", gemm_description())
      .set("instruction_set", name(isa()))
      .set("threads_used", num_threads());
  return record;
}

int print_kernels(std::int64_t batch, std::int64_t hidden) {
  constexpr std::int64_t visible = 784;
  constexpr std::int64_t large = 1024;
  fmt::print("kernels          {}\ninstruction set  {}\nthreads          {}\n", gemm_description(),
             name(isa()), num_threads());
  const auto rate = [](const char* product, std::int64_t m, std::int64_t n, std::int64_t k) {
    fmt::print("{:<16} ({}, {}) by ({}, {}): {:.0f} GFLOP/s\n", product, m, k, k, n,
               measure_gflops(m, n, k));
  };
  rate("v W", batch, hidden, visible);
  rate("h W'", batch, visible, hidden);
  rate("v' h", visible, hidden, batch);
  rate("square", large, large, large);
  return success;
}

}  // namespace damo::examples
