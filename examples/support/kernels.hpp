#pragma once
#include <cstdint>

#include <damo/io/runs/record.hpp>

namespace damo::examples {

/// Sets the number of threads; 0 leaves it at one for each core.
void use_threads(std::int64_t threads);
/// The kernels in use, for run.json: "kernels", "instruction_set", "threads_used".
io::Record kernel_info();
/// Prints the same, with the measured rate of the products that a model of 784 visible units makes.
/// Returns the exit code.
int print_kernels(std::int64_t batch, std::int64_t hidden);

}  // namespace damo::examples
