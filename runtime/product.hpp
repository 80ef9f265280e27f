#pragma once

#include <damo/ops/kernels/gemm.hpp>
#include <damo/runtime/program.hpp>

namespace damo {

/// A product of two float matrices in a loop that does not change the right one: it is laid out for
/// many products once a loop, the first time it pays. Where the left operand has only zeros and
/// ones, few of them ones, the selected rows are added up instead.
class ProductInstruction final : public Instruction {
 public:
  using Instruction::Instruction;
  /// Whether `node` is a product that this instruction can do.
  static bool fits(const Apply& node);
  void run(Program& program) override;
  Profile::Kind kind() const override { return Profile::Kind::product; }

 private:
  template <class T>
  struct Prepared {
    PackedMatrix<T> packed;
    Array rows{DType::boolean, Shape{0}};  ///< the right operand with contiguous rows
    std::uint64_t packed_at = 0;
    std::uint64_t rows_at = 0;
  };
  template <class T>
  void multiply(const Program& program, Prepared<T>& prepared);
  template <class T>
  bool add_rows(const Program& program, Prepared<T>& prepared, Matrix<const T> left,
                Matrix<T> result);

  Prepared<float> single_;
  Prepared<double> double_;
};

}  // namespace damo
