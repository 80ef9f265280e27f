#include <damo/graph/errors/error.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/join.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::error_of;

namespace {

void check_says(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) {
    CAPTURE(text);
    CAPTURE(part);
    CHECK(test::contains(text, part));
  }
}

/// What a function of `inputs` says when it fails, with and without rewriting.
template <class... A>
void check_run(const Vars& inputs, const Var& out, const std::vector<std::string>& parts,
               const A&... arguments) {
  for (const Mode& mode : {Mode::none(), Mode::fast()}) {
    Function f = function(VarList(inputs), {out}, {.mode = mode});
    check_says(error_of<ShapeError>([&] { f(arguments...); }), parts);
  }
  const Array values[] = {arguments...};
  std::vector<std::pair<Var, Array>> at;
  for (std::size_t i = 0; i < inputs.size(); ++i) at.emplace_back(inputs[i], values[i]);
  check_says(error_of<ShapeError>([&] { evaluate(out, at); }), parts);
}

Array steps(std::int64_t n) { return Array::scalar(n); }

}  // namespace

TEST_CASE("scan: a sequence that cannot be one is named by its place") {
  const Var x = vector("x");
  const auto make = [&] {
    scan([](Var a, Var b) { return a + b; }, {.sequences = {x, scalar("rate")}, .name = "s"});
  };
  check_says(error_of<TypeError>(make),
             {"scan 's'", "sequence 1", "'rate'", "float32 ()", "scan_errors_test.cpp"});
  check_says(error_of<GraphError>(
                 [&] { scan([](Var a) { return a; }, {.sequences = seq(x, std::vector<int>{})}); }),
             {"sequence 0 has no taps"});
}

TEST_CASE("scan: an output that changes its type is named with both types and a remedy") {
  const Var h = matrix("h", float32);
  const auto with = [&](auto f) {
    return error_of<TypeError>([&] {
      scan(f, {.outputs_info = {none, h}, .n_steps = 2, .name = "drift"});
    });
  };
  check_says(
      with([](Var a) {
        return Vars{a, cast(a, float64)};
      }),
      {"scan 'drift'", "output 1", "initial value  float32 (?, ?)", "float64 (?, ?)", "cast"});
  check_says(with([](Var a) {
               return Vars{a, sum(a, 0)};
             }),
             {"output 1", "float32 (?,)", "number of dimensions"});
  const auto fixed = [&] {
    const Var five = constant(Array(float32, {5, 3}));
    scan([&](Var a) { return a + five; },
         {.outputs_info = {row("start", float32)}, .n_steps = 2, .name = "grow"});
  };
  check_says(error_of<TypeError>(fixed),
             {"scan 'grow'", "output 0", "float32 (1, ?)", "float32 (5, 3)", "unbroadcast"});
}

TEST_CASE("scan: an initial value with too few rows is named with how many it takes") {
  const Var s = scalar("s");
  check_says(error_of<TypeError>([&] {
               scan([](Var a, Var b) { return a + b; },
                    {.outputs_info = {init(s, {-3, -1})}, .n_steps = 2, .name = "deep"});
             }),
             {"scan 'deep'", "output 0", "-3", "3 rows", "'s'"});
  check_says(error_of<TypeError>([&] {
               scan([](Var a) { return a; },
                    {.outputs_info = {init(zeros({2}), {-3})}, .n_steps = 2, .name = "deep"});
             }),
             {"3 rows", "float32 (2,)"});
  const Var start = vector("start", float64);
  const Var out = scan([](Var a) { return a; },
                       {.outputs_info = {init(start, {-3})}, .n_steps = 2, .name = "deep"})
                      .outputs[0];
  check_run({start}, out, {"'start'", "row 2 of 3", "output 0 of scan 'deep'", "(2,)"},
            test::vector({1, 2}));
}

TEST_CASE("scan: taps that make no sense are named") {
  const Var h = vector("h");
  const auto with = [&](std::vector<int> taps) {
    return error_of<GraphError>([&] {
      scan([](const Vars& a) { return a[0]; },
           {.outputs_info = {init(h, std::move(taps))}, .n_steps = 2, .name = "t"});
    });
  };
  check_says(with({0}), {"scan 't'", "output 0", "tap 0", "earlier"});
  check_says(with({-1, 2}), {"tap 2"});
  check_says(with({-1, -1}), {"tap -1 twice"});
}

