#include <damo/graph/walk.hpp>
#include <damo/runtime/instructions.hpp>
#include <damo/runtime/lower.hpp>
#include <damo/runtime/memory_plan.hpp>
#include <damo/runtime/scan_loop.hpp>

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
    const Vars roots = graph_.roots();
    for (const Apply* node : toposort(roots)) add_node(*node);
    for (const Var& v : roots) program_->roots.push_back(slot_of(v));
    program_->keep_alive = roots;
    plan_memory(*program_);
    for (auto& instruction : program_->instructions) instruction->link(*program_);
    return std::move(program_);
  }

 private:
  std::uint32_t slot_of(const Var& v) {
    const auto [it, fresh] =
        slots_.try_emplace(v, static_cast<std::uint32_t>(program_->slots.size()));
    if (fresh) {
      program_->slots.push_back({Tensor{nullptr, v.dtype(), {}, {}}});
      program_->slot_vars.push_back(v);
    }
    return it->second;
  }

  void add_node(const Apply& node) {
    if (node.inputs().empty() && add_leaf(node.output())) return;
    std::vector<std::uint32_t> in;
    std::vector<std::uint32_t> out;
    for (const Var& v : node.inputs()) in.push_back(slot_of(v));
    for (const Var& v : node.outputs()) out.push_back(slot_of(v));
    program_->instructions.push_back(instruction(node, std::move(in), std::move(out)));
  }

  std::unique_ptr<Instruction> instruction(const Apply& node, std::vector<std::uint32_t> in,
                                           std::vector<std::uint32_t> out) const {
    if (dynamic_cast<const Scan*>(&node.op()) != nullptr) {
      return std::make_unique<ScanInstruction>(node, std::move(in), std::move(out), options_);
    }
    return make_instruction(node, std::move(in), std::move(out));
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
  std::unordered_map<Var, std::uint32_t, VarHash, VarSame> slots_;
};

}  // namespace

std::unique_ptr<Program> lower(const FunctionGraph& graph, std::string name,
                               const LowerOptions& options) {
  return Lowering(graph, std::move(name), options).run();
}

}  // namespace damo
