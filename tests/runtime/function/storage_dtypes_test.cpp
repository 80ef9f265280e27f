#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <damo/damo.hpp>
#include "tests/support/values.hpp"

// uint8 and int32 are stored and moved; whatever computes sees int64.
using namespace damo;
using test::contains;
using test::error_of;

namespace {

using Build = std::function<Var(const Var&)>;

struct Case {
  const char* name;
  Build build;
};

/// What moves elements, of a tensor of rank 2.
const std::vector<Case> moves{
    {"x", [](const Var& x) { return x; }},
    {"T", [](const Var& x) { return x.T(); }},
    {"reshape",
     [](const Var& x) {
       return reshape(x, {-1, 1});
     }},
    {"flatten", [](const Var& x) { return flatten(x); }},
    {"dimshuffle",
     [](const Var& x) {
       return dimshuffle(x, {1, newaxis, 0});
     }},
    {"expand_dims", [](const Var& x) { return expand_dims(x, 1); }},
    {"squeeze", [](const Var& x) { return squeeze(expand_dims(x, 0), 0); }},
    {"swapaxes", [](const Var& x) { return swapaxes(x, 0, 1); }},
    {"moveaxis", [](const Var& x) { return moveaxis(x, -1, 0); }},
    {"broadcast_to",
     [](const Var& x) {
       return broadcast_to(expand_dims(x, 0), {3, size_at(x, 0), size_at(x, 1)});
     }},
    {"specify_shape",
     [](const Var& x) {
       return specify_shape(x, {size_at(x, 0), -1});
     }},
    {"unbroadcast", [](const Var& x) { return unbroadcast(expand_dims(x, 0), {0}); }},
    {"range", [](const Var& x) { return x[range(0, 2)]; }},
    {"step", [](const Var& x) { return x(all(), range(9, 0, -2)); }},
    {"newaxis", [](const Var& x) { return x(all(), newaxis, from(1)); }},
    {"ellipsis", [](const Var& x) { return x(ellipsis, newaxis); }},
    {"gather", [](const Var& x) { return x[arange(size_at(x, 0)) % 2 * (size_at(x, 0) - 1)]; }},
    {"mask", [](const Var& x) { return x[sum(x, 1) > 100]; }},
    {"take", [](const Var& x) { return take(x, arange(size_at(x, 1)), 1); }},
    {"take_along_axis",
     [](const Var& x) { return take_along_axis(x, zeros_like(x(all(), range(0, 1)), int64), 1); }},
    {"concatenate",
     [](const Var& x) {
       return concatenate({x, x}, 1);
     }},
    {"stack",
     [](const Var& x) {
       return stack({x, x}, 1);
     }},
    {"split",
     [](const Var& x) {
       return split(x, {1, size_at(x, 0) - 1}, 0)[1];
     }},
    {"repeat", [](const Var& x) { return repeat(x, 2, 0); }},
    {"tile",
     [](const Var& x) {
       return tile(x, {2, 1});
     }},
    {"unique", [](const Var& x) { return unique(x); }},
    {"sort", [](const Var& x) { return sort(x, 1); }},
    {"sort 0", [](const Var& x) { return sort(x.T(), 0); }},
    {"topk", [](const Var& x) { return topk(x, 1); }},
    {"topk -1", [](const Var& x) { return topk(x, -1, 0); }},
    {"compress", [](const Var& x) { return compress(x(all(), 0) > 100, x, 0); }},
    {"roll", [](const Var& x) { return roll(x, 1, 0); }},
    {"flip", [](const Var& x) { return flip(x, 1); }},
    {"rot90", [](const Var& x) { return rot90(x); }},
    {"pad", [](const Var& x) { return pad(x, 1); }},
    {"pad 7", [](const Var& x) { return pad(x, 1, {.value = 7}); }},
    {"pad edge",
     [](const Var& x) {
       return pad(concatenate({x, x[range(0, 1)]}, 0), 1, {.mode = PadMode::edge});
     }},
    {"zeros_like", [](const Var& x) { return zeros_like(x); }},
    {"ones_like", [](const Var& x) { return ones_like(x); }},
    {"full_like", [](const Var& x) { return full_like(x, 200); }},
    {"diagonal", [](const Var& x) { return diagonal(x); }},
    {"set_subtensor", [](const Var& x) { return set_subtensor(x(all(), range(0, 1)), 9); }},
    {"set rows",
     [](const Var& x) {
       return set_subtensor(x[arange(minimum(size_at(x, 0), 1))], x[range(0, 1)]);
     }},
    {"set bool", [](const Var& x) { return set_subtensor(x(all(), range(0, 1)), sum(x) > 3); }},
    {"ifelse", [](const Var& x) { return ifelse(sum(x) > 3, x, zeros_like(x)); }},
    {"consider_constant", [](const Var& x) { return consider_constant(x); }},
    {"Assert", [](const Var& x) { return Assert("never")(x, sum(x) > -1); }},
    {"map", [](const Var& x) { return map([](Var row) { return row; }, x).outputs[0]; }},
    {"scan of a state",
     [](const Var& x) {
       return scan(
                  [](Var row, Var last) {
                    return concatenate({last[from(1)], row[range(0, 1)]}, 0);
                  },
                  {.sequences = {x}, .outputs_info = {zeros_like(x(all(), 0))}})
           .outputs[0];
     }},
};

/// What computes.
const std::vector<Case> computations{
    {"+", [](const Var& x) { return x + x; }},
    {"+ 1", [](const Var& x) { return x + 1; }},
    {"* 2.5", [](const Var& x) { return x * 2.5; }},
    {"/ 2", [](const Var& x) { return x / 2; }},
    {"1 -", [](const Var& x) { return 1 - x; }},
    {"-", [](const Var& x) { return -x; }},
    {"%", [](const Var& x) { return x % 7; }},
    {"floor_div", [](const Var& x) { return floor_div(x, 3); }},
    {"pow", [](const Var& x) { return pow(x, 2); }},
    {"exp", [](const Var& x) { return exp(x / 255.0); }},
    {"sigmoid", [](const Var& x) { return sigmoid(x); }},
    {"float32", [](const Var& x) { return x * Arg(0.5f).var(float32); }},
    {"float64", [](const Var& x) { return x * Arg(0.1).var(float64); }},
    {"int64", [](const Var& x) { return x + arange(size_at(x, 1)); }},
    {"bool", [](const Var& x) { return x + (x > 3); }},
    {"<", [](const Var& x) { return x < 100; }},
    {"eq", [](const Var& x) { return eq(x, x.T().T()); }},
    {"and_", [](const Var& x) { return and_(x, x > 2); }},
    {"where", [](const Var& x) { return where(x > 9, x, 0); }},
    {"where x", [](const Var& x) { return where(x, 1.0, 0.0); }},
    {"maximum", [](const Var& x) { return maximum(x, 9); }},
    {"clip", [](const Var& x) { return clip(x, 3, 200); }},
    {"bitwise_and", [](const Var& x) { return bitwise_and(x, 15); }},
    {"invert", [](const Var& x) { return invert(x); }},
    {"left_shift", [](const Var& x) { return left_shift(x, 9); }},
    {"sum", [](const Var& x) { return sum(x); }},
    {"sum 0", [](const Var& x) { return sum(x, 0); }},
    {"mean",
     [](const Var& x) {
       return mean(concatenate({x, x}, 0), 0);
     }},
    {"var", [](const Var& x) { return damo::var(x, 1); }},
    {"prod", [](const Var& x) { return prod(x, 1); }},
    {"any", [](const Var& x) { return damo::any(x, 1); }},
    {"all", [](const Var& x) { return all(x, 1); }},
    {"max",
     [](const Var& x) {
       return max(concatenate({x, ones_like(x), x}, 1), 1);
     }},
    {"cumsum", [](const Var& x) { return cumsum(x, 1); }},
    {"argsort", [](const Var& x) { return argsort(x, 1); }},
    {"choose",
     [](const Var& x) {
       return choose(cast(x > 100, int64), {x, x.T().T()});
     }},
    {"bincount", [](const Var& x) { return bincount(flatten(x)); }},
    {"searchsorted", [](const Var& x) { return searchsorted(sort(flatten(x)), x(all(), 0)); }},
    {"diff", [](const Var& x) { return diff(x, 1, 1); }},
    {"dot", [](const Var& x) { return dot(x, x.T()); }},
    {"dot float",
     [](const Var& x) {
       return dot(x, ones({size_at(x, 1), 2}, float32));
     }},
    {"einsum",
     [](const Var& x) {
       return einsum("ij,ij->i", {x, x});
     }},
    {"one_hot", [](const Var& x) { return one_hot(x(all(), 0) % 4, 4); }},
    {"tril", [](const Var& x) { return tril(x); }},
    {"inc_subtensor", [](const Var& x) { return inc_subtensor(x(all(), range(0, 1)), 300); }},
    {"inc rows", [](const Var& x) { return inc_subtensor(x[arange(size_at(x, 0))], x); }},
    {"nonzero", [](const Var& x) { return nonzero(x)[1]; }},
    {"shape", [](const Var& x) { return shape(x); }},
    {"norm", [](const Var& x) { return norm(x, 1); }},
    {"softmax", [](const Var& x) { return softmax(x); }},
    {"reduce",
     [](const Var& x) {
       return reduce([](Var row, Var last) { return last + row; }, x, zeros_like(x[0], int64))
           .outputs[0];
     }},
    {"index by it", [](const Var& x) { return arange(300)[x]; }},
    {"range by it", [](const Var& x) { return arange(300)[range(0, cast(sum(x), uint8))]; }},
    {"size",
     [](const Var& x) {
       return zeros({cast(sum(x), uint8), 2});
     }},
    {"steps",
     [](const Var& x) {
       return scan([](Var last) { return last + 1.0; },
                   {.outputs_info = {Arg(0.0).var()}, .n_steps = cast(sum(x), uint8) + 1})
           .outputs[0];
     }},
};

Array drawn(DType dtype, const Shape& shape, std::mt19937_64& random) {
  Array a(int64, shape);
  for (std::int64_t i = 0; i < a.elements(); ++i)
    a.data<std::int64_t>()[i] = static_cast<std::int64_t>(random() % 256);
  return a.cast(dtype);
}

const std::vector<Shape> shapes{{3, 5}, {4, 4}, {1, 1}, {1, 6}, {2, 1}};

/// Both graphs computed, as a function and by `evaluate`.
void check_same(const Case& c, DType dtype, const Shape& shape, bool carried) {
  CAPTURE(std::string(c.name));
  CAPTURE(to_string(shape));
  CAPTURE(name(dtype));
  std::mt19937_64 random(shape.elements());
  const Array value = drawn(dtype, shape, random);
  const Var x = matrix("x", dtype);
  const Var wide = matrix("wide", int64);
  const Var out = c.build(x);
  const Var expected = c.build(wide);
  CHECK(out.dtype() == (carried ? dtype : expected.dtype()));
  const Array truth = function({wide}, {expected})(value.cast(int64))[0];
  for (const Array& result : {Array(function({x}, {out})(value)[0]),
                              evaluate(out, std::vector<std::pair<Var, Array>>{{x, value}}),
                              Array(function({}, {c.build(shared(value, "s"))})()[0])}) {
    CHECK(result.dtype() == out.dtype());
    CHECK(result.shape() == truth.shape());
    test::check_same_bits(result.cast(truth.dtype()), truth);
  }
}

}  // namespace

