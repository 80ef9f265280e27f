#include <fmt/format.h>

#include <array>
#include <cmath>

#include <damo/graph/error.hpp>
#include <damo/graph/print.hpp>
#include <damo/ops/kernels/copy.hpp>
#include <damo/runtime/function.hpp>
#include <damo/runtime/function_build.hpp>
#include <damo/runtime/located_error.hpp>
#include <damo/runtime/lower.hpp>

namespace damo {
namespace {

/// A root of the program and where its value goes.
struct Result {
  std::uint32_t slot;
  /// The storage whose memory is handed over; -1 when the value has to be copied.
  std::int32_t storage;
  SharedCell* cell = nullptr;
  Array staged{};
};

/// Number `a` as an element of `dtype`; throws TypeError when it cannot be one.
void store_number(const Argument& a, DType dtype, std::byte* out) {
  const bool real = a.kind() == Argument::Kind::real;
  const auto fail = [&] {
    const std::string text = real ? fmt::format("{}", a.real()) : fmt::format("{}", a.integer());
    throw TypeError(fmt::format("the number {} is no {}", text, name(dtype)));
  };
  if (is_float(dtype)) {
    const double value = real ? a.real() : static_cast<double>(a.integer());
    dispatch(dtype, [&](auto zero) {
      using T = decltype(zero);
      const T stored = static_cast<T>(value);
      const bool exact_integer =
          real || static_cast<long double>(stored) == static_cast<long double>(a.integer());
      const bool overflow = std::isinf(static_cast<double>(stored)) && !std::isinf(value);
      if (!exact_integer || overflow) fail();
      *reinterpret_cast<T*>(out) = stored;
    });
    return;
  }
  if (real && !(std::trunc(a.real()) == a.real() && std::abs(a.real()) < 9.0e18)) fail();
  const std::int64_t value = real ? static_cast<std::int64_t>(a.real()) : a.integer();
  if (dtype == DType::boolean) {
    if (value != 0 && value != 1) fail();
    *reinterpret_cast<bool*>(out) = value != 0;
  } else {
    *reinterpret_cast<std::int64_t*>(out) = value;
  }
}

}  // namespace

const Array& Outputs::operator[](std::size_t i) const {
  if (i >= size()) {
    throw GraphError(fmt::format("outputs: there is no output {}, the function has {}", i, size()));
  }
  return hold_.get()->arrays[i];
}

struct Function::Impl {
  std::string where;
  FunctionGraph asked;
  FunctionGraph graph;
  Vars inputs;
  Trace trace;
  std::unique_ptr<Program> program;
  std::vector<Result> outputs;
  std::vector<Result> updates;
  std::vector<std::array<std::byte, 8>> numbers;
  std::vector<std::shared_ptr<OutputBlock>> blocks;
  Profile profile;

  void find_results();
  void bind(std::span<const Argument> arguments);
  void bind_number(std::size_t i, const Argument& argument);
  void bind_tensor(std::size_t i, const Tensor& tensor);
  std::shared_ptr<OutputBlock> free_block();
  void copy_out(const Result& result, Array& to) const;
  void hand_over(std::vector<Array>& block);
};

/// A result computed by an instruction into memory of its own is moved out; whatever else looks at
/// that memory, or at a leaf, is copied.
void Function::Impl::find_results() {
  std::vector<bool> claimed(program->storages.size(), false);
  const auto result = [&](std::uint32_t slot) {
    std::int32_t storage = program->slots[slot].storage;
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

void Function::Impl::bind(std::span<const Argument> arguments) {
  if (arguments.size() != inputs.size()) {
    std::string text = fmt::format("{}: takes {} argument{}, got {}", where, inputs.size(),
                                   inputs.size() == 1 ? "" : "s", arguments.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      text += fmt::format("\n  argument {}: {}", i, describe(inputs[i]));
    }
    throw GraphError(text);
  }
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i].kind() == Argument::Kind::tensor) {
      bind_tensor(i, arguments[i].tensor());
    } else {
      bind_number(i, arguments[i]);
    }
  }
}

void Function::Impl::bind_number(std::size_t i, const Argument& argument) {
  const Var& v = inputs[i];
  if (v.ndim() != 0) {
    throw ShapeError(fmt::format("{}: argument {} is a number, its input has {} dimensions: {}",
                                 where, i, v.ndim(), describe(v)));
  }
  try {
    store_number(argument, v.dtype(), numbers[i].data());
  } catch (const TypeError& e) {
    throw TypeError(
        fmt::format("{}: argument {}: {}\n  input    {}", where, i, e.what(), describe(v)));
  }
  program->bind(program->inputs[i], {numbers[i].data(), v.dtype(), {}, {}});
}

