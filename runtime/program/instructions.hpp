#pragma once
#include <damo/runtime/program/program.hpp>

namespace damo {

/// Runs an op's own kernel.
class PerformInstruction final : public Instruction {
 public:
  PerformInstruction(const Apply& node, std::vector<std::uint32_t> in,
                     std::vector<std::uint32_t> out);
  void run(Program& program) override;
  Profile::Kind kind() const override;
  std::vector<std::pair<std::size_t, std::size_t>> inplace_candidates() const override;
  bool prepares() const override;
  void prepare(Program& program) override;

 private:
  void resolve(Program& program);

  std::vector<Shape> shapes_;
  bool always_resolve_;
};

/// Looks at memory that is there already.
class ViewInstruction final : public Instruction {
 public:
  using Instruction::Instruction;
  void run(Program& program) override;
  bool is_view() const override { return true; }

 private:
  const std::byte* seen_data_ = nullptr;
};

/// Hands on the one of two values that a condition chooses: the other one is stale.
class ChoiceInstruction final : public Instruction {
 public:
  ChoiceInstruction(const Apply& node, std::vector<std::uint32_t> in,
                    std::vector<std::uint32_t> out, bool in_loop);
  void run(Program& program) override;
  std::vector<std::pair<std::size_t, std::size_t>> inplace_candidates() const override;

 private:
  bool in_loop_;
};

/// Whether an op's output shapes depend on elements of inputs that are not constants.
bool shapes_vary_with_values(const Apply& node);

/// The instruction for one node on its own.
std::unique_ptr<Instruction> make_instruction(const Apply& node, std::vector<std::uint32_t> in,
                                              std::vector<std::uint32_t> out);

}  // namespace damo