TEST_CASE("storage dtypes: what moves elements keeps the dtype and moves as in int64") {
  for (const Case& c : moves) {
    for (const DType dtype : {uint8, int32}) {
      for (const Shape& shape : shapes) check_same(c, dtype, shape, true);
    }
  }
}

TEST_CASE("storage dtypes: what computes gives the values and the dtype of int64") {
  for (const Case& c : computations) {
    for (const DType dtype : {uint8, int32}) {
      for (const Shape& shape : shapes) check_same(c, dtype, shape, false);
    }
  }
}

TEST_CASE("storage dtypes: long vectors are sorted as in int64, and their positions found") {
  std::mt19937_64 random(5);
  for (const DType dtype : {uint8, int32}) {
    Array value(int64, Shape{5000});
    for (std::int64_t& v : std::span(value.data<std::int64_t>(), 5000))
      v = static_cast<std::int64_t>(random());
    const Array given = value.cast(dtype);
    const Array wide = given.cast(int64);
    std::vector<std::int64_t> order(5000);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
      return wide.data<std::int64_t>()[a] < wide.data<std::int64_t>()[b];
    });
    const Var x = vector("x", dtype);
    const Outputs found = function({x}, {sort(x), argsort(x)})(given);
    CHECK(found[0].dtype() == dtype);
    const Array sorted = found[0].cast(int64);
    for (std::size_t i = 0; i < order.size(); ++i) {
      CHECK(found[1].data<std::int64_t>()[i] == order[i]);
      CHECK(sorted.data<std::int64_t>()[i] == wide.data<std::int64_t>()[order[i]]);
    }
  }
}

