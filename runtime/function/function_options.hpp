#pragma once
#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <damo/graph/updates.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/optim/engine/mode.hpp>
#include <damo/runtime/function/argument.hpp>

namespace damo {

/// A value given in advance: anything that a function takes as an argument. Kept as a copy.
class StoredArgument {
 public:
  StoredArgument() = default;
  template <class T>
  requires(!std::same_as<T, StoredArgument>) StoredArgument(const T& value)
      : argument_(owned(make_argument(value))) {}
  /// Null when nothing was given.
  const Argument* get() const { return argument_.get(); }

 private:
  static std::shared_ptr<const Argument> owned(const Argument& argument);
  std::shared_ptr<const Argument> argument_{};
};

struct InOptions {
  /// For arguments by name, and for errors; the variable's own name when left out.
  std::string name{};
  /// The value when the argument is left out of a call.
  StoredArgument value{};
  /// What `value` becomes after each call, as an expression of the function's inputs.
  Var update{};
  /// A permission: an Array that is passed as a temporary or by std::move is taken over, as memory
  /// in which the function computes what can be computed in place (`set_subtensor`, elementwise
  /// ops). The variable then holds an Array of unspecified type and elements. Other arguments are
  /// read where they are and never written.
  bool mutable_ = false;
  /// Nothing is converted: a number must be of the input's kind.
  bool strict = false;
  /// Numbers and tensors of another dtype: true converts them, whatever is lost; false refuses even
  /// a real number that the dtype would round. In between, when left out, numbers are rounded and
  /// tensors must have the dtype.
  std::optional<bool> allow_downcast{};
  /// Theano's permission to read the argument where it is. It always is, unless it has to be
  /// converted: nothing changes.
  bool borrow = false;
};

/// An input of a function, with options.
struct In {
  In(const Var& v) : var(v) {}
  In(const Var& v, InOptions o) : var(v), options(std::move(o)) {}
  Var var;
  InOptions options{};
};

struct OutOptions {
  /// For `outputs["name"]`; the variable's own name when left out.
  std::string name{};
  /// The function's own memory is handed out: nothing is kept for the caller, and the next call
  /// overwrites it. Values that lie elsewhere (arguments, shared variables) are copied all the
  /// same.
  bool borrow = false;
};

/// An output of a function, with options.
struct Out {
  Out(const Var& v) : var(v) {}
  Out(const Var& v, OutOptions o) : var(v), options(std::move(o)) {}
  Var var;
  OutOptions options{};
};

/// What `function` takes as inputs or as outputs: a list of variables, of `In`s or `Out`s, or both
/// mixed; or one.
template <class Entry>
class EntryList {
 public:
  EntryList() = default;
  EntryList(std::initializer_list<Entry> entries) : entries_(entries) {}
  EntryList(const Var& v) : entries_{Entry(v)} {}
  EntryList(const Entry& entry) : entries_{entry} {}
  EntryList(const Vars& vars) : entries_(vars.begin(), vars.end()) {}
  EntryList(const VarList& vars) : EntryList(vars.vars()) {}
  EntryList(std::vector<Entry> entries) : entries_(std::move(entries)) {}
  const std::vector<Entry>& entries() const { return entries_; }
  Vars vars() const {
    Vars all;
    for (const Entry& entry : entries_) all.push_back(entry.var);
    return all;
  }

 private:
  std::vector<Entry> entries_;
};

/// Which shared variables a function does not move on by itself: none, all, or these.
class NoDefaultUpdates {
 public:
  NoDefaultUpdates(bool all = false) : all_(all) {}
  NoDefaultUpdates(std::initializer_list<Var> some) : some_(some) {}
  NoDefaultUpdates(Vars some) : some_(std::move(some)) {}
  /// All streams that `rng` has made so far.
  NoDefaultUpdates(const RandomStream& rng) {
    some_.assign(rng.streams().begin(), rng.streams().end());
  }
  bool contains(const Var& v) const;

 private:
  bool all_ = false;
  Vars some_{};
};

/// What `function` does about an input that nothing reads.
enum class Unused : std::uint8_t { raise, warn, ignore };

struct FunctionOptions {
  /// Shared variables and their next values; computed from the old values, stored together.
  Updates updates{};
  /// Variables of the graph (inputs, shared variables, expressions) and what stands in for them.
  /// One may build on another; in a circle they are an error.
  std::vector<std::pair<Var, Var>> givens{};
  /// For errors and profiles.
  std::string name{};
  Mode mode = Mode::fast();
  /// Record where the time goes from the first call on.
  bool profile = false;
  /// Random streams, and shared variables with a default update, that stay as they are.
  NoDefaultUpdates no_default_updates{};
  Unused on_unused_input = Unused::raise;
  /// `allow_downcast` of the inputs that do not say themselves.
  std::optional<bool> allow_input_downcast{};
};

struct CopyOptions {
  /// Shared variables of the function, and those that the copy reads and updates in their place.
  /// Dtype and rank must agree.
  std::vector<std::pair<Var, Var>> swap{};
  bool delete_updates = false;
  std::string name{};
};

}  // namespace damo
