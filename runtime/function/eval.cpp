#include <algorithm>
#include <deque>

#include <damo/runtime/function/eval.hpp>

namespace damo {
namespace {

/// The functions that a thread has asked for last.
struct Known {
  Var v;
  Vars given;
  Function f;
};
constexpr std::size_t most_known = 32;

Function compile(const Var& v, const Vars& given) {
  FunctionOptions options{.name = "eval"};
  options.on_unused_input = Unused::ignore;
  Vars inputs;
  for (const Var& g : given) {
    if (is_input(g)) {
      inputs.push_back(g);
      continue;
    }
    inputs.push_back(input(g.type(), g.name(), g.site()));
    options.givens.emplace_back(g, inputs.back());
  }
  return function(inputs, v, std::move(options), v.site());
}

}  // namespace

Array eval(const Var& v, const std::vector<Binding>& bindings) {
  thread_local std::deque<Known> known;
  const auto fits = [&](const Known& k) {
    return same(k.v, v) &&
           std::equal(k.given.begin(), k.given.end(), bindings.begin(), bindings.end(),
                      [](const Var& g, const Binding& b) { return same(g, b.first); });
  };
  auto at = std::find_if(known.begin(), known.end(), fits);
  if (at == known.end()) {
    Vars given;
    for (const Binding& b : bindings) given.push_back(b.first);
    if (known.size() == most_known) known.pop_front();
    known.push_back({v, given, compile(v, given)});
    at = known.end() - 1;
  }
  std::vector<Argument> arguments;
  for (const Binding& b : bindings) arguments.push_back(b.second.get()->view());
  return at->f.call(arguments)[0];
}

}  // namespace damo