TEST_CASE("storage dtypes: tensors without elements are moved and summed") {
  for (const DType dtype : {uint8, int32}) {
    for (const Shape& shape : {Shape{0, 4}, Shape{3, 0}}) {
      const Var x = matrix("x", dtype);
      const Array none(dtype, shape);
      const std::vector<Build> builds{[](const Var& v) { return v.T(); },
                                      [](const Var& v) { return flatten(v); },
                                      [](const Var& v) { return v[range(0, 2)]; },
                                      [](const Var& v) {
                                        return concatenate({v, v}, 0);
                                      },
                                      [](const Var& v) { return cast(v, float32); },
                                      [](const Var& v) { return v[arange(0)]; }};
      for (const Build& build : builds) {
        const Array result = function({x}, {build(x)})(none)[0];
        CHECK(result.elements() == 0);
      }
      CHECK(function({x}, {sum(x)})(none).scalar<std::int64_t>(0) == 0);
    }
  }
}

TEST_CASE("storage dtypes: images of bytes take a byte a pixel, as a shared variable too") {
  const xt::xarray<std::uint8_t> images = xt::ones<std::uint8_t>({600, 784});
  const SharedVar x = shared(images, "images");
  CHECK(x.dtype() == uint8);
  CHECK(x.value().bytes() == 600 * 784);
  CHECK(shared(Array(uint8, Shape{60000, 784})).value().bytes() == 47'040'000);
  CHECK(x.get_value<std::uint8_t>() == images);
  CHECK(shared(std::vector<std::uint8_t>{1, 2, 3}).value().bytes() == 3);
  const xt::xarray<std::int32_t> labels{5, -2, 7};
  const SharedVar y = shared(labels, "labels");
  CHECK(y.dtype() == int32);
  CHECK(y.value().bytes() == 12);
  CHECK(y.get_value<std::int32_t>() == labels);
  CHECK(shared(std::vector<int>{1, 2}).dtype() == int64);  // int is C++'s any whole number
}

