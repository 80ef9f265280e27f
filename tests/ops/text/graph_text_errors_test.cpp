#include <doctest/doctest.h>

#include <damo/damo.hpp>
#include <damo/graph/errors/error.hpp>
#include <damo/ops/text/graph_text.hpp>
#include "tests/support/random_expression.hpp"

using namespace damo;
using namespace damo::test;

namespace {

std::string error_of(const std::string& text) {
  try {
    parse(text);
  } catch (const GraphError& e) {
    return e.what();
  }
  return "no error";
}

/// "damo graph 1 {...}" around the lines of a graph.
std::string graph_with(const std::string& lines) { return "damo graph 1 {\n" + lines + "\n}\n"; }

}  // namespace

TEST_CASE("graph text: what is wrong is said with line and column") {
  CHECK(error_of("") ==
        "graph text: line 1, column 1: expected 'damo graph', found the end of the text");
  const auto check = [](const std::string& lines, const std::string& message) {
    const std::string error = error_of(graph_with(lines));
    CAPTURE(error);
    CHECK(error.find(message) != std::string::npos);
  };
  check("  %0 = input : float16 (?)", "line 2, column 16: expected a dtype");
  check("  %0 = input : float32 (?)\n  outputs %1",
        "line 3, column 13: expected before this the id");
  check("  %0 = inpt : float32 (?)\n outputs", "line 2, column 7: expected the name of an op");
  check("  %0 = constant{1, 2} : float64 (3,)\n outputs",
        "expected 3 elements, for shape (3,), not 2");
  check("  %0 = constant{} : float64 (999999,)\n outputs", "expected 999999 elements");
  check("  %0 = input : float32 (99999999999, 99999999999)\n outputs", "could fit in memory");
  check("  %0 = input : float32 (?)\n  %0 = input : float32 (?)\n outputs", "expected a new id");
  check("  %0 = input : float32 (?)\n  %1 = exp(%0, %0) : float32 (?)\n outputs", "2 operands");
  check("  %0 = input : float32 (?)\n  %1 = exp(%0) : float64 (?)\n outputs",
        "expected a result of type float32 (?,) instead of float64 (?,)");
  check("  %0 = input : float32 (?)\n  %1 = sum{axis=9}(%0) : float32 ()\n outputs", "axes");
  check("  %0 = input : float32 (?)\n  %1 = dot(%0, %0) : float32 ()", "expected a node");
  check("  %0 = input : float32 (?) 'x\n outputs", "expected the closing '");
  check("  %0 = input : float32 (?)\n  outputs %0\n  update %0 = %0", "a shared variable");
  CHECK(error_of(graph_with("outputs") + "x").find("expected nothing more") != std::string::npos);
}

TEST_CASE("graph text: mutated texts are read or refused and never crash") {
  RandomStream rng(3);
  const Var x = matrix("x", float64), i = lscalar("i");
  const SharedVar w = shared(Array::from<double>({1, 2, 3}), "w");
  auto [outs, updates] = scan(
      [&](Var row, Var h) {
        return until(tanh(h * row) + rng.uniform({3}, 0.0, 1.0, float64), h[0] > 1.0);
      },
      {.sequences = {x}, .outputs_info = {w}});
  Vars all{outs[0],
           x(i, range(1, i)),
           x[constant(Array::from<std::int64_t>({0, 1}))],
           softmax(x),
           reshape(x, {-1, i}),
           where(x > 0.0, x, 0.0),
           arange(i),
           argmax(x, 1),
           set_subtensor(x[i], w),
           concatenate({x, x}, 1),
           grad_scale(x, 2.0),
           cumsum(x, 0),
           Assert("positive")(Print("x", {.attributes = {"max"}, .edge = 2})(x), x > 0)};
  OpFromGraphOptions given{.name = "f"};
  given.gradient = [&](const Vars& in, const Vars&, const Vars& g) { return Vars{g[0] * in[0]}; };
  all.push_back(OpFromGraph({x}, {x * w}, given)(x)[0]);
  all.push_back(grad(sum(outs[0]), x));
  FunctionGraph graph{{x, i}, all, {}, ""};
  for (const auto& update : updates) graph.updates.push_back(update);
  const std::string text = print(graph, {.shared_values = true});
  Numbers r{12345};
  const std::string pieces = "%0123456789{}()[],:.='?-_@ \n\\naninfabcxyz";
  int refused = 0;
  constexpr int rounds = 10000;
  for (int round = 0; round < rounds; ++round) {
    std::string mutated = text;
    for (std::size_t n = 1 + r.below(3); n > 0; --n) {
      const std::size_t at = r.below(mutated.size());
      switch (r.below(5)) {
        case 0:
          mutated[at] = pieces[r.below(pieces.size())];
          break;
        case 1:
          mutated.erase(at, 1 + r.below(8));
          break;
        case 2:
          mutated.insert(at, 1, pieces[r.below(pieces.size())]);
          break;
        case 3:  // a part of the text somewhere else
          mutated.insert(at, text.substr(r.below(text.size()), r.below(60)));
          break;
        default:  // a number changed
          if (mutated[at] >= '0' && mutated[at] <= '9')
            mutated[at] = static_cast<char>('0' + r.below(10));
          if (r.below(20) == 0) mutated.resize(at);
      }
      if (mutated.empty()) mutated = "x";
    }
    try {
      const FunctionGraph read = parse(mutated);
      CHECK(parse(print(read, {.shared_values = true})) == read);
    } catch (const GraphError&) {
      ++refused;
    }
  }
  CHECK(refused > rounds / 2);
  CHECK(refused < rounds);
}
