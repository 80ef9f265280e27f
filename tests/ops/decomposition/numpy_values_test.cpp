// What NumPy and SciPy make of fixed matrices: the table is written by numpy_values.py.
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <damo/graph/variables.hpp>
#include <damo/ops/decomposition/decomposition.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/shape/shape.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::array;
using test::check_close;

namespace {

struct Case {
  std::string name;
  std::vector<Array> in, out;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
#include "tests/ops/decomposition/numpy_values.inc"
  };
  return all;
}

Vars magnitudes(const Eigen& e) { return {e.values, abs(e.vectors)}; }
Vars magnitudes(const SingularValues& parts) { return {abs(parts.u), parts.s, abs(parts.vt)}; }

using Call = std::function<Vars(const Vars&)>;

Vars thin_part_of_full_svd(const Vars& x) {
  const auto [u, s, vt] = svd(x[0]);
  const Var k = minimum(size_at(x[0], 0), size_at(x[0], 1));
  return {abs(u(all(), range(k))), s, abs(vt[range(k)])};
}

void add_solvers(std::map<std::string, Call>& calls) {
  calls["cholesky"] = [](const Vars& x) -> Vars { return {cholesky(x[0])}; };
  calls["cholesky upper"] = [](const Vars& x) -> Vars { return {cholesky(x[0], false)}; };
  calls["solve"] = [](const Vars& x) -> Vars { return {solve(x[0], x[1])}; };
  calls["solve vectors"] = [](const Vars& x) -> Vars { return {solve(x[0], x[1], {.b_ndim = 1})}; };
  calls["solve definite"] = [](const Vars& x) -> Vars {
    return {solve(x[0], x[1], {.assume_a = Assume::positive_definite})};
  };
  calls["cho_solve"] = [](const Vars& x) -> Vars { return {cho_solve(x[0], x[1])}; };
  calls["solve_triangular lower"] = [](const Vars& x) -> Vars {
    return {solve_triangular(x[0], x[1], {.lower = true})};
  };
  calls["solve_triangular upper"] = [](const Vars& x) -> Vars {
    return {solve_triangular(x[0], x[1])};
  };
  calls["solve_triangular unit"] = [](const Vars& x) -> Vars {
    return {solve_triangular(x[0], x[1], {.unit_diagonal = true})};
  };
  calls["matrix_inverse"] = [](const Vars& x) -> Vars { return {matrix_inverse(x[0])}; };
  calls["det"] = [](const Vars& x) -> Vars { return {det(x[0])}; };
  calls["slogdet"] = [](const Vars& x) -> Vars {
    const auto [sign, log] = slogdet(x[0]);
    return {sign, log};
  };
  calls["lstsq"] = [](const Vars& x) -> Vars {
    const auto [solution, residuals, rank, s] = lstsq(x[0], x[1]);
    return {solution, residuals, rank, s};
  };
  calls["tensorsolve"] = [](const Vars& x) -> Vars { return {tensorsolve(x[0], x[1])}; };
  calls["tensorinv"] = [](const Vars& x) -> Vars { return {tensorinv(x[0])}; };
  calls["tensorinv 1"] = [](const Vars& x) -> Vars { return {tensorinv(x[0], 1)}; };
}

void add_spectra(std::map<std::string, Call>& calls) {
  calls["eigh"] = [](const Vars& x) { return magnitudes(eigh(x[0])); };
  calls["eigh upper"] = [](const Vars& x) { return magnitudes(eigh(x[0], false)); };
  calls["eigvalsh"] = [](const Vars& x) -> Vars { return {eigvalsh(x[0])}; };
  calls["eigvalsh upper"] = [](const Vars& x) -> Vars { return {eigvalsh(x[0], false)}; };
  calls["eig"] = [](const Vars& x) { return magnitudes(eig(x[0])); };
  calls["svd"] = [](const Vars& x) { return magnitudes(svd(x[0], {.full_matrices = false})); };
  calls["svd full"] = thin_part_of_full_svd;
  calls["svdvals"] = [](const Vars& x) -> Vars { return {svdvals(x[0])}; };
  calls["qr"] = [](const Vars& x) -> Vars {
    const auto [q, r] = qr(x[0]);
    return {q, r};
  };
  calls["qr complete"] = [](const Vars& x) -> Vars {
    const auto [q, r] = qr(x[0], QrMode::complete);
    return {q, r};
  };
  calls["pinv"] = [](const Vars& x) -> Vars { return {pinv(x[0])}; };
  calls["matrix_rank"] = [](const Vars& x) -> Vars { return {matrix_rank(x[0])}; };
  calls["expm"] = [](const Vars& x) -> Vars { return {expm(x[0])}; };
}

void add_products(std::map<std::string, Call>& calls) {
  calls["trace"] = [](const Vars& x) -> Vars { return {trace(x[0])}; };
  calls["trace above"] = [](const Vars& x) -> Vars { return {trace(x[0], 1)}; };
  calls["kron"] = [](const Vars& x) -> Vars { return {kron(x[0], x[1])}; };
  calls["matmul"] = [](const Vars& x) -> Vars { return {matmul(x[0], x[1])}; };
  for (const int n : {0, 1, 2, 5, -3}) {
    calls["matrix_power " + std::to_string(n)] = [n](const Vars& x) -> Vars {
      return {matrix_power(x[0], n)};
    };
  }
  calls["batched_tensordot"] = [](const Vars& x) -> Vars {
    return {batched_tensordot(x[0], x[1])};
  };
  calls["batched_tensordot by axes"] = [](const Vars& x) -> Vars {
    return {batched_tensordot(x[0], x[1], {1, 3}, {3, 1})};
  };
}

std::map<std::string, Call> calls() {
  std::map<std::string, Call> all;
  add_solvers(all);
  add_spectra(all);
  add_products(all);
  return all;
}

/// The results for operands of this dtype, whose sizes are known or not.
std::vector<Array> results(const Call& call, const Case& c, DType dtype, bool known) {
  Vars in;
  std::vector<std::pair<Var, Array>> at;
  for (const Array& value : c.in) {
    Shape dims = value.shape();
    for (std::int64_t& n : dims) n = known || n == 1 ? n : unknown;
    in.push_back(input({dtype, dims}, "x" + std::to_string(in.size())));
    at.emplace_back(in.back(), value.cast(dtype));
  }
  return evaluate(call(in), at);
}

}  // namespace

TEST_CASE("linear algebra: results are those of NumPy and SciPy in float64 and float32") {
  const auto functions = calls();
  for (const Case& c : cases()) {
    CAPTURE(c.name);
    CAPTURE(to_string(c.in[0].shape()));
    REQUIRE(functions.contains(c.name));
    for (const bool known : {true, false}) {
      const auto wide = results(functions.at(c.name), c, float64, known);
      REQUIRE(wide.size() == c.out.size());
      for (std::size_t i = 0; i < wide.size(); ++i) check_close(wide[i], c.out[i], 1e-9);
    }
    // What counts as singular depends on the dtype.
    if (c.name == "slogdet" || c.name == "pinv" || c.name == "lstsq" || c.name == "matrix_rank")
      continue;
    const auto narrow = results(functions.at(c.name), c, float32, true);
    for (std::size_t i = 0; i < narrow.size(); ++i) check_close(narrow[i], c.out[i], 2e-3);
  }
}