TEST_CASE("storage dtypes: a minibatch is taken in bytes and then made float") {
  std::mt19937_64 random(3);
  const Array pixels = drawn(uint8, Shape{50, 6}, random);
  const SharedVar x = shared(pixels, "pixels");
  const Var i = lscalar("i");
  const Var batch = cast(x[range(i * 10, (i + 1) * 10)], float32) / 255;
  for (const Var& rows : {batch, (cast(x, float32) / 255)[range(i * 10, (i + 1) * 10)]}) {
    Function f = function({i}, {rows});
    CHECK(contains(debugprint(f), "float32 (?, ?)"));
    const Array taken = f(2)[0];
    REQUIRE(taken.shape() == Shape{10, 6});
    for (std::int64_t k = 0; k < 60; ++k)
      CHECK(taken.data<float>()[k] ==
            static_cast<float>(pixels.data<std::uint8_t>()[120 + k]) / 255);
  }
}

TEST_CASE("storage dtypes: conversions between all dtypes are those of arrays") {
  const Array from = Array::from<double>({-300, -1, -0.5, 0, 0.5, 1, 2.7, 255, 256, 70000, 4e9});
  for (const DType a : all_dtypes) {
    for (const DType b : all_dtypes) {
      const Array value = from.cast(a);
      const Var x = vector("x", a);
      CAPTURE(name(a));
      CAPTURE(name(b));
      test::check_same_bits(function({x}, {cast(x, b)})(value)[0], value.cast(b));
      test::check_same_bits(function({x}, {cast(cast(x, b), float64)})(value)[0],
                            value.cast(b).cast(float64));
      test::check_same_bits(
          function({x}, {cast(x.T() + x, b)})(value)[0],
          evaluate(cast(x + x, b), std::vector<std::pair<Var, Array>>{{x, value}}));
    }
  }
}

