#include <map>
#include <random>
#include <set>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/gradient/verify_grad.hpp>
#include <damo/ops/linalg/einsum.hpp>
#include "tests/support/rewrite.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using test::check_close;
using test::contains;
using test::error_of;

namespace {

Array random_array(const Shape& shape, std::mt19937& rng) {
  Array a(float64, shape);
  std::uniform_real_distribution<double> value(-1, 1);
  for (std::int64_t i = 0; i < a.elements(); ++i) a.data<double>()[i] = value(rng);
  return a;
}

/// Every position of every letter, one after the other.
Array by_loops(const std::vector<std::string>& terms, const std::string& result,
               const std::map<char, std::int64_t>& sizes, const std::vector<Array>& operands) {
  std::string letters;
  Shape all;
  for (const auto& [c, n] : sizes) {
    letters += c;
    all.push_back(n);
  }
  Shape out_shape;
  for (const char c : result) out_shape.push_back(sizes.at(c));
  Array out(float64, out_shape);
  std::fill_n(out.data<double>(), out.elements(), 0.0);
  for (std::int64_t flat = 0; flat < all.elements(); ++flat) {
    std::map<char, std::int64_t> at;
    std::int64_t rest = flat;
    for (std::size_t i = letters.size(); i-- > 0; rest /= all[i]) at[letters[i]] = rest % all[i];
    const auto place = [&](const std::string& term, const Shape& shape) {
      std::int64_t offset = 0;
      for (std::size_t i = 0; i < term.size(); ++i)
        offset = offset * shape[i] + (shape[i] == 1 ? 0 : at.at(term[i]));
      return offset;
    };
    double product = 1;
    for (std::size_t t = 0; t < terms.size(); ++t)
      product *= operands[t].data<double>()[place(terms[t], operands[t].shape())];
    out.data<double>()[place(result, out_shape)] += product;
  }
  return out;
}

Var of_array(const Array& a, bool known) {
  Shape dims = a.shape();
  for (std::int64_t& n : dims) n = known || n == 1 ? n : unknown;
  return input({float64, dims});
}

void check_einsum(const std::vector<std::string>& terms, const std::string& result,
                  const std::map<char, std::int64_t>& sizes, std::mt19937& rng) {
  std::vector<Array> operands;
  std::string text;
  for (const std::string& term : terms) {
    Shape shape;
    for (const char c : term) shape.push_back(sizes.at(c));
    operands.push_back(random_array(shape, rng));
    text += (operands.size() == 1 ? "" : ",") + term;
  }
  text += "->" + result;
  CAPTURE(text);
  const Array truth = by_loops(terms, result, sizes, operands);
  for (const bool known : {false, true}) {
    Vars in;
    std::vector<std::pair<Var, Array>> at;
    for (const Array& a : operands) {
      in.push_back(of_array(a, known));
      at.emplace_back(in.back(), a);
    }
    const Var v = einsum(text, in);
    check_close(evaluate(v, at), truth, 1e-13);
    check_close(evaluate(test::rewritten(v), at), truth, 1e-13);
  }
}

}  // namespace

TEST_CASE("einsum: of the usual subscripts is what loops compute") {
  std::mt19937 rng(2);
  const std::map<char, std::int64_t> sizes{{'i', 2}, {'j', 3}, {'k', 4}, {'b', 3}};
  const auto check = [&](const std::vector<std::string>& terms, const std::string& result) {
    std::map<char, std::int64_t> used;
    for (const std::string& t : terms) {
      for (const char c : t) used[c] = sizes.at(c);
    }
    check_einsum(terms, result, used, rng);
  };
  check({"ij", "jk"}, "ik");
  check({"ij", "jk"}, "ki");
  check({"bij", "bjk"}, "bik");
  check({"bij", "jk"}, "bik");
  check({"ij"}, "ji");
  check({"ij"}, "");
  check({"ij"}, "j");
  check({"jb"}, "jb");
  check({"i", "j"}, "ij");
  check({"ij", "ij"}, "i");
  check({"ij", "ij"}, "");
  check({"ij", "jk", "kb"}, "ib");
  check({"bi", "bj", "ijk"}, "bk");
  check({"i", "ij", "j"}, "");
  check({"ijk", "k"}, "ij");
}

