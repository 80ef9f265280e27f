#include <algorithm>

#include <damo/graph/node_table.hpp>
#include <damo/graph/walk.hpp>
#include <damo/runtime/program/fusion/fused_loop.hpp>
#include <damo/runtime/program/fusion/fused_reduction.hpp>
#include <damo/runtime/program/instructions.hpp>
#include <damo/runtime/program/lower.hpp>
#include <damo/runtime/program/memory_plan.hpp>
#include <damo/runtime/program/overwrites.hpp>
#include <damo/runtime/program/product.hpp>
#include <damo/runtime/program/scan_loop.hpp>

namespace damo {
namespace {

class Lowering {
 public:
  Lowering(const FunctionGraph& graph, std::string name, const LowerOptions& options)
      : graph_(graph), options_(options), program_(std::make_unique<Program>()) {
    program_->name = std::move(name);
  }

  std::unique_ptr<Program> run() {
    for (const Var& v : graph_.inputs) program_->inputs.push_back(slot_of(v));
    if (options_.first_invariant) {
      const auto first =
          graph_.inputs.begin() + static_cast<std::ptrdiff_t>(*options_.first_invariant);
      invariant_.insert(first, graph_.inputs.end());
    }
    const Vars roots = graph_.roots();
    const Guards guards(roots);
    const std::vector<Unit> units = group_nodes(roots, guards, options_.fuse);
    find_outside_uses(units, roots);
    for (const Unit& unit : units) {
      if (options_.fuse && options_.inplace && guards.empty() && is_absorbed(unit)) {
        absorbed_[unit.back()->output()] = &unit;
      } else if (const Unit* reduced = absorbed_by(*unit.front())) {
        add_reduction(*reduced, *unit.front());
      } else if (unit.size() == 1) {
        add_node(*unit.front());
      } else {
        add_loop(unit);
      }
      if (!guards.empty()) add_guards(guards.ways(*unit.front()));
    }
    for (const Var& v : roots) program_->roots.push_back(slot_of(v));
    program_->keep_alive = roots;
    if (options_.inplace && options_.overwrite_shared) wait_to_overwrite(*program_, updated());
    plan_memory(*program_, options_.inplace, options_.mutable_inputs);
    for (auto& instruction : program_->instructions) instruction->link(*program_);
    return std::move(program_);
  }

 private:
  std::uint32_t slot_of(const Var& v) {
    const auto [slot, fresh] = slots_.insert(v, static_cast<std::uint32_t>(program_->slots.size()));
    if (fresh) {
      program_->slots.push_back({Tensor{nullptr, v.dtype(), {}, {}}});
      program_->slot_vars.push_back(v);
    }
    return *slot;
  }

  /// By root: the slot of the shared variable that it is an update of.
  std::vector<std::optional<std::uint32_t>> updated() const {
    std::vector<std::optional<std::uint32_t>> slots(graph_.outputs.size());
    for (const auto& [variable, value] : graph_.updates) {
      const std::uint32_t* slot = slots_.find(variable);
      slots.push_back(slot != nullptr ? std::optional(*slot) : std::nullopt);
    }
    return slots;
  }

  /// Those of the instruction just added, if one was: a leaf becomes none.
  void add_guards(const std::vector<Way>& ways) {
    if (program_->guards.size() == program_->instructions.size()) return;
    auto& added = program_->guards.emplace_back();
    for (const Way& way : ways) {
      added.emplace_back();
      for (const Guard& g : way) added.back().push_back({slot_of(g.condition), g.holds});
    }
  }

  void add_node(const Apply& node) {
    if (node.inputs().empty() && add_leaf(node.output())) return;
    std::vector<std::uint32_t> in;
    std::vector<std::uint32_t> out;
    for (const Var& v : node.inputs()) in.push_back(slot_of(v));
    for (const Var& v : node.outputs()) out.push_back(slot_of(v));
    program_->instructions.push_back(instruction(node, std::move(in), std::move(out)));
  }

