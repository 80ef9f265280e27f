#pragma once

#include <damo/ops/kernels/products/gemm.hpp>
#include <damo/runtime/program/program.hpp>

namespace damo {

/// A product of a float matrix or vector with a matrix that the loop around it does not change:
/// that one is laid out for many products once a loop, the first time it pays. Where the left
/// operand has only zeros and ones, few of them ones, the selected rows are added up instead.
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
    std::uint64_t packed_at = 0;
  };
  template <class T>
  void multiply(const Program& program, Prepared<T>& prepared);
  /// Whether `left` has only zeros and ones, and may be used as such.
  template <class T>
  bool adds_rows(Matrix<const T> left) const;

  Prepared<float> single_;
  Prepared<double> double_;
};

}  // namespace damo
