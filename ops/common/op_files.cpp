#include <damo/ops/common/op_list.hpp>

// Every file that defines ops. A graph read from text may hold any of them, so they are named here
// for the linker, which would else leave out those that the program does not call.
// clang-format off
#define DAMO_OP_FILES(X) \
  X(altered_gradient) \
  X(advanced_inc_subtensor) \
  X(advanced_subtensor) \
  X(arange) \
  X(arg_reduce) \
  X(arithmetic) \
  X(batched_dot) \
  X(bernoulli_dot) \
  X(binary_dot) \
  X(bitwise) \
  X(broadcast) \
  X(cholesky) \
  X(comparison) \
  X(convolve) \
  X(counting) \
  X(cumprod) \
  X(cumsum) \
  X(determinant) \
  X(dimshuffle) \
  X(dot) \
  X(draw) \
  X(draw_derivatives) \
  X(effects) \
  X(eig) \
  X(eigh) \
  X(expm) \
  X(exponential) \
  X(extended_math) \
  X(gamma_functions) \
  X(gemm) \
  X(ifelse) \
  X(inverse) \
  X(join) \
  X(leave_one_out_product) \
  X(logcumsumexp) \
  X(near) \
  X(nonzero) \
  X(opaque) \
  X(pinv) \
  X(qr) \
  X(random_stream_classes) \
  X(random_stream_continuous) \
  X(random_stream_counts) \
  X(random_stream_families) \
  X(random_stream_rejected) \
  X(random_stream_rows) \
  X(random_stream_shaped) \
  X(random_stream_waiting) \
  X(reduce) \
  X(reshape) \
  X(round_rows) \
  X(rounding) \
  X(scaled_math) \
  X(scan) \
  X(shape_of) \
  X(size_check) \
  X(slice_length) \
  X(softmax) \
  X(solve) \
  X(sort) \
  X(special) \
  X(special_functions) \
  X(subgraph) \
  X(subtensor) \
  X(sum_of_products) \
  X(svd) \
  X(windows)
// clang-format on

namespace damo {

#define DAMO_DECLARE(file) void ops_of_##file(OpList& ops);
#define DAMO_NAME(file) ops_of_##file,
DAMO_OP_FILES(DAMO_DECLARE)

const std::vector<OpsOfFile>& op_files() {
  static const std::vector<OpsOfFile> files{DAMO_OP_FILES(DAMO_NAME)};
  return files;
}

}  // namespace damo