  /// Variables that some other unit, or the caller, wants.
  void find_outside_uses(const std::vector<Unit>& units, const Vars& roots) {
    for (const Var& v : roots) {
      used_outside_[v] = true;
      only_reader_[v] = nullptr;
    }
    for (const Unit& unit : units) {
      for (const Var& v : external_inputs(unit)) {
        used_outside_[v] = true;
        const bool first = only_reader_.find(v) == nullptr;
        only_reader_[v] = first && unit.size() == 1 ? unit.front() : nullptr;
      }
    }
  }

  /// Whether only a reduction reads what the unit computes.
  bool is_absorbed(const Unit& unit) const {
    const Var& value = unit.back()->output();
    const Apply* const* reader = only_reader_.find(value);
    if (reader == nullptr || *reader == nullptr || !FusedReduction::fits(unit, **reader))
      return false;
    return std::none_of(unit.begin(), unit.end() - 1, [this](const Apply* node) {
      return used_outside_.contains(node->output());
    });
  }
  const Unit* absorbed_by(const Apply& node) const {
    if (as<Reduce>(node.op()) == nullptr) return nullptr;
    const Unit* const* unit = absorbed_.find(node.input(0));
    return unit == nullptr ? nullptr : *unit;
  }

  void add_reduction(const Unit& unit, const Apply& reduce) {
    std::vector<std::uint32_t> in;
    for (const Var& v : external_inputs(unit)) in.push_back(slot_of(v));
    program_->instructions.push_back(
        std::make_unique<FusedReduction>(unit, reduce, std::move(in), slot_of(reduce.output())));
  }

  void add_loop(const Unit& unit) {
    std::vector<std::uint32_t> in;
    std::vector<std::uint32_t> out;
    std::vector<std::size_t> exported;
    for (const Var& v : external_inputs(unit)) in.push_back(slot_of(v));
    for (std::size_t i = 0; i < unit.size(); ++i) {
      if (!used_outside_.contains(unit[i]->output())) continue;
      exported.push_back(i);
      out.push_back(slot_of(unit[i]->output()));
    }
    program_->instructions.push_back(std::make_unique<FusedInstruction>(
        unit, std::move(in), std::move(exported), std::move(out)));
  }

  std::unique_ptr<Instruction> instruction(const Apply& node, std::vector<std::uint32_t> in,
                                           std::vector<std::uint32_t> out) const {
    if (as<Scan>(node.op()) != nullptr) {
      return std::make_unique<ScanInstruction>(node, std::move(in), std::move(out), options_);
    }
    if (node.op().chooses()) {
      return std::make_unique<ChoiceInstruction>(node, std::move(in), std::move(out),
                                                 options_.first_invariant.has_value());
    }
    if (options_.first_invariant && ProductInstruction::fits(node) && is_invariant(node.input(1))) {
      return std::make_unique<ProductInstruction>(node, std::move(in), std::move(out));
    }
    return make_instruction(node, std::move(in), std::move(out));
  }

  /// Whether every step of the loop sees the same values: a leaf from outside, or a view of one.
  bool is_invariant(const Var& v) const {
    if (is_shared(v) || constant_value(v) != nullptr || invariant_.contains(v)) return true;
    const Apply& node = v.owner();
    return node.op().is_view() && std::all_of(node.inputs().begin(), node.inputs().end(),
                                              [this](const Var& in) { return is_invariant(in); });
  }

  bool add_leaf(const Var& v) {
    if (!is_leaf(v)) return false;
    const std::uint32_t slot = slot_of(v);
    if (const Array* value = constant_value(v)) {
      program_->bind(slot, value->view());
    } else if (is_shared(v)) {
      program_->shared.emplace_back(slot, &SharedVar(v).cell());
    }
    return true;
  }

  const FunctionGraph& graph_;
  LowerOptions options_;
  std::unique_ptr<Program> program_;
  Table<std::uint32_t> slots_;
  Table<bool> used_outside_;
  Table<const Apply*> only_reader_;  // null where there are several, or a root
  Table<const Unit*> absorbed_;      // units that are run where their value is reduced
  VarSet invariant_;
};

}  // namespace

std::unique_ptr<Program> lower(const FunctionGraph& graph, std::string name,
                               const LowerOptions& options) {
  return Lowering(graph, std::move(name), options).run();
}

}  // namespace damo