TEST_CASE("einsum: of random subscripts is what loops compute") {
  std::mt19937 rng(7);
  const std::string letters = "abcde";
  for (int round = 0; round < 150; ++round) {
    std::map<char, std::int64_t> sizes;
    std::vector<std::string> terms;
    const int n = 1 + static_cast<int>(rng() % 4);
    for (int t = 0; t < n; ++t) {
      std::string term;
      for (std::size_t k = rng() % 4; k > 0; --k) term += letters[rng() % letters.size()];
      for (const char c : term)
        sizes.try_emplace(c, rng() % 12 == 0 ? 0 : static_cast<std::int64_t>(1 + rng() % 3));
      terms.push_back(term);
    }
    std::string result;
    for (const auto& [c, size] : sizes) {
      if (rng() % 2 == 0) result += c;
    }
    std::shuffle(result.begin(), result.end(), rng);
    check_einsum(terms, result, sizes, rng);
  }
}

TEST_CASE("einsum: diagonals, ellipses and implicit results are NumPy's") {
  const Var m = constant(test::counting({3, 3}));
  const Var t = constant(test::counting({2, 3, 3}));
  check_close(evaluate(einsum("ii", {m})), test::number(12), 0);
  check_close(evaluate(einsum("ii->i", {m})), test::vector({0, 4, 8}), 0);
  check_close(evaluate(einsum("...ii->...i", {t})), test::array({2, 3}, {0, 4, 8, 9, 13, 17}), 0);
  check_close(evaluate(einsum("ba", {m})), test::array({3, 3}, {0, 3, 6, 1, 4, 7, 2, 5, 8}), 0);
  check_close(evaluate(einsum("...j,jk", {t, m})), evaluate(einsum("aij,jk->aik", {t, m})), 0);
  check_close(evaluate(einsum("i...->...", {t})),
              test::array({3, 3}, {9, 11, 13, 15, 17, 19, 21, 23, 25}), 0);
  check_close(evaluate(einsum("... , ...", {m, constant(test::number(2))})),
              test::array({3, 3}, {0, 2, 4, 6, 8, 10, 12, 14, 16}), 0);
  const Var row = constant(test::counting({1, 3}));
  check_close(evaluate(einsum("ij,ij->ij", {m, row})),
              test::array({3, 3}, {0, 1, 4, 0, 4, 10, 0, 7, 16}), 0);
}

TEST_CASE("einsum: of integers is an integer, of float32 a float32") {
  const Var i = constant(Array::from<std::int64_t>({1, 2, 3}));
  const Var f = constant(Array::from<float>({1, 2, 3}));
  CHECK(einsum("i,i", {i, i}).dtype() == int64);
  CHECK(evaluate(einsum("i,i", {i, i})).item<std::int64_t>() == 14);
  CHECK(einsum("i,i", {i, f}).dtype() == float32);
}

TEST_CASE("einsum: has the derivatives of finite differences, twice") {
  std::mt19937 rng(3);
  const VerifyGradOptions all{.second_order = true, .forward_mode = true};
  const auto check = [&](const char* text, const std::vector<Shape>& shapes) {
    CAPTURE(text);
    std::vector<Array> points;
    for (const Shape& s : shapes) points.push_back(random_array(s, rng));
    CHECK_NOTHROW(verify_grad([&](const Vars& in) { return einsum(text, in); }, points, all));
  };
  check("ij,jk->ik", {{2, 3}, {3, 2}});
  check("bij,bjk->bik", {{2, 2, 3}, {2, 3, 2}});
  check("bi,bj,ijk->bk", {{2, 2}, {2, 3}, {2, 3, 2}});
  check("iij->j", {{2, 2, 3}});
  check("i,j,i->j", {{2}, {3}, {2}});
}

TEST_CASE("einsum: subscripts that do not fit are errors with operands and line") {
  const Var a = input({float64, {2, 3}}, "a");
  const Var b = input({float64, {4, 5}}, "b");
  const auto text = [&](const char* subscripts, const Vars& operands) {
    const std::string error = error_of<ShapeError>([&] { einsum(subscripts, operands); });
    CHECK(contains(error, "einsum_test.cpp:"));
    return error;
  };
  CHECK(contains(text("ij,jk", {a, b}), "'j' has sizes 3 and 4"));
  CHECK(contains(text("ij,jk", {a, b}), "'b'"));
  CHECK(contains(text("ij", {a, b}), "1 terms for 2 operands"));
  CHECK(contains(text("ijk", {a}), "names 3 axes"));
  CHECK(contains(text("ij->k", {a}), "'k' of the result is in no operand"));
  CHECK(contains(text("ij->ii", {a}), "twice in the result"));
  CHECK(contains(text("i2", {a}), "'2' is no letter"));
  CHECK(contains(text("i...->i", {a}), "no ellipsis"));
  const Var x = dmatrix("x");
  const std::vector<std::pair<Var, Array>> at{{x, test::counting({2, 3})}};
  error_of<ShapeError>([&] { evaluate(einsum("ij,jk->ik", {x, x}), at); });
  error_of<ShapeError>([&] { evaluate(einsum("ii", {x}), at); });
}
