#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <damo/graph/op.hpp>
#include <damo/graph/values/array.hpp>
#include <damo/graph/variables.hpp>
#include <damo/runtime/program/profile.hpp>

namespace damo {

class Program;

/// Memory that slots take turns in. It only grows.
struct Storage {
  Array array;
  /// Holds a result of the program, which the caller may take away between runs.
  bool exported = false;
  /// Where the caller wants that result written, sized for the shape it had last; null for `array`.
  std::byte* bound = nullptr;
};

/// A tensor of the program. Constants, shared values and arguments are read where they are; the
/// rest lives in a storage or is a view of something that does.
struct Slot {
  Tensor tensor;
  /// Grows whenever shape or strides change.
  std::uint32_t version = 0;
  std::int32_t storage = -1;
};

/// Looks on while a program runs, and the loops inside it.
class Observer {
 public:
  Observer() = default;
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  virtual ~Observer() = default;
  /// The program begins; a loop's body, with each step.
  virtual void begin(Program&) {}
  virtual void before(Program&, std::size_t /*instruction*/) {}
  virtual void after(Program&, std::size_t /*instruction*/) {}
};

/// One step of a program: reads slots, writes slots. Its pointer arrays are fixed when the program
/// is linked.
class Instruction {
 public:
  Instruction(const Apply& node, std::vector<std::uint32_t> in, std::vector<std::uint32_t> out);
  Instruction(const Instruction&) = delete;
  Instruction& operator=(const Instruction&) = delete;
  virtual ~Instruction() = default;

  virtual void run(Program& program) = 0;
  /// What the profile calls it, and what it counts as.
  virtual std::string title() const { return node().op().name(); }
  virtual Profile::Kind kind() const { return Profile::Kind::other; }
  /// Pairs (input, output) of positions where the output may be written over the input.
  virtual std::vector<std::pair<std::size_t, std::size_t>> inplace_candidates() const { return {}; }
  virtual bool is_view() const { return false; }
  /// Whether `prepare` finds all that can go wrong, so that `run` fails no more.
  virtual bool prepares() const { return false; }
  virtual void prepare(Program&) {}
  /// Called once, when the program's slots have their final addresses.
  virtual void link(Program& program);
  /// The nodes that it computes, in the order in which it does.
  virtual std::vector<const Apply*> members() const { return {&node()}; }
  /// The program of an instruction that has one.
  virtual Program* inner() { return nullptr; }
  /// Forgets resolved shapes; called after an error.
  void forget() { seen_versions_ = never; }

  const Apply& node() const { return anchor_.owner(); }
  std::span<const std::uint32_t> in_slots() const { return in_slots_; }
  std::span<const std::uint32_t> out_slots() const { return out_slots_; }
  TensorsIn in() const { return in_; }
  TensorsOut out() const { return out_; }

 protected:
  static constexpr std::uint64_t never = ~std::uint64_t{0};

  /// Whether shapes or strides of inputs changed since `settle`.
  bool changed(const Program& program);
  void settle() { seen_versions_ = versions_; }

 private:
  Var anchor_;  // keeps the node alive
  std::vector<std::uint32_t> in_slots_, out_slots_;
  std::vector<const Tensor*> in_;
  std::vector<Tensor*> out_;
  std::uint64_t versions_ = 0;
  std::uint64_t seen_versions_ = never;
  std::uint64_t seen_epoch_ = never;
};

/// A function graph lowered to a flat list of instructions over slots. Running it again with inputs
/// of the same shapes allocates nothing. Not re-entrant.
class Program {
 public:
  /// Runs all instructions but those that wait for `finish`. Inputs and shared values must have
  /// been bound. Throws LocatedError for an error of an instruction.
  void run() { run_range(0, instructions.size() - n_waiting); }
  /// Runs those that write over shared variables; where one of them would fail, none does.
  void finish();
  /// Looks up where shared variables keep their values; before `run`, once a call.
  void bind_shared();
  /// Switches profiling on (loops inside included) or, with null, off.
  void set_profile(Profile* to);
  /// Has `to` look on (in loops inside too), or with null nobody.
  void set_observer(Observer* to);

  /// Points a leaf slot at `tensor`.
  void bind(std::uint32_t index, const Tensor& tensor);
  /// Gives an output of an instruction its shape, and memory for it.
  void set_shape(Slot& slot, const Shape& shape);
  /// The memory an output is to be written to.
  std::byte* memory(const Slot& slot);

  std::vector<Slot> slots;
  std::vector<Var> slot_vars;
  std::vector<Storage> storages;
  std::vector<std::unique_ptr<Instruction>> instructions;
  /// How many of them, the last ones, wait for `finish`.
  std::size_t n_waiting = 0;
  /// The slots of a shared variable and of the value that may take over its memory.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> overwrites;
  /// The slot of a bool scalar, and the value it must have.
  struct Guard {
    std::uint32_t slot;
    bool holds;
  };
  /// By instruction: it is run only where all of one list hold, checked in this order. Empty where
  /// all instructions always run.
  std::vector<std::vector<std::vector<Guard>>> guards;
  std::vector<std::pair<std::uint32_t, SharedCell*>> shared;
  std::vector<std::uint32_t> inputs;
  std::vector<std::uint32_t> roots;
  /// Grows whenever the shape or strides of any slot change.
  std::uint64_t epoch = 0;
  /// Grows with every run of the function, or of the loop whose body this is.
  std::uint64_t call = 0;
  Workspace scratch;
  Profile* profile = nullptr;
  std::size_t profile_section = 0;
  Observer* observer = nullptr;
  /// For errors: "function 'train'" or "scan 'gibbs'", and the step a loop is at.
  std::string name;
  std::int64_t step = -1;
  /// How many steps the loop whose body this is will take; 1 for a function.
  std::int64_t steps = 1;
  /// Keeps the graph's variables, and so its constants and shared cells, alive.
  Vars keep_alive;

 private:
  void run_range(std::size_t begin, std::size_t end);
  void run_plain(std::size_t begin, std::size_t end);
  void run_guarded(std::size_t begin, std::size_t end);
  bool wanted(std::size_t index) const;
  void run_watched(std::size_t begin, std::size_t end);
  bool may_overwrite(const Tensor& shared, const Tensor& value) const;
  void count(std::size_t index, double seconds);
  [[noreturn]] void explain(std::size_t index);
};

inline bool Instruction::changed(const Program& program) {
  if (seen_epoch_ == program.epoch && seen_versions_ != never) return false;
  std::uint64_t sum = 0;
  for (const std::uint32_t slot : in_slots_) sum += program.slots[slot].version;
  seen_epoch_ = program.epoch;
  versions_ = sum;
  return sum != seen_versions_;
}

inline void Program::bind(std::uint32_t index, const Tensor& tensor) {
  Slot& slot = slots[index];
  slot.tensor.data = tensor.data;
  if (slot.tensor.shape == tensor.shape && slot.tensor.strides == tensor.strides) return;
  slot.tensor.shape = tensor.shape;
  slot.tensor.strides = tensor.strides;
  ++slot.version;
  ++epoch;
}

inline std::byte* Program::memory(const Slot& slot) {
  Storage& storage = storages[static_cast<std::size_t>(slot.storage)];
  if (!storage.exported) return storage.array.raw();
  if (storage.bound != nullptr) return storage.bound;
  storage.array.reset(slot.tensor.dtype, slot.tensor.shape);
  return storage.array.raw();
}

}  // namespace damo
