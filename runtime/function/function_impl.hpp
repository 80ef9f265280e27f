#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <damo/runtime/function/function.hpp>
#include <damo/runtime/function/parameter.hpp>
#include <damo/runtime/program/program.hpp>

namespace damo {

/// A root of the program and where its value goes.
struct Result {
  std::uint32_t slot;
  /// The storage whose memory is handed over; -1 when the value has to be copied.
  std::int32_t storage;
  SharedCell* cell = nullptr;
  Array staged{};
};

struct Function::Impl {
  std::string where;
  FunctionGraph asked;
  FunctionGraph graph;
  std::vector<Parameter> parameters;
  std::vector<bool> borrow;
  std::shared_ptr<const std::vector<std::string>> output_names;
  Trace trace;
  std::unique_ptr<Program> program;
  std::vector<Result> outputs;
  std::vector<Result> updates;
  std::vector<const Argument*> chosen;
  std::vector<std::shared_ptr<OutputBlock>> blocks;
  Profile profile;
  Mode mode = Mode::fast();
  /// Whether `trace` is of this very graph: a copy's may read other variables.
  bool own_trace = false;
  /// Whether rewrites are checked at each call: all are, when only a loop asks for it.
  bool checks = false;
  std::vector<std::unique_ptr<Observer>> observers;

  /// What a function is; throws GraphError for one that is empty, as it is before it is made and
  /// after it was moved from.
  static Impl& of(const std::unique_ptr<Impl>& impl, std::string_view asked_for);

  void compile();
  void observe();
  void observe_loops(Program& in);
  void check() const;
  void find_results();
  void bind(std::span<const Argument> arguments);
  void bind_argument(std::size_t i, const Argument& argument, std::span<const Argument> all);
  void choose(std::span<const Argument> arguments);
  std::size_t index_of(std::string_view name) const;
  [[noreturn]] void fail_call(const std::string& what) const;
  void swap_variables(const std::vector<std::pair<Var, Var>>& swap);
  std::shared_ptr<OutputBlock> free_block();
  void take_back(OutputBlock& block);
  void copy_out(const Result& result, Array& to) const;
  void hand_over(OutputBlock& block);
};

}  // namespace damo
