#pragma once
#include <deque>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include <damo/ops/common/op_text.hpp>

namespace damo {

struct ScalarOp;

/// An operand of a sample application.
struct OpInput {
  /// One letter an axis: a size, the same wherever the letter stands. '1' is an axis known to be 1.
  std::string dims{};
  /// The values it takes: for floats a domain in which the op is smooth.
  double low = -2;
  double high = 2;
  DType dtype = DType::float64;
  /// For int64: a letter n whose size bounds the values, -n <= value < n, in place of low and high.
  char index_of = 0;
};

/// An op of the vocabulary: how to apply it, and what holds of it. A test sweeps all of them:
/// values against independent ones, shapes, facts, both modes of differentiation.
struct OpSample {
  std::string name;
  std::vector<OpInput> inputs;
  /// Applies the op: the result belongs to a node of it (to one of its outputs).
  std::function<Var(const Vars&)> apply;
  /// Whether the derivative with respect to the float inputs is that of finite differences within
  /// their domain. Where not, it is zero, none, or altered on purpose.
  bool differentiable = true;
  bool twice_differentiable = true;
  /// Letters whose size must not be 0.
  std::string nonempty{};
  /// Whether the shape of the result follows from the shapes of the inputs.
  bool shape_known = true;
  /// Whether the op applies a `ScalarOp`, which then needs no reader.
  bool elementwise = false;
};

/// The sample applied to inputs of the ranks it says.
Var example(const OpSample& sample);

/// What a file that defines ops says of them to those who need all: how their text is read, and
/// how to apply them.
class OpList {
 public:
  void reader(const OpReader& reader) { readers_.emplace(reader.name, reader); }
  void sample(OpSample sample) { samples_.push_back(std::move(sample)); }

  const std::deque<OpSample>& samples() const { return samples_; }
  const OpReader* find_reader(std::string_view name) const;

 private:
  std::unordered_map<std::string_view, OpReader> readers_;
  std::deque<OpSample> samples_;
};

using OpsOfFile = void (*)(OpList& ops);

/// Begins what a file of the library says of its ops: `DAMO_OPS(cumsum) { ops.reader(...); }`. The
/// file's name stands in op_files.cpp, so that it is known whichever ops a program calls.
#define DAMO_OPS(file)             \
  void ops_of_##file(OpList& ops); \
  void ops_of_##file([[maybe_unused]] OpList& ops)

/// The same for a file of a program's own, as an object of static storage:
/// `const MoreOps mine([](OpList& ops) { ... });`.
struct MoreOps {
  explicit MoreOps(OpsOfFile ops);
};

/// All ops of the library and of the program.
const OpList& all_ops();
inline const std::deque<OpSample>& op_samples() { return all_ops().samples(); }
/// Their elementwise functions.
std::vector<const ScalarOp*> scalar_ops();
/// The reader for ops of this name, or null.
const OpReader* op_reader(std::string_view name);

/// Every file of the library that defines ops.
const std::vector<OpsOfFile>& op_files();

}  // namespace damo
