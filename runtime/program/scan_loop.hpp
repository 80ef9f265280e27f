#pragma once
#include <damo/runtime/program/scan_loop_plan.hpp>

namespace damo {

struct LowerOptions;

/// Runs a loop's body, a program of its own, in place: items of sequences are moved pointers, a
/// state's next value is written where it is to be kept (its row of a trace, or one of two buffers)
/// and is the next step's input there. Shapes are resolved at the first step; nothing is allocated
/// in a step.
class ScanInstruction final : public Instruction {
 public:
  ScanInstruction(const Apply& node, std::vector<std::uint32_t> in, std::vector<std::uint32_t> out,
                  const LowerOptions& options);
  void run(Program& outer) override;
  std::string title() const override { return body_->name; }
  Profile::Kind kind() const override { return Profile::Kind::scan; }
  Program* inner() override { return body_.get(); }

 private:
  struct Sequence {
    std::uint32_t slot = 0;
    std::byte* data = nullptr;
    std::int64_t step_bytes = 0;
  };

  const Scan& op() const { return static_cast<const Scan&>(node().op()); }
  Scan::Keep keep(const LoopValue& c) const { return kept_of(op(), c); }
  void start_in_place(LoopValue& c);
  std::int64_t read_steps() const;
  void bind_inputs();
  void bind_state(LoopValue& c);
  void allocate(Program& outer, std::int64_t n);
  std::byte* place(const LoopValue& c, std::int64_t t, std::int64_t n) const;
  std::int64_t loop(Program& outer, std::int64_t n);
  void collect(Program& outer, std::int64_t t, std::int64_t n);
  void collect_one(LoopValue& c, std::int64_t t, std::int64_t n);
  void adopt_shapes(Program& outer, std::int64_t n);
  void finish(Program& outer, std::int64_t done);
  void finish_copy(Program& outer, const LoopValue& c, std::size_t output, std::int64_t done);
  void run_zero(Program& outer);
  std::size_t body_output(const LoopValue& c) const;

  std::unique_ptr<Program> body_;
  std::vector<Sequence> sequences_;
  std::vector<LoopValue> carried_;
  std::vector<Shape> shapes_;
  const Tensor* stop_ = nullptr;
  bool shapes_known_ = false;
};

}  // namespace damo
