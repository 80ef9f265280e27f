#include <doctest/doctest.h>

#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/support/values.hpp"

// docs/types.md decides; the code must agree, cell by cell, and so must what a function returns.
using namespace damo;

namespace {

using Row = std::vector<std::string>;
using Table = std::vector<Row>;

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" `");
  return first == std::string::npos ? ""
                                    : text.substr(first, text.find_last_not_of(" `") + 1 - first);
}

/// The tables of a document: rows of cells, the header first.
std::vector<Table> tables_of(const std::string& path) {
  std::ifstream file(path);
  REQUIRE(file);
  std::vector<Table> tables;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    const bool row = line.starts_with("|");
    if (row && !inside) tables.emplace_back();
    inside = row;
    if (!row || line.starts_with("| ---")) continue;
    Row cells;
    std::istringstream rest(line.substr(1));
    for (std::string cell; std::getline(rest, cell, '|');) cells.push_back(trimmed(cell));
    tables.back().push_back(cells);
  }
  return tables;
}

DType dtype_named(const std::string& text) {
  for (const DType d : {boolean, int64, float32, float64}) {
    if (name(d) == text) return d;
  }
  FAIL("no dtype: " << text);
  return float32;
}

/// The dtype of what `f` builds, computed by a function as well; "-" when it is refused.
std::string dtype_text(const std::function<Var(const Vars&)>& f, const Vars& in) {
  try {
    const Var out = f(in);
    Vars used;
    std::vector<Argument> arguments;
    std::vector<Array> values;
    for (const Var& v : in) values.push_back(Array::from<double>({1, 0, 1}).cast(v.dtype()));
    for (std::size_t i = 0; i < in.size(); ++i) arguments.emplace_back(values[i]);
    Function run = function(VarList(in), {out});
    CHECK(run.call(arguments)[0].dtype() == out.dtype());
    return std::string(name(out.dtype()));
  } catch (const TypeError&) {
    return "-";
  }
}

using Pair = std::function<Var(const Vars&)>;
const std::map<std::string, std::vector<Pair>> of_two{
    {"+ - * %",
     {[](const Vars& v) { return v[0] + v[1]; }, [](const Vars& v) { return v[0] - v[1]; },
      [](const Vars& v) { return v[0] * v[1]; }, [](const Vars& v) { return v[0] % v[1]; }}},
    {"/", {[](const Vars& v) { return v[0] / v[1]; }}},
    {"pow", {[](const Vars& v) { return pow(v[0], v[1]); }}},
    {"< <= eq neq",
     {[](const Vars& v) { return v[0] < v[1]; }, [](const Vars& v) { return v[0] <= v[1]; },
      [](const Vars& v) { return eq(v[0], v[1]); }, [](const Vars& v) { return neq(v[0], v[1]); }}},
    {"where(c, a, b) maximum",
     {[](const Vars& v) { return where(eq(v[0], v[0]), v[0], v[1]); },
      [](const Vars& v) { return maximum(v[0], v[1]); }}},
    {"dot", {[](const Vars& v) { return dot(v[0], v[1]); }}},
};
const std::map<std::string, std::vector<Pair>> of_one{
    {"-x abs sqr",
     {[](const Vars& v) { return -v[0]; }, [](const Vars& v) { return abs(v[0]); },
      [](const Vars& v) { return sqr(v[0]); }}},
    {"exp sqrt sigmoid",
     {[](const Vars& v) { return exp(v[0]); }, [](const Vars& v) { return sqrt(v[0]); },
      [](const Vars& v) { return sigmoid(v[0]); }}},
    {"floor round",
     {[](const Vars& v) { return floor(v[0]); }, [](const Vars& v) { return round(v[0]); }}},
    {"sum prod cumsum",
     {[](const Vars& v) { return sum(v[0]); }, [](const Vars& v) { return prod(v[0]); },
      [](const Vars& v) { return cumsum(v[0]); }}},
    {"mean var norm",
     {[](const Vars& v) { return mean(v[0]); }, [](const Vars& v) { return damo::var(v[0]); },
      [](const Vars& v) { return norm(v[0]); }}},
    {"max min", {[](const Vars& v) { return max(v[0]); }, [](const Vars& v) { return min(v[0]); }}},
    {"argmax x.shape",
     {[](const Vars& v) { return argmax(v[0]); }, [](const Vars& v) { return v[0].shape(); }}},
    {"any all isnan",
     {[](const Vars& v) { return any(v[0]); }, [](const Vars& v) { return all(v[0]); },
      [](const Vars& v) { return isnan(v[0]); }}},
    {"x + 1", {[](const Vars& v) { return v[0] + 1; }, [](const Vars& v) { return 1 - v[0]; }}},
    {"x * 2.5",
     {[](const Vars& v) { return v[0] * 2.5; }, [](const Vars& v) { return 2.5 - v[0]; }}},
    {"x / 2", {[](const Vars& v) { return v[0] / 2; }, [](const Vars& v) { return 2 / v[0]; }}},
    {"where(c, x, 0.0)", {[](const Vars& v) { return where(eq(v[0], v[0]), v[0], 0.0); }}},
};