TEST_CASE("storage dtypes: a function takes its own dtype and refuses another with a message") {
  const Var x = vector("x", uint8);
  Function f = function({x}, {x * 2});
  CHECK(f(std::vector<std::uint8_t>{1, 200}).array<std::int64_t>(0) ==
        xt::xarray<std::int64_t>{2, 400});
  CHECK(f(xt::xarray<std::uint8_t>{4}).array<std::int64_t>(0)(0) == 8);
  for (const DType other : {boolean, int32, int64, float32, float64}) {
    const std::string text = error_of<TypeError>([&] { f(Array(other, Shape{2})); });
    CHECK(contains(text, "convert it to uint8"));
    CHECK(contains(text, std::string(name(other)) + " (2,)"));
    CHECK(contains(text, "storage_dtypes_test.cpp:"));
  }
  const Var y = vector("y", int32);
  Function g = function({y}, {y + 1});
  CHECK(g(std::vector<int>{3}).array<std::int64_t>(0)(0) == 4);
  CHECK(g(xt::xarray<int>{3}).array<std::int64_t>(0)(0) == 4);
  CHECK_THROWS_AS(g(std::vector<std::int64_t>{3}), TypeError);
  CHECK_THROWS_AS(g(std::vector<std::uint8_t>{3}), TypeError);
  Function converts = function({In(x, {.allow_downcast = true})}, {x});
  CHECK(converts(std::vector<double>{2.5, 300}).array<std::uint8_t>(0) ==
        xt::xarray<std::uint8_t>{2, 44});
}

TEST_CASE("storage dtypes: an int64 input takes containers of int and of bytes") {
  const Var n = lvector("n");
  Function f = function({n}, {n + 1});
  CHECK(f(std::vector<int>{3}).array<std::int64_t>(0)(0) == 4);
  CHECK(f(xt::xarray<int>{3}).array<std::int64_t>(0)(0) == 4);
  CHECK(f(xt::xarray<std::uint8_t>{3}).array<std::int64_t>(0)(0) == 4);
  const SharedVar s = shared(std::vector<std::int64_t>{1, 2}, "s");
  s.set_value(std::vector<int>{5, 6});
  s.set_value(xt::xarray<std::uint8_t>{7, 8});
  CHECK(s.get_value<std::int64_t>()(1) == 8);
  const SharedVar t = shared(xt::xarray<int>{1, 2}, "t");
  t.set_value(std::vector<int>{5, 6});
  CHECK(t.get_value<std::int32_t>()(1) == 6);
  CHECK_THROWS_AS(t.set_value(std::vector<std::int64_t>{5, 6}), TypeError);
}

TEST_CASE("storage dtypes: a number fits or is refused") {
  const Var x = scalar("x", uint8);
  Function f = function({x}, {x});
  CHECK(f(255).scalar<int>(0) == 255);
  CHECK(f(7.0).scalar<int>(0) == 7);
  for (const double bad : {-1.0, 256.0, 1.5}) {
    CHECK(contains(error_of<TypeError>([&] { f(bad); }), "no uint8"));
  }
  const Var v = vector("v", uint8);
  CHECK_THROWS_AS(set_subtensor(v[0], 256), TypeError);
  CHECK_THROWS_AS(full_like(v, -1), TypeError);
  CHECK_THROWS_AS(set_subtensor(v[0], lscalar("n")), TypeError);
}