TEST_CASE("scan: a wrong number of parameters or outputs is told with the right one") {
  const Var x = vector("x");
  check_says(error_of<GraphError>([&] {
               scan([](Var a, Var b, Var c) { return a + b + c; },
                    {.sequences = x, .outputs_info = x[0], .name = "n"});
             }),
             {"scan 'n'", "takes 3", "handed 2"});
  check_says(
      error_of<GraphError>([&] {
        scan([](Var a) { return Vars{a, a}; }, {.sequences = x, .outputs_info = none, .name = "n"});
      }),
      {"scan 'n'", "returns 2 outputs", "lists 1"});
  check_says(error_of<GraphError>([&] {
               scan([](Var a) { return Vars{a, Var{}}; }, {.sequences = x, .name = "n"});
             }),
             {"scan 'n'", "output 1", "empty"});
  check_says(error_of<TypeError>([&] {
               scan([](Var a) { return until(a, shape(a) > 0); },
                    {.sequences = matrix("m"), .name = "n"});
             }),
             {"scan 'n'", "until", "scalar", "bool (1,)"});
  check_says(error_of<GraphError>([&] { scan([] { return Vars{}; }, {.name = "n"}); }),
             {"scan 'n'", "n_steps"});
  check_says(error_of<GraphError>([&] {
               scan([](Var a) { return a; }, {.sequences = x, .truncate_gradient = 0, .name = "n"});
             }),
             {"scan 'n'", "truncate_gradient", "got 0"});
}

TEST_CASE("scan: a carried shared variable that changes its type is named") {
  const SharedVar n = shared(Array::scalar(std::int64_t{0}), "n");
  const auto make = [&] {
    scan([&] { return Updates{{n, cast(n, float64) * 0.5}}; }, {.n_steps = 2, .name = "count"});
  };
  check_says(error_of<TypeError>(make), {"scan 'count'", "'n'", "int64 ()", "float64 ()", "cast"});
}

TEST_CASE("scan: more steps than a sequence has items are an error with both numbers") {
  const Var x = vector("x", float64);
  const Var k = lscalar("k");
  const auto copy = [](Var a) { return a; };
  const Var out = scan(copy, {.sequences = x, .n_steps = k, .name = "long"}).outputs[0];
  check_run({x, k}, out, {"'long'", "sequence 0 'x'", "2 items", "5"}, test::vector({1, 2}),
            steps(5));
  const Var tapped = scan(copy, {.sequences = seq(x, 1), .n_steps = k, .name = "long"}).outputs[0];
  check_run({x, k}, tapped, {"'long'", "sequence 0 'x' at tap 1", "1 items", "5"},
            test::vector({1, 2}), steps(5));
  check_run({x, k}, out, {"'long'", "n_steps is -2"}, test::vector({1, 2}), steps(-2));
}

TEST_CASE("scan: a value that changes its shape is named with both shapes and the step") {
  const Var h = vector("h", float64);
  const Var k = lscalar("k");
  const Var out = scan(
                      [](Var a) {
                        return concatenate({a, a});
                      },
                      {.outputs_info = h, .n_steps = k, .name = "grow"})
                      .outputs[0];
  check_run({h, k}, out, {"'grow'", "carry of output 0", "(2,)", "(4,)", "step 0", "hint"},
            test::vector({1, 2}), steps(3));
  const Var x = lvector("x");
  const Var ragged =
      scan([](Var n) { return ones({n}, float64); }, {.sequences = x, .name = "ragged"}).outputs[0];
  check_run({x}, ragged, {"'ragged'", "scan_errors_test.cpp", "(3,)", "(4,)", "step 2", "hint"},
            Array::from<std::int64_t>({3, 3, 4}));
}

TEST_CASE("scan: a failing step is named by its number") {
  const Var x = lvector("x");
  const Var table = vector("table", float64);
  const Var out =
      scan([&](Var i) { return table[i]; }, {.sequences = x, .name = "lookup"}).outputs[0];
  const auto look = [&](const Mode& mode) {
    Function f = function({x, table}, {out}, {.mode = mode});
    return error_of<ShapeError>([&] {
      f(Array::from<std::int64_t>({0, 1, 7}), test::vector({1, 2}));
    });
  };
  for (const Mode& mode : {Mode::none(), Mode::fast()})
    check_says(look(mode), {"index 7", "size 2", "scan 'lookup', step 2", "x[t]"});
}

TEST_CASE("scan: the last of no steps is an error") {
  const Var x = vector("x", float64);
  const Var out = scan([](Var a, Var h) { return a + h; },
                       {.sequences = x, .outputs_info = x[0], .name = "sum"})
                      .outputs[0][-1];
  Function f = function(
      {x}, {scan([](Var a) { return a * 2; }, {.sequences = x, .name = "m"}).outputs[0][-1]});
  CHECK_THROWS_AS(f(Array(float64, {0})), ShapeError);
  Function g = function({x}, {out});
  CHECK(g(test::vector({1, 2}))[0].data<double>()[0] == 4);
}