void check_table(const Table& table, std::size_t n_operands,
                 const std::map<std::string, std::vector<Pair>>& columns) {
  REQUIRE(table.front().size() == columns.size() + n_operands);
  for (std::size_t r = 1; r < table.size(); ++r) {
    Vars in;
    for (std::size_t i = 0; i < n_operands; ++i)
      in.push_back(vector("v", dtype_named(table[r][i])));
    for (std::size_t c = n_operands; c < table[r].size(); ++c) {
      const std::string& head = table.front()[c];
      CAPTURE(head);
      CAPTURE(table[r][0]);
      CAPTURE(table[r][n_operands - 1]);
      REQUIRE(columns.contains(head));
      for (const Pair& f : columns.at(head)) {
        CHECK(dtype_text(f, in) == table[r][c]);
        if (n_operands == 2) CHECK(dtype_text(f, {in[1], in[0]}) == table[r][c]);
      }
    }
  }
}

}  // namespace

TEST_CASE("types: the tables of the document are those of the code") {
  const std::vector<Table> tables = tables_of(std::string(DAMO_SOURCE_DIR) + "/docs/types.md");
  REQUIRE(tables.size() == 2);
  REQUIRE(tables[0].size() == 1 + 10);  // all pairs
  REQUIRE(tables[1].size() == 1 + 4);
  check_table(tables[0], 2, of_two);
  check_table(tables[1], 1, of_one);
}

TEST_CASE("types: a fraction cannot become an integer and the error shows it") {
  const Var n = lvector("n");
  const SharedVar counter = shared(Array::scalar(std::int64_t{1}), "counter");
  CHECK(test::contains(
      test::error_of<TypeError>([&] { static_cast<void>(set_subtensor(n[0], 2.5)); }), "2.5"));
  CHECK_THROWS_AS(function({}, {}, {.updates = {{counter, counter * 0.5}}}), TypeError);
}

TEST_CASE("types: an index is int64 or a mask") {
  const Var x = vector("x", float64);
  CHECK_THROWS_AS(x[vector("f")], TypeError);
  CHECK(argmax(x).dtype() == int64);
  const std::vector<std::pair<Var, Array>> at{{x, test::vector({-1, 2, 3})}};
  test::check_close(evaluate(x[x > 0.0], at), test::vector({2, 3}), 0);
  test::check_close(evaluate(x[argmax(x)], at), test::number(3), 0);
}

TEST_CASE("types: round goes to the even neighbour") {
  const Var x = vector("x", float64);
  const std::vector<double> at{-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5, 2.4999, -3.5001};
  Function f = function({x}, {round(x), round(cast(x, float32))});
  const Outputs out = f(at);
  const auto even = test::vector({-2, -2, 0, 0, 2, 2, 4, 2, -4});
  test::check_close(out[0], even, 0);
  test::check_close(out[1], even, 0);
}
