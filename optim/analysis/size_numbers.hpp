#pragma once
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include <damo/graph/node_table.hpp>
#include <damo/graph/op.hpp>

namespace damo {
struct IndexEntry;
class Scan;
}  // namespace damo

namespace damo::optim {

/// Numbers for int64 expressions of sizes and positions, so that equal ones of two graphs have
/// equal numbers: `(x + y).shape(0)` has that of `x.shape(0)`. Inside loops, sizes are in terms of
/// what enters the outermost one. Iterative where graphs may be deep.
class SizeNumbers {
 public:
  SizeNumbers() : frames_(1) {}

  /// Finds the sizes of a node's outputs. Nodes are to be visited in the order of a graph.
  void visit(const Apply& node);
  /// Those of its inputs, until others are asked for.
  const std::vector<Vars>& input_shapes(const Apply& node);
  /// Whether it is elementwise on operands that are known to have the same sizes, as most nodes
  /// are.
  bool is_alike(const Apply& node) { return common_shape(node) != nullptr; }

  /// The number of an expression of the outermost graph.
  std::uint32_t number(const Var& v);
  /// Its value where that is known, and whether it is the size of something.
  std::optional<std::int64_t> value(std::uint32_t number) const;
  bool is_size(std::uint32_t number) const { return facts_[number].size; }
  /// Notes that no run goes on where `v` is negative.
  void never_negative(const Var& v) { facts_[number(v)].never_negative = true; }

  /// Goes into the body of a loop of the current graph, and back.
  void enter(const Apply& node, const Scan& scan);
  void leave() { frames_.pop_back(); }
  /// What an expression of the current graph is in the outermost one; an empty Var for one that may
  /// be another in each step.
  Var outside(const Var& v);

  /// Goes on to another graph: numbers stay, but not which variables have been met. The sizes of
  /// nodes that both have are in terms of what both have.
  void begin_graph();
  /// The variable met in the current graph with this number, or `otherwise`.
  Var known(std::uint32_t number, const Var& otherwise) const;

 private:
  struct Facts {
    std::optional<std::int64_t> value{};
    bool size = false;
    bool never_negative = false;
    Var met{};
  };
  struct Entry {
    std::shared_ptr<const Op> op;
    std::size_t output;
    std::vector<std::uint32_t> inputs;
    std::uint32_t number;
  };
  struct Frame {
    Table<const Vars*> shapes;
    Table<Var> outside;  ///< empty Vars for what may differ from step to step
    bool body = false;
  };

  const Vars& shape(const Var& v);
  /// The shape of all operands of an elementwise node that are no scalars, or null.
  const Vars* common_shape(const Apply& node);
  const Vars* keep(Vars shape);
  Var constant_size(std::int64_t size);
  /// The size that a `shape` node asks for, where it is known without its operand.
  Var known_size(const Var& v);
  /// Where a number that is there already is that of `v`: of known inputs, of n - n, of the length
  /// of a range that plainly is one.
  std::optional<std::uint32_t> simpler(const Var& v, const std::vector<std::uint32_t>& inputs);
  std::optional<std::int64_t> folded(const Var& v, const std::vector<std::uint32_t>& inputs);
  std::optional<std::uint32_t> length_of(const Var& v, const IndexEntry& range,
                                         const std::vector<std::uint32_t>& inputs);
  /// m and k where `rows` is m + k for a known k of at least 0.
  std::pair<std::uint32_t, std::int64_t> sum_of(Var rows);
  bool is_natural(std::uint32_t n) const;
  /// Whether `v` is the size of something, or such sizes added up and multiplied. What makes a
  /// tensor of a given size is not: it asks whether that is one.
  bool measures(const Var& v, const std::vector<std::uint32_t>& inputs) const;
  std::uint32_t look_up(const Var& v);

  std::vector<Frame> frames_;
  std::deque<Vars> kept_;
  std::vector<Vars> input_shapes_;
  std::unordered_map<std::int64_t, Var> constants_;
  Table<std::uint32_t> numbers_;
  std::unordered_multimap<std::size_t, Entry> entries_;
  std::vector<Facts> facts_;
};

}  // namespace damo::optim
