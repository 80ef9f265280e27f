#include <fmt/format.h>

#include <algorithm>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/located_error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/common/dense.hpp>
#include <damo/ops/kernels/movement/copy.hpp>
#include <damo/runtime/check/rewrite_check.hpp>
#include <damo/runtime/function/function_impl.hpp>

namespace damo {

void Function::Impl::fail_call(const std::string& what) const {
  std::string text = fmt::format("{}: {}", where, what);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    text += fmt::format("\n  argument {}: {}{}", i, describe(parameters[i].var()),
                        parameters[i].stored().defined() ? ", may be left out" : "");
  }
  throw GraphError(text);
}

std::size_t Function::Impl::index_of(std::string_view name) const {
  const auto at = std::find_if(parameters.begin(), parameters.end(),
                               [&](const Parameter& p) { return p.name() == name; });
  if (at == parameters.end()) fail_call(fmt::format("there is no input named '{}'", name));
  return static_cast<std::size_t>(at - parameters.begin());
}

/// The argument of each input: first by place, then by name; null for one left out.
void Function::Impl::choose(std::span<const Argument> arguments) {
  const auto count = [&](std::size_t n) {
    fail_call(fmt::format("takes {} argument{}, got {}", parameters.size(),
                          parameters.size() == 1 ? "" : "s", n));
  };
  if (arguments.size() > parameters.size()) count(arguments.size());
  chosen.assign(parameters.size(), nullptr);
  std::size_t place = 0;
  for (const Argument& a : arguments) {
    if (!a.name().empty()) continue;
    chosen[place++] = &a;
  }
  for (const Argument& a : arguments) {
    if (a.name().empty()) continue;
    const std::size_t i = index_of(a.name());
    if (chosen[i] != nullptr) fail_call(fmt::format("two arguments for input '{}'", a.name()));
    chosen[i] = &a;
  }
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (chosen[i] == nullptr && !parameters[i].stored().defined()) count(arguments.size());
  }
}

namespace {

/// Whether another argument reads memory of this one.
bool is_shared_memory(const Argument& given, std::span<const Argument> arguments) {
  const std::byte* begin = given.given()->raw();
  const std::byte* end = begin + given.given()->bytes();
  return std::any_of(arguments.begin(), arguments.end(), [&](const Argument& a) {
    const std::byte* at = a.tensor().data;
    return &a != &given && a.kind() == Argument::Kind::tensor && at >= begin && at < end;
  });
}

}  // namespace

/// Input `i` is what the argument says. A mutable one takes over an array that is given to it.
void Function::Impl::bind_argument(std::size_t i, const Argument& argument,
                                   std::span<const Argument> all) {
  const Tensor value = parameters[i].read(argument, i, where);
  const std::uint32_t slot = program->inputs[i];
  const std::int32_t storage = program->slots[slot].storage;
  Array* given = argument.given();
  if (storage >= 0 && given != nullptr && value.data == given->raw() &&
      !is_shared_memory(argument, all))
    std::swap(program->storages[static_cast<std::size_t>(storage)].array, *given);
  program->bind(slot, value);
}

void Function::Impl::bind(std::span<const Argument> arguments) {
  const bool plain = arguments.size() == parameters.size() &&
                     std::all_of(arguments.begin(), arguments.end(),
                                 [](const Argument& a) { return a.name().empty(); });
  if (plain) {
    for (std::size_t i = 0; i < arguments.size(); ++i) bind_argument(i, arguments[i], arguments);
    return;
  }
  choose(arguments);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (chosen[i] != nullptr) {
      bind_argument(i, *chosen[i], arguments);
    } else {
      program->bind(program->inputs[i], parameters[i].stored().value().view());
    }
  }
}

std::shared_ptr<OutputBlock> Function::Impl::free_block() {
  for (const auto& block : blocks) {
    if (block->holders.load(std::memory_order_acquire) == 0) return block;
  }
  blocks.push_back(std::make_shared<OutputBlock>(outputs.size(), output_names));
  if (std::find(borrow.begin(), borrow.end(), true) != borrow.end())
    blocks.back()->borrowed.resize(outputs.size(), nullptr);
  return blocks.back();
}

/// The memory that results were handed over in is written again, so that a call walks through one
/// array for each of them and not through two in turns.
void Function::Impl::take_back(OutputBlock& block) {
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].storage < 0 || borrow[i] || block.arrays[i].bytes() == 0) continue;
    std::swap(block.arrays[i],
              program->storages[static_cast<std::size_t>(outputs[i].storage)].array);
  }
}

void Function::Impl::copy_out(const Result& result, Array& to) const {
  const Tensor& from = program->slots[result.slot].tensor;
  to.reset(from.dtype, from.shape);
  damo::copy(from, to.view());
}

/// Everything that can fail comes first, so that updates happen together or not at all: those that
/// are written over their variables last.
void Function::Impl::hand_over(OutputBlock& block) {
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].storage < 0) copy_out(outputs[i], block.arrays[i]);
  }
  for (Result& update : updates) {
    if (update.storage < 0) copy_out(update, update.staged);
  }
  try {
    program->finish();
  } catch (const LocatedError& e) {
    e.raise();
  }
  const auto storage = [&](const Result& r) -> Array& {
    return program->storages[static_cast<std::size_t>(r.storage)].array;
  };
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].storage < 0) continue;
    if (borrow[i]) {
      block.borrowed[i] = &storage(outputs[i]);
    } else {
      std::swap(block.arrays[i], storage(outputs[i]));
    }
  }
  for (Result& update : updates) {
    const Array& old = update.cell->value;
    // What has no storage of its own may be a view that begins where the variable does.
    const bool written_over = update.storage >= 0 && old.elements() > 0 &&
                              program->slots[update.slot].tensor.data == old.raw();
    if (!written_over)
      std::swap(update.cell->value, update.storage < 0 ? update.staged : storage(update));
    ++update.cell->version;
  }
}

/// Both sides of every rewrite, from the arguments that have been bound.
void Function::Impl::check() const {
  std::vector<std::pair<Var, Array>> arguments;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Tensor& t = program->slots[program->inputs[i]].tensor;
    arguments.emplace_back(parameters[i].var(), dense(t));
  }
  check_rewrites(asked, trace, arguments);
}

Outputs Function::call(std::span<const Argument> arguments) {
  Impl& f = Impl::of(impl_, "call");
  const bool profiling = f.program->profile != nullptr;
  const auto start = profiling ? Profile::Clock::now() : Profile::Clock::time_point{};
  std::shared_ptr<OutputBlock> block = f.free_block();
  f.take_back(*block);
  f.bind(arguments);
  f.program->bind_shared();
  ++f.program->call;
  if (f.checks && f.own_trace) f.check();
  try {
    f.program->run();
  } catch (const LocatedError& e) {
    e.raise();
  }
  f.hand_over(*block);
  if (profiling) {
    f.profile.count_call(std::chrono::duration<double>(Profile::Clock::now() - start).count());
  }
  return Outputs(std::move(block));
}

}  // namespace damo
