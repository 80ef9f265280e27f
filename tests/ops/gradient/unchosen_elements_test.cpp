#include <random>

#include <damo/damo.hpp>
#include "tests/support/slopes.hpp"
#include "tests/support/values.hpp"

// Elements that a choice does not take contribute nothing through the sums, products, indexing and
// convolutions that read them among others.
using namespace damo;
using test::all_modes;
using test::check_close;
using test::check_slopes;
using test::inf;
using test::not_a_number;
using test::vec;

TEST_CASE("unchosen branch: sums, products, indexing, reshapes and joins keep apart what counts") {
  const double third = 1 / 3.0;
  // The scalar root is infinite at 0 and counts nowhere.
  check_slopes([](const Var& x) { return where(x > 1.0, x * sqrt(x[0]), x); }, vec({0, 1, 0.5}),
               vec({1, 1, 1}));
  check_slopes([](const Var& x) { return where(x[range(2)] > 1.0, sqrt(x)[range(2)], 0.0); },
               vec({0, 4, 9}), vec({0, 0.25, 0}));
  check_slopes(
      [](const Var& x) {
        const Var r = reshape(sqrt(x), Sizes{2, 2});
        const Var m = reshape(x, Sizes{2, 2}) > 1.0;
        return sum(where(m.T(), r.T(), 0.0), 0);
      },
      vec({0, 4, 9, 0}), vec({0, 0.25, 0.5 * third, 0}));
  check_slopes(
      [](const Var& x) {
        const Var both = concatenate({sqrt(x), log(x)}, 0);
        return where(concatenate({x, x}, 0) > 1.0, both, 0.0);
      },
      vec({0, 4}), vec({0, 0.5}));
  check_slopes([](const Var& x) { return where(sum(x) > 100.0, prod(log(x)), sum(x)); },
               vec({0, 4}), vec({1, 1}));
  check_slopes([](const Var& x) { return where(x > 1.0, cumsum(sqrt(x), 0), 0.0); }, vec({4, 0, 0}),
               vec({0.25, 0, 0}));
}

TEST_CASE("unchosen branch: rows that a product should not read are not read") {
  for (const Mode& mode : all_modes()) {
    const Var x = dmatrix("x");
    const Var w = dmatrix("w");
    const Var v = dvector("v");
    const Var keep = bvector("keep");
    const Var rows = dimshuffle(keep, {0, newaxis});
    const Var loss = sum(where(rows, sqr(dot(x, w)), 0.0));
    const Var single = sum(where(keep, tanh(dot(x, v)), 0.0));
    const Var all = dot(x, w);
    const Var finite = sum(where(isnan(all), 0.0, all));
    Function f =
        function({x, w, v, keep},
                 {grad(loss, w), grad(loss, x), grad(single, v), grad(finite, w), grad(finite, x)},
                 {.mode = mode});
    const Outputs out =
        f(test::array({2, 2}, {1, 2, not_a_number, inf}), test::array({2, 2}, {1, 0, 1, 1}),
          vec({0, 0}), Array::from<bool>({true, false}));
    // x w = (3, 2): the gradient is 2 x.T (3, 2).
    check_close(out[0], test::array({2, 2}, {6, 4, 12, 8}), 1e-14);
    check_close(out[1], test::array({2, 2}, {6, 10, 0, 0}), 1e-14);
    check_close(out[2], vec({1, 2}), 1e-14);
    check_close(out[3], test::array({2, 2}, {1, 1, 2, 2}), 1e-14);
    check_close(out[4], test::array({2, 2}, {1, 2, 0, 0}), 1e-14);
  }
}

TEST_CASE("unchosen branch: an infinity is left out where only what is not chosen reads it") {
  const auto kept = [](const Var& all, const std::vector<bool>& which) {
    const Var keep = constant(Array::from(which, Shape{2, 2}));
    return sum(where(all.ndim() == 3 ? expand_dims(keep, 0) : keep, all, 0.0));
  };
  for (const Mode& mode : all_modes()) {
    const Var x = dmatrix("x"), w = dmatrix("w");
    const Var batch = batched_dot(expand_dims(x, 0), expand_dims(w, 0))[0];
    for (const Var& all : {dot(x, w), batch}) {
      const Var some = kept(all, {true, false, false, true});
      const Var both = kept(all, {true, true, false, true});
      Function f = function({x, w}, {grad(some, x), grad(some, w), grad(both, x)}, {.mode = mode});
      const Array good = test::array({2, 2}, {1, 2, 3, 4});
      // Row 0 reads column 0 of w, row 1 column 1.
      Outputs out = f(good, test::array({2, 2}, {5, inf, 7, 8}));
      check_close(out[0], test::array({2, 2}, {5, 7, inf, 8}), 0);
      check_close(out[1], test::array({2, 2}, {1, 3, 2, 4}), 0);
      check_close(out[2], test::array({2, 2}, {inf, 15, inf, 8}), 0);
      // Column 0 of w is read by row 0 of x, column 1 by row 1.
      out = f(test::array({2, 2}, {1, not_a_number, 3, 4}), good);
      check_close(out[0], test::array({2, 2}, {1, 3, 2, 4}), 0);
      check_close(out[1], test::array({2, 2}, {1, 3, not_a_number, 4}), 0);
      out = f(good, good);
      check_close(out[0], test::array({2, 2}, {1, 3, 2, 4}), 0);
      check_close(out[1], test::array({2, 2}, {1, 3, 2, 4}), 0);
    }
  }
}

