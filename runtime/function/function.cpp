#include <fmt/format.h>

#include <algorithm>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/loop/scan_op.hpp>
#include <damo/optim/engine/pipeline.hpp>
#include <damo/runtime/check/guard.hpp>
#include <damo/runtime/check/program_check.hpp>
#include <damo/runtime/function/function_build.hpp>
#include <damo/runtime/function/function_impl.hpp>
#include <damo/runtime/program/lower.hpp>

namespace damo {

Function::Function() = default;
Function::Function(Function&&) noexcept = default;
Function& Function::operator=(Function&&) noexcept = default;
Function::~Function() = default;

Function::Impl& Function::Impl::of(const std::unique_ptr<Impl>& impl, std::string_view asked_for) {
  if (impl == nullptr) throw GraphError(fmt::format("{} of an empty Function", asked_for));
  return *impl;
}

const std::string& Function::name() const { return Impl::of(impl_, "name").graph.name; }
const FunctionGraph& Function::graph() const { return Impl::of(impl_, "graph").graph; }
const FunctionGraph& Function::asked() const { return Impl::of(impl_, "asked").asked; }
std::string Function::trace() const { return Impl::of(impl_, "trace").trace.text(); }
const Trace& Function::rewrites() const { return Impl::of(impl_, "rewrites").trace; }
std::string Function::profile() const {
  const Impl& f = Impl::of(impl_, "profile");
  return f.profile.text(f.where);
}
void Function::set_profiling(bool on) {
  Impl& f = Impl::of(impl_, "set_profiling");
  f.profile.clear();
  f.program->set_profile(on ? &f.profile : nullptr);
}
std::size_t Function::n_instructions() const {
  return Impl::of(impl_, "n_instructions").program->instructions.size();
}

/// A result computed by an instruction into memory of its own is moved out; whatever else looks at
/// that memory, or at a leaf, is copied.
void Function::Impl::find_results() {
  std::vector<bool> claimed(program->storages.size(), false);
  const auto result = [&](std::uint32_t slot) {
    const bool leaf = is_leaf(program->slot_vars[slot]);  // a mutable input may lie elsewhere
    std::int32_t storage = leaf ? -1 : program->slots[slot].storage;
    if (storage >= 0) {
      const auto s = static_cast<std::size_t>(storage);
      if (!program->storages[s].exported || claimed[s]) {
        storage = -1;
      } else {
        claimed[s] = true;
      }
    }
    return Result{slot, storage};
  };
  for (std::size_t i = 0; i < graph.updates.size(); ++i) {
    updates.push_back(result(program->roots[graph.outputs.size() + i]));
    updates.back().cell = &SharedVar(graph.updates[i].first).cell();
  }
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    outputs.push_back(result(program->roots[i]));
  }
}

namespace {

/// Whether some loop of the graph, or in the body of one, is so.
bool any_loop(const FunctionGraph& graph, bool (*is)(const Scan& loop)) {
  const auto order = graph.order();
  return std::any_of(order.begin(), order.end(), [is](const Apply* node) {
    const auto* scan = as<Scan>(node->op());
    return scan != nullptr && (is(*scan) || any_loop(scan->spec().body, is));
  });
}

/// What looks on where the mode says so, or null; at a function, or at the body of a loop.
std::unique_ptr<Observer> observer_of(const Mode& mode, const Program* body = nullptr,
                                      const Apply* loop = nullptr) {
  if (mode.is_checked()) return std::make_unique<ProgramCheck>();
  if (!mode.guard_settings()) return nullptr;
  return std::make_unique<GuardObserver>(*mode.guard_settings(), body, loop);
}

}  // namespace

void Function::Impl::compile() {
  checks = mode.is_checked() || any_loop(graph, [](const Scan& loop) {
             const auto own = own_mode(loop);
             return own && own->is_checked();
           });
  std::vector<bool> given;
  for (const Parameter& p : parameters) given.push_back(p.is_mutable() && !checks);
  const bool unwatched = !mode.guard_settings() && !checks;
  program = lower(
      graph, where,
      {.inplace = !mode.guard_settings(), .mutable_inputs = given, .overwrite_shared = unwatched});
  observe();
  chosen.resize(parameters.size());
  find_results();
}

void Function::Impl::observe() {
  observers.clear();
  observers.push_back(observer_of(mode));
  program->set_observer(observers.back().get());
  observe_loops(*program);
}