TEST_CASE("storage dtypes: an update must be cast to the dtype of its variable") {
  const SharedVar count = shared(xt::xarray<std::uint8_t>{1, 255}, "count");
  const std::string text = error_of<TypeError>([&] {
    function({}, {}, {.updates = {{count, count + 1}}});
  });
  CHECK(contains(text, "uint8"));
  CHECK(contains(text, "int64"));
  Function step = function({}, {}, {.updates = {{count, cast(count + 1, uint8)}}});
  step();
  CHECK(count.get_value<std::uint8_t>() == xt::xarray<std::uint8_t>{2, 0});
  count.set_default_update(flip(count, 0));
  function({}, {count})();
  CHECK(count.get_value<std::uint8_t>() == xt::xarray<std::uint8_t>{0, 2});
  CHECK_THROWS_AS(count.set_default_update(count + 1), TypeError);
}

TEST_CASE("storage dtypes: givens must be of the dtype, and the error shows the cast") {
  const SharedVar images = shared(xt::xarray<std::uint8_t>{{1, 2}, {3, 4}}, "images");
  const Var x = matrix("x");
  CHECK(contains(error_of<TypeError>([&] {
                   function({}, {sum(x)}, {.givens = {{x, images}}});
                 }),
                 "cast(images, float32)"));
  CHECK(function({}, {sum(x)}, {.givens = {{x, cast(images, float32)}}})().scalar<float>(0) == 10);
  const Var y = matrix("y", uint8);
  CHECK(function({}, {sum(y)}, {.givens = {{y, images[range(0, 1)]}}})().scalar<int>(0) == 3);
}

TEST_CASE("storage dtypes: gradients pass by bytes and reach what is beside them") {
  const SharedVar x = shared(xt::xarray<std::uint8_t>{{1, 2}, {3, 4}}, "x");
  const SharedVar w = shared(xt::xarray<double>{0.5, -1}, "w");
  const Var cost = sum(sqr(dot(x, w)));
  const Array g = function({}, {grad(cost, w)})()[0];
  // d/dw |Xw|^2 = 2 X'Xw
  test::check_close(g, test::vector({2 * (1 * -1.5 + 3 * -2.5), 2 * (2 * -1.5 + 4 * -2.5)}), 1e-12);
  CHECK(
      grad(sum(cast(x, float64) * 2.0), x, {.disconnected_inputs = Disconnected::ignore}).ndim() ==
      2);
}

TEST_CASE("storage dtypes: graphs as text, the debug print and values say uint8 and int32") {
  const Var x = matrix("x", uint8);
  const Var y = vector("y", int32);
  const Var c = constant(Array::from<std::uint8_t>({3, 255}), "c");
  const Var k = constant(Array::from<int>({-7, 1 << 30}).cast(int32));
  FunctionGraph graph{{x, y}, {cast(x[c], int32), cast(x, float32) + sum(k), flip(y, 0)}};
  const std::string text = print(graph);
  CHECK(contains(text, "uint8"));
  CHECK(print(parse(text)) == text);
  CHECK(contains(error_of<GraphError>([&] {
                   std::string bad = text;
                   bad.replace(bad.find("uint8"), 5, "complex64");
                   parse(bad);
                 }),
                 "complex numbers are not supported"));
  CHECK(contains(debugprint(function({x}, {x.T()})), "uint8"));
}

TEST_CASE("complex: containers of complex numbers are refused with the line and what to do") {
  using Complex = std::complex<float>;
  const xt::xarray<Complex> z = xt::ones<Complex>({2, 2});
  for (const std::string& text :
       {error_of<TypeError>([&] { shared(z, "z"); }), error_of<TypeError>([&] { constant(z); }),
        error_of<TypeError>([&] {
          shared(std::vector<Complex>{{1, 2}});
        }),
        error_of<TypeError>([&] {
          shared(Complex{1, 2});
        })}) {
    CHECK(contains(text, "complex numbers are not supported"));
    CHECK(contains(text, "storage_dtypes_test.cpp:"));
    CHECK(contains(text, "imaginary parts"));
  }
  Function f = function({matrix("x")}, {Arg(1).var()}, {.on_unused_input = Unused::ignore});
  CHECK_THROWS_AS(f(z), TypeError);
  CHECK_THROWS_AS(f(std::vector<Complex>{1}), TypeError);
}