TEST_CASE("unchosen branch: a product of what is infinite counts nowhere where it is not taken") {
  const auto scalar_cost = [](const Var& x) {
    const Var d = dot(log(x), x);
    return where(d > -1000.0, d, sum(x));
  };
  check_slopes(scalar_cost, vec({0, 2}), vec({1, 1}), vec({0, 0}));
  check_slopes([](const Var& x) { return maximum(dot(log(x), x + 1.0), 0.0); }, vec({0, 2}),
               vec({0, 0}));
  check_slopes([](const Var& x) { return where(sum(x) > 100.0, outer(log(x), x), 0.0); },
               vec({0, 2}), vec({0, 0}), vec({0, 0}));
  check_slopes(
      [](const Var& x) {
        const Var image = reshape(x, {1, 1, 2, 2});
        return where(sum(x) > 100.0, conv2d(log(image), image), 0.0);
      },
      vec({0, 2, 1, 3}), vec({0, 0, 0, 0}));
  check_slopes([](const Var& x) { return where(sum(x) > 100.0, prod(log(x) * x), sum(x)); },
               vec({0, 2}), vec({1, 1}), vec({0, 0}));
}

namespace {

/// A convolution of x (2, 2, 4, 3) with two filters, of any kind.
struct SomeConvolution {
  explicit SomeConvolution(std::mt19937& rng)
      : transposed(rng() % 3 == 0),
        options{.stride = {1 + static_cast<int>(rng() % 2), 1},
                .groups = 1 + static_cast<int>(rng() % 2)} {
    if (!transposed && rng() % 2) options.border = Border::full;
  }
  Var operator()(const Var& x, const Var& w) const {
    return transposed ? conv2d_transpose(x, w, options) : conv2d(x, w, options);
  }
  bool transposed;
  Conv2dOptions options;
};

}  // namespace

// The slopes are those where what only unchosen elements read is 0.

TEST_CASE("unchosen branch: random convolutions with random choices, and either operand") {
  std::mt19937 rng(43);
  const std::vector<double> wild{inf, -inf, not_a_number};
  const Var x = tensor4("x", float64), w = tensor4("w", float64), c = tensor4("c", float64);
  int planted = 0;
  for (int round = 0; round < 60; ++round) {
    CAPTURE(round);
    const SomeConvolution convolution(rng);
    const auto random = [&](const Shape& shape, int values) {
      Array a(float64, shape);
      for (std::int64_t i = 0; i < a.elements(); ++i)
        a.data<double>()[i] = static_cast<double>(rng() % static_cast<unsigned>(values)) - 3;
      return a;
    };
    std::vector<Array> at{random({2, 2, 4, 3}, 7),
                          random({2, 2 / convolution.options.groups, 2, 2}, 7)};
    const Var y = convolution(x, w);
    const Shape sizes = function({x, w}, {y})(at[0], at[1])[0].shape();
    at.push_back(random(sizes, 6));
    const Var one = specify_shape(c(all(), range(1), range(1), range(1)), {-1, 1, 1, 1});
    const Var chosen = (round % 2 ? c : one) > 0.5;  // for each element, or for a whole result
    const Vars slopes = grad(sum(where(chosen, y * (1.0 + y), 0.0)), Vars{x, w});
    const Var met = sum(where(chosen, convolution(abs(x) + 1.0, abs(w) + 1.0), 0.0));
    const Vars read = grad(met, Vars{x, w});
    Function reads = function({x, w, c}, {read[0], read[1]}, {.mode = Mode::none()});
    const std::size_t operand = rng() % 2;
    Array& changed = at[operand];
    std::fill_n(changed.data<double>(), changed.elements(), 1.0);
    const Array weight = reads(at[0], at[1], at[2])[operand];
    Array clean = changed;
    for (std::int64_t i = 0; i < changed.elements(); ++i) {
      changed.data<double>()[i] = clean.data<double>()[i] = static_cast<double>(rng() % 7) - 3;
      if (weight.data<double>()[i] != 0) continue;
      clean.data<double>()[i] = 0;
      changed.data<double>()[i] = wild[rng() % 3];
      ++planted;
    }
    Function f =
        function({x, w, c}, {slopes[0], slopes[1]},
                 {.mode = all_modes()[static_cast<std::size_t>(round) % all_modes().size()]});
    const Outputs found = f(at[0], at[1], at[2]);
    std::swap(changed, clean);
    const Outputs expected = f(at[0], at[1], at[2]);
    check_close(found[0], expected[0], 1e-12);
    check_close(found[1], expected[1], 1e-12);
  }
  CHECK(planted > 100);
}

