#pragma once
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <damo/graph/updates.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/runtime/function/function.hpp>

namespace damo {

/// Shared variables to save or load, each under a name that no other of them has: its own, or
/// "unnamed"; the second of a name gets "_2", the third "_3", in their order. So what one list
/// saves, the same list made anew by the same program loads.
class State {
 public:
  /// Of variables in the order given; one that is named twice counts once.
  State(std::initializer_list<SharedVar> variables);
  State(const std::vector<SharedVar>& variables);
  /// Of a list of random streams.
  State(const RandomStream& rng) : State(rng.streams()) {}
  /// Of what the updates change.
  State(const Updates& updates);
  /// Of all that a function updates or reads: parameters, optimizer state, random streams, and the
  /// data it holds as shared variables.
  State(const Function& f);
  /// Of what a function updates only: all that training changes, without the data.
  static State updated_by(const Function& f);

  /// Adds the variables that are not in it yet.
  State& operator+=(const State& other);

  const std::vector<std::pair<std::string, SharedVar>>& variables() const { return variables_; }

  /// What the variables hold, by name.
  std::map<std::string, Array> values() const;
  /// Puts values into the variables; further ones are ignored. Throws IoError, and changes nothing,
  /// when one is missing or of another dtype or shape than its variable holds; `where` begins the
  /// message.
  void set_values(const std::map<std::string, Array>& values, std::string_view where) const;

 private:
  State() = default;
  void add(const Var& variable);

  std::vector<std::pair<std::string, SharedVar>> variables_;
};

}  // namespace damo