void Function::Impl::bind_tensor(std::size_t i, const Tensor& tensor) {
  const TensorType& type = inputs[i].type();
  const auto fail = [&](std::string_view what, std::string_view hint) {
    return fmt::format(
        "{}: argument {} has another {} than its input\n  argument {} {}\n  input    {}{}", where,
        i, what, damo::name(tensor.dtype), to_string(tensor.shape), describe(inputs[i]), hint);
  };
  if (tensor.dtype != type.dtype) {
    throw TypeError(fail("dtype", fmt::format("\n  hint: convert it to {} first, nothing is "
                                              "converted silently",
                                              damo::name(type.dtype))));
  }
  if (tensor.rank() != type.rank()) throw ShapeError(fail("number of dimensions", ""));
  for (std::size_t axis = 0; axis < type.rank(); ++axis) {
    if (type.dims[axis] != unknown && type.dims[axis] != tensor.shape[axis]) {
      throw ShapeError(fail("shape", ""));
    }
  }
  program->bind(program->inputs[i], tensor);
}

std::shared_ptr<OutputBlock> Function::Impl::free_block() {
  for (const auto& block : blocks) {
    if (block->holders.load(std::memory_order_acquire) == 0) return block;
  }
  blocks.push_back(std::make_shared<OutputBlock>(outputs.size()));
  return blocks.back();
}

void Function::Impl::copy_out(const Result& result, Array& to) const {
  const Tensor& from = program->slots[result.slot].tensor;
  to.reset(from.dtype, from.shape);
  copy(from, to.view());
}

/// Everything that can fail comes first, so that updates happen together or not at all.
void Function::Impl::hand_over(std::vector<Array>& block) {
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].storage < 0) copy_out(outputs[i], block[i]);
  }
  for (Result& update : updates) {
    if (update.storage < 0) copy_out(update, update.staged);
  }
  const auto storage = [&](const Result& r) -> Array& {
    return program->storages[static_cast<std::size_t>(r.storage)].array;
  };
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].storage >= 0) std::swap(block[i], storage(outputs[i]));
  }
  for (Result& update : updates) {
    std::swap(update.cell->value, update.storage < 0 ? update.staged : storage(update));
    ++update.cell->version;
  }
}

Function::Function() = default;
Function::Function(Function&&) noexcept = default;
Function& Function::operator=(Function&&) noexcept = default;
Function::~Function() = default;

Outputs Function::call(std::span<const Argument> arguments) {
  if (!impl_) throw GraphError("call of an empty Function");
  Impl& f = *impl_;
  const bool profiling = f.program->profile != nullptr;
  const auto start = profiling ? Profile::Clock::now() : Profile::Clock::time_point{};
  f.bind(arguments);
  f.program->bind_shared();
  ++f.program->call;
  std::shared_ptr<OutputBlock> block = f.free_block();
  try {
    f.program->run();
  } catch (const LocatedError& e) {
    e.raise();
  }
  f.hand_over(block->arrays);
  if (profiling) {
    f.profile.count_call(std::chrono::duration<double>(Profile::Clock::now() - start).count());
  }
  return Outputs(std::move(block));
}

const std::string& Function::name() const { return impl_->graph.name; }
const FunctionGraph& Function::graph() const { return impl_->graph; }
const FunctionGraph& Function::asked() const { return impl_->asked; }
std::string Function::trace() const { return impl_->trace.text(); }
const Trace& Function::rewrites() const { return impl_->trace; }
std::string Function::profile() const { return impl_->profile.text(impl_->where); }
void Function::set_profiling(bool on) {
  impl_->profile.clear();
  impl_->program->set_profile(on ? &impl_->profile : nullptr);
}
std::size_t Function::n_instructions() const { return impl_->program->instructions.size(); }

Function function(const VarList& inputs, const VarList& outputs, FunctionOptions options,
                  Site site) {
  const std::string where = options.name.empty()
                                ? fmt::format("function made at {}", to_string(site))
                                : fmt::format("function '{}'", options.name);
  Function result;
  result.impl_ = std::make_unique<Function::Impl>();
  Function::Impl& f = *result.impl_;
  f.where = where;
  f.inputs = inputs.vars();
  f.asked = build_graph(inputs.vars(), outputs.vars(), options, where);
  f.graph = optimize(f.asked, options.mode, &f.trace);
  f.program = lower(f.graph, where);
  f.numbers.resize(f.inputs.size());
  f.find_results();
  if (options.profile) result.set_profiling(true);
  return result;
}

std::string debugprint(const Function& function) { return debugprint(function.graph()); }
std::string to_dot(const Function& function) { return to_dot(function.graph()); }

}  // namespace damo
