#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/error_text.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/runtime/function/function_build.hpp>

namespace damo {
namespace {

class Givens {
 public:
  Givens(const std::vector<std::pair<Var, Var>>& givens, const std::string& where) : where_(where) {
    for (const auto& [from, to] : givens) {
      if (!from.defined() || !to.defined())
        throw GraphError(fmt::format("{}: an empty Var among the givens", where));
      check_type(from, to);
      if (!given_.emplace(from, to).second) {
        throw GraphError(fmt::format("{}: two givens for {}", where, describe(from)));
      }
      keys_.insert(from);
    }
  }

  VarMap resolve() {
    for (const Var& key : keys_) resolve(key);
    return std::move(done_);
  }

 private:
  void check_type(const Var& from, const Var& to) const {
    if (refines(to.type(), from.type())) return;
    const std::string text =
        fmt::format("{}: givens: the types differ\n  variable {}\n  given    {}\n  hint: {}",
                    where_, describe(from), describe(to), remedy(from, to));
    if (from.dtype() != to.dtype()) throw TypeError(text);
    throw ShapeError(text);
  }

  /// What would make a value of `from`'s type of `to`.
  static std::string remedy(const Var& from, const Var& to) {
    const std::string given = short_name(to);
    if (from.dtype() != to.dtype())
      return fmt::format("cast({}, {})", given, damo::name(from.dtype()));
    if (to.ndim() < from.ndim()) {
      std::string pattern;
      for (std::size_t i = 0; i < from.ndim() - to.ndim(); ++i) pattern += "newaxis, ";
      for (std::size_t i = 0; i < to.ndim(); ++i) pattern += std::to_string(i) + ", ";
      pattern.resize(pattern.size() - 2);
      return fmt::format("dimshuffle({}, {{{}}}) has {} dimensions", given, pattern, from.ndim());
    }
    if (to.ndim() > from.ndim()) {
      return fmt::format("{}[i] or reshape({}, {{...}}) has {} dimensions", given, given,
                         from.ndim());
    }
    return fmt::format("specify_shape({}, {{...}}) promises the sizes {}", given,
                       dims_to_string(from.type().dims));
  }

  /// Other given variables that `v` is built from.
  VarSet given_in(const Var& v) const {
    VarSet found;
    const auto look = [&](const Var& part) {
      if (keys_.contains(part)) found.insert(part);
    };
    look(v);
    for (const Apply* node : toposort(std::span(&v, 1), keys_)) {
      for (const Var& in : node->inputs()) look(in);
    }
    return found;
  }

  void resolve(const Var& key) {
    if (done_.contains(key)) return;
    if (!open_.insert(key).second) {
      throw GraphError(fmt::format("{}: givens in a circle: what is given for {} depends on itself",
                                   where_, describe(key)));
    }
    const Var& value = given_.at(key);
    VarMap inner;
    for (const Var& other : given_in(value)) {
      // What is given for a shared variable may read the variable itself: its stored value.
      if (same(other, key) && is_shared(key)) continue;
      resolve(other);
      inner.emplace(other, done_.at(other));
    }
    done_.emplace(key, replace(value, inner));
  }

  const std::string& where_;
  VarMap given_;
  VarSet keys_;
  VarSet open_;
  VarMap done_;
};

}  // namespace

VarMap resolved_givens(const std::vector<std::pair<Var, Var>>& givens, const std::string& where) {
  return Givens(givens, where).resolve();
}

}  // namespace damo
