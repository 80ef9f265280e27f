#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/function_graph.hpp>
#include <damo/graph/op.hpp>
#include <damo/graph/text/error_text.hpp>
#include <damo/graph/text/print.hpp>

namespace damo {
namespace {

std::atomic<std::uint64_t> next_id{0};

[[noreturn]] void missing(const Op& op, std::string_view what) {
  throw InternalError(fmt::format("{}: has no {}", op.name(), what));
}

std::string explain_build(const Op& op, const Vars& inputs, const std::vector<TensorType>& types,
                          Site site, const char* what) {
  ErrorText text(op.name(), what);
  text.add_operands(inputs, types);
  text.add("node", fmt::format("{}, made at {}", op.name(), to_string(site)));
  text.add_hint(op.hint(inputs, types));
  return text.text();
}

}  // namespace

std::vector<std::optional<Vars>> Op::shape_rule(const Apply& node, const std::vector<Vars>&) const {
  return std::vector<std::optional<Vars>>(node.n_outputs());
}

std::vector<Demand> Op::demands(const Apply&, const std::vector<Vars>&) const { return {}; }

std::string Op::hint(const Vars&, std::span<const TensorType>) const { return {}; }

Gradients Op::gradient(const Apply& node, const Vars&) const {
  return Gradients(node.inputs().size());
}

Vars Op::push_forward(const Apply& node, const Vars&) const {
  throw GradError(fmt::format("{}: has no forward-mode rule ({})", name(), describe(node)));
}

void Op::run_shapes(const Apply& node, TensorsIn in, std::span<Shape> out) const {
  std::vector<TensorType> types;
  for (const Tensor* t : in) types.push_back({t->dtype, t->shape});
  const auto result = infer(types);
  for (std::size_t i = 0; i < node.n_outputs(); ++i) out[i] = result[i].dims;
}

void Op::perform(const Apply&, TensorsIn, TensorsOut, Workspace&) const {
  missing(*this, "kernel");
}
void Op::view(const Apply&, TensorsIn, Tensor&) const { missing(*this, "view"); }
std::vector<std::pair<Var, Var>> Op::state_updates(const Apply&) const { return {}; }

Origin Op::origin(const Apply&, std::size_t) const { return {}; }

void Op::facts(const Apply& node, std::span<const Fact> in, std::span<Fact> out) const {
  for (std::size_t k = 0; k < out.size(); ++k) {
    const Origin from = origin(node, k);
    if (from.none()) continue;
    out[k] = in[from.first];
    for (std::size_t i = from.first + 1; i < from.end; ++i) out[k] = common_fact(out[k], in[i]);
  }
}

std::shared_ptr<const Op> Op::with_body(FunctionGraph) const { missing(*this, "body"); }
std::vector<Fact> Op::facts_inside(const Apply&, std::span<const Fact>) const {
  return std::vector<Fact>(body() != nullptr ? body()->inputs.size() : 0);
}

Printed Op::print(const Apply&, std::span<const Printed> inputs) const {
  std::string text = name() + "(";
  for (std::size_t i = 0; i < inputs.size(); ++i) text += (i > 0 ? ", " : "") + inputs[i].text;
  const std::string more = parameters();
  if (!more.empty()) text += (inputs.empty() ? "" : ", ") + more;
  return {text + ")", 100};
}

Apply::Apply(std::shared_ptr<const Op> op, Vars inputs, std::vector<TensorType> types, Site site)
    : id_(next_id++),
      inputs_(std::move(inputs)),
      op_(std::move(op)),
      types_(std::move(types)),
      site_(site) {}

Vars Apply::outputs() const {
  Vars all;
  for (std::size_t i = 0; i < n_outputs(); ++i) all.push_back(output(i));
  return all;
}

const std::string& Apply::name(std::size_t output) const {
  static const std::string none;
  return output < names_.size() ? names_[output] : none;
}

void Apply::set_name(std::size_t output, std::string name) const {
  if (names_.size() <= output) names_.resize(output + 1);
  names_[output] = std::move(name);
}

// Freed through a list, not by recursion: a chain of 10^5 nodes would overflow the stack. The list
// is not thread_local itself, as variables of static storage outlive those.
void Apply::release() const {
  if (is_single_threaded()) {
    const std::uint32_t left = references_.load(std::memory_order_relaxed) - 1;
    references_.store(left, std::memory_order_relaxed);
    if (left > 0) return;
  } else if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) {
    return;
  }
  thread_local std::vector<const Apply*>* draining = nullptr;
  if (draining != nullptr) {
    draining->push_back(this);
    return;
  }
  std::vector<const Apply*> doomed{this};
  draining = &doomed;
  while (!doomed.empty()) {
    const Apply* node = doomed.back();
    doomed.pop_back();
    delete node;
  }
  draining = nullptr;
}

Vars make_node(std::shared_ptr<const Op> op, Vars inputs, Site site) {
  site = SiteScope::or_else(site);
  std::vector<TensorType> types;
  types.reserve(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].defined())
      throw GraphError(
          fmt::format("{}: an empty Var among its operands, at {}", op->name(), to_string(site)));
    if (is_for_storage(inputs[i].dtype()) && !op->takes_storage(i))
      inputs[i] = inputs[i].astype(DType::int64, site);
    types.push_back(inputs[i].type());
  }
  std::vector<TensorType> result;
  try {
    result = op->infer(types);
  } catch (const ShapeError& e) {
    throw ShapeError(explain_build(*op, inputs, types, site, e.what()));
  } catch (const TypeError& e) {
    throw TypeError(explain_build(*op, inputs, types, site, e.what()));
  }
  return (new Apply(std::move(op), std::move(inputs), std::move(result), site))->outputs();
}

Var make_var(std::shared_ptr<const Op> op, Vars inputs, Site site) {
  return make_node(std::move(op), std::move(inputs), site).front();
}

}  // namespace damo