/// Loops with a mode of their own are looked at as that says.
void Function::Impl::observe_loops(Program& in) {
  for (auto& instruction : in.instructions) {
    Program* body = instruction->inner();
    if (body == nullptr) continue;
    const auto own = own_mode(instruction->node().op());
    if (auto observer = own ? observer_of(*own, body, &instruction->node()) : nullptr) {
      body->set_observer(observer.get());
      observers.push_back(std::move(observer));
    }
    observe_loops(*body);
  }
}

void Function::Impl::swap_variables(const std::vector<std::pair<Var, Var>>& swap) {
  const Vars used = leaves(asked.roots());
  VarMap map;
  for (const auto& [from, to] : swap) {
    const bool present =
        std::any_of(used.begin(), used.end(),
                    [&, &from = from](const Var& v) { return same(v, from); }) ||
        std::any_of(asked.updates.begin(), asked.updates.end(),
                    [&, &from = from](const auto& u) { return same(u.first, from); });
    if (!from.defined() || !to.defined() || !is_shared(from) || !is_shared(to) || !present) {
      throw GraphError(fmt::format(
          "{}: swap takes a shared variable that the function uses, and another one, got {} and {}",
          where, from.defined() ? describe(from) : "nothing",
          to.defined() ? describe(to) : "nothing"));
    }
    if (!(from.type() == to.type())) {
      throw TypeError(fmt::format("{}: swap: the types differ\n  variable {}\n  other    {}", where,
                                  describe(from), describe(to)));
    }
    map.insert_or_assign(from, to);
  }
  for (FunctionGraph* g : {&graph, &asked}) {
    *g = g->with_roots(replace(g->roots(), map));
    for (auto& [target, value] : g->updates) {
      if (const auto it = map.find(target); it != map.end()) target = it->second;
    }
  }
}

Function Function::copy(const CopyOptions& options) const {
  const Impl& from = Impl::of(impl_, "copy");
  Function result;
  result.impl_ = std::make_unique<Impl>();
  Impl& f = *result.impl_;
  f.graph = from.graph;
  f.asked = from.asked;
  f.where = from.where;
  if (options.delete_updates) {
    f.graph.updates.clear();
    f.asked.updates.clear();
  }
  f.swap_variables(options.swap);
  if (!options.name.empty()) {
    f.graph.name = f.asked.name = options.name;
    f.where = fmt::format("function '{}'", options.name);
  }
  for (const Parameter& p : from.parameters) {
    f.parameters.push_back(p.copy());
    for (FunctionGraph* g : {&f.graph, &f.asked}) {
      for (auto& [target, value] : g->updates) {
        if (p.stored().defined() && same(target, p.stored())) target = f.parameters.back().stored();
      }
    }
  }
  f.borrow = from.borrow;
  f.output_names = from.output_names;
  f.trace = from.trace;
  f.mode = from.mode;
  f.compile();
  return result;
}

const Array& Function::value(std::string_view input) const {
  const Impl& f = Impl::of(impl_, "value");
  const Parameter& p = f.parameters[f.index_of(input)];
  if (!p.stored().defined()) f.fail_call(fmt::format("input '{}' has no value of its own", input));
  return p.stored().value();
}

Function function(const EntryList<In>& inputs, const EntryList<Out>& outputs,
                  FunctionOptions options, Site site) {
  Function result;
  result.impl_ = std::make_unique<Function::Impl>();
  Function::Impl& f = *result.impl_;
  f.where = options.name.empty() ? fmt::format("function made at {}", to_string(site))
                                 : fmt::format("function '{}'", options.name);
  check_inputs(inputs.vars(), f.where);
  for (const In& in : inputs.entries()) {
    f.parameters.emplace_back(in, options.allow_input_downcast, f.where);
    const Parameter& p = f.parameters.back();
    if (p.update().defined()) options.updates.set(p.stored(), p.update());
  }
  auto names = std::make_shared<std::vector<std::string>>();
  for (const Out& out : outputs.entries()) {
    f.borrow.push_back(out.options.borrow);
    names->push_back(out.options.name.empty() && out.var.defined() ? out.var.name()
                                                                   : out.options.name);
  }
  f.output_names = std::move(names);
  f.asked = build_graph(inputs.vars(), outputs.vars(), options, f.where);
  f.graph = optimize(f.asked, options.mode, &f.trace);
  f.mode = options.mode;
  f.own_trace = true;
  f.compile();
  const bool in_loop = any_loop(f.graph, [](const Scan& loop) { return loop.spec().profile; });
  if (options.profile || in_loop) result.set_profiling(true);
  return result;
}

std::string debugprint(const Function& function) { return debugprint(function.graph()); }
std::string to_dot(const Function& function) { return to_dot(function.graph()); }

}  // namespace damo