TEST_CASE("unchosen branch: what is convolved or pooled may be steep where it is not taken") {
  const auto second_of_two = [](const Var& y) {
    return where(cast(constant(vec({0, 1})), y.dtype()) > 0.5, y, 0.0);
  };
  check_slopes(
      [&](const Var& x) {
        const Var image = reshape(x, {1, 1, 2, 3});
        return second_of_two(conv2d(sqrt(image), ones({1, 1, 2, 2}, x.dtype())));
      },
      vec({0, 1, 4, 0, 1, 4}), vec({0, 0.5, 0.25, 0, 0.5, 0.25}),
      vec({0, -0.25, -1.0 / 32, 0, -0.25, -1.0 / 32}));
  check_slopes(
      [&](const Var& x) {
        const Var filters = reshape(x, {2, 1, 1, 2});
        const Var y = conv2d(ones({1, 1, 1, 2}, x.dtype()), log(filters));
        return second_of_two(flatten(y));
      },
      vec({0, 0, 1, 4}), vec({0, 0, 1, 0.25}), vec({0, 0, -1, -1.0 / 16}));
  check_slopes(
      [&](const Var& x) {
        return second_of_two(max_pool2d(sqrt(reshape(x, {1, 1, 2, 4})), {2, 2}));
      },
      vec({0, 0, 4, 0, 0, 0, 1, 0}), vec({0, 0, 0.25, 0, 0, 0, 0, 0}));
  check_slopes(
      [&](const Var& x) {
        return second_of_two(mean_pool2d(log(reshape(x, {1, 1, 2, 4})), {2, 2}));
      },
      vec({0, 0, 4, 1, 0, 0, 1, 2}), vec({0, 0, 1.0 / 16, 0.25, 0, 0, 0.25, 0.125}));
}

// Elements that only unchosen elements of a product read may be anything: the slopes are those
// where they are 0.

TEST_CASE(
    "unchosen branch: random products with random choices, of every rank and either operand") {
  std::mt19937 rng(41);
  const std::vector<double> wild{inf, -inf, not_a_number};
  for (int round = 0; round < 120; ++round) {
    CAPTURE(round);
    const int ranks = round % 4;  // vector or matrix on either side
    const bool batched = round % 3 == 0;
    const std::int64_t m = 1 + rng() % 3, k = 1 + rng() % 3, n = 1 + rng() % 3;
    const Shape left = batched ? Shape{2, m, k} : ranks & 1 ? Shape{k} : Shape{m, k};
    const Shape right = batched ? Shape{2, k, n} : ranks & 2 ? Shape{k} : Shape{k, n};
    const auto random = [&](const Shape& shape) {
      Array a(float64, shape);
      for (std::int64_t i = 0; i < a.elements(); ++i)
        a.data<double>()[i] = static_cast<double>(rng() % 7) - 3;
      return a;
    };
    Array a = random(left), b = random(right);
    const Var x = input({float64, Shape(std::vector<std::int64_t>(left.rank(), unknown))}, "x");
    const Var w = input({float64, Shape(std::vector<std::int64_t>(right.rank(), unknown))}, "w");
    const Var product = batched ? batched_dot(x, w) : dot(x, w);
    // A mark for all, for each row, each column, or each element.
    std::vector<std::int64_t> sizes =
        batched ? std::vector<std::int64_t>{2, m, n} : std::vector<std::int64_t>{};
    if (!batched && left.rank() == 2) sizes.push_back(m);
    if (!batched && right.rank() == 2) sizes.push_back(n);
    for (std::int64_t& size : sizes) {
      if (rng() % 2 == 0) size = 1;
    }
    Array mask(boolean, Shape(sizes));
    for (std::int64_t i = 0; i < mask.elements(); ++i) mask.data<bool>()[i] = rng() % 2 == 0;
    const Var marks = constant(mask);
    const auto cost = [&](const Var& y) { return sum(where(marks, sqr(y) + y, 0.5)); };
    // Which elements the chosen ones read: those whose change shows.
    const Array one_a =
        Array::from(std::vector<double>(static_cast<std::size_t>(a.elements()), 1.0), left);
    const Array one_b =
        Array::from(std::vector<double>(static_cast<std::size_t>(b.elements()), 1.0), right);
    const Var chosen = sum(where(marks, product, 0.0));
    Function reads = function({x, w}, grad(chosen, {x, w}));
    const Outputs read = reads(one_a, one_b);
    Array clean_a = a, clean_b = b;
    for (auto* pair : {&a, &b}) {
      Array& clean = pair == &a ? clean_a : clean_b;
      const Array& how = read[pair == &a ? 0 : 1];
      for (std::int64_t i = 0; i < pair->elements(); ++i) {
        if (how.data<double>()[i] != 0) continue;
        clean.data<double>()[i] = 0;
        if (rng() % 2 == 0) pair->data<double>()[i] = wild[rng() % wild.size()];
      }
    }
    const Vars slopes = grad(cost(product), {x, w});
    for (const Mode& mode : {Mode::none(), Mode::fast()}) {
      Function f = function({x, w}, slopes, {.mode = mode});
      const Outputs found = f(a, b);
      const Outputs truth = f(clean_a, clean_b);
      for (std::size_t i = 0; i < 2; ++i) check_close(found[i], truth[i], 1e-13);
    }
  }
}
