#include <doctest/doctest.h>

#include <limits>
#include <random>

#include <damo/core.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>
#include <damo/runtime/program/lower.hpp>
#include "tests/support/values.hpp"

using namespace damo;

namespace {

/// Numbers around 0 and a few NaN; at times the largest numbers there are too.
Array noise(std::mt19937& rng, DType dtype, const Shape& shape) {
  const double most =
      dtype == float32 ? std::numeric_limits<float>::max() : std::numeric_limits<double>::max();
  const std::uint32_t few = rng() % 4 == 0 ? 500 : 0;
  Array a(float64, shape);
  for (std::int64_t i = 0; i < a.elements(); ++i) {
    const auto kind = rng() % 5000;
    a.data<double>()[i] = kind == 0    ? std::numeric_limits<double>::quiet_NaN()
                          : kind < few ? (kind % 2 == 0 ? most : -most)
                                       : static_cast<double>(rng() % 4000) / 1000 - 2;
  }
  return a.cast(dtype);
}

struct Operands {
  Vars inputs;
  std::vector<Array> values;

  /// A tensor of the shape or stretched to it.
  Var next(std::mt19937& rng, DType dtype, const Shape& shape) {
    Shape own = shape;
    Shape dims;
    dims.resize(shape.rank(), unknown);
    for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
      if (rng() % 4 == 0) own[axis] = dims[axis] = 1;
    }
    inputs.push_back(input({dtype, dims}, "x", Site::here()));
    values.push_back(noise(rng, dtype, own));
    return inputs.back();
  }
};

Var some_expression(std::mt19937& rng, const Var& a, const Var& b) {
  switch (rng() % 5) {
    case 0:
      return a * b;
    case 1:
      return sqr(a - b);
    case 2:
      return where(a > b, a, 2 * b);
    case 3:
      return abs(a) + sigmoid(b) * a;
    default:
      return -b * maximum(a, 0.5) + a;
  }
}

Var some_reduction(std::mt19937& rng, const Var& v, const Axes& axes) {
  switch (rng() % 4) {
    case 0:
      return max(v, axes);
    case 1:
      return prod(v, axes, {.keepdims = true});
    default:
      return sum(v, axes);
  }
}

/// Runs the graph as it is, with elementwise nodes fused or each on its own.
Array run(const Operands& of, const Var& result, bool fuse, int* fused = nullptr) {
  const FunctionGraph graph{of.inputs, {result}, {}, "f"};
  const auto program = lower(graph, "f", {.fuse = fuse});
  if (fused != nullptr) *fused += program->instructions.size() == 1 ? 1 : 0;
  for (std::size_t i = 0; i < of.inputs.size(); ++i)
    program->bind(program->inputs[i], of.values[i].view());
  program->run();
  const Tensor& t = program->slots[program->roots[0]].tensor;
  Array copy(t.dtype, t.shape);
  std::copy_n(t.data, copy.bytes(), copy.raw());
  return copy;
}

}  // namespace

TEST_CASE("fused reductions: have the bits of the ops one by one, for any shape and axes") {
  std::mt19937 rng(9);
  constexpr std::int64_t sizes[] = {1, 2, 5, 64, 70, 129, 300};
  int fused = 0;
  for (int round = 0; round < 400; ++round) {
    const DType dtype = rng() % 2 == 0 ? float32 : float64;
    Shape shape;
    for (unsigned i = 0; i < rng() % 3 + 1; ++i) shape.push_back(sizes[rng() % std::size(sizes)]);
    if (shape.elements() > 300000) shape.resize(1);
    if (round % 40 == 0) shape = {20000};
    if (round % 40 == 1) shape = {3, 9000};
    if (round % 40 == 2) shape = {700, 1300};
    if (round % 40 == 3) shape = {0, 3};
    Operands of;
    const Var a = of.next(rng, dtype, shape), b = of.next(rng, dtype, shape);
    const Var whole = some_expression(rng, a, b);
    std::vector<int> axes;
    for (std::size_t i = 0; i < shape.rank(); ++i) {
      if (rng() % 2 == 0) axes.push_back(static_cast<int>(i));
    }
    if (axes.empty()) axes.push_back(0);
    const bool empty = shape.elements() == 0;
    const Var result = empty ? sum(whole, axes) : some_reduction(rng, whole, axes);
    CAPTURE(to_string(shape));
    CAPTURE(pprint(result));
    test::check_same_bits(run(of, result, true, &fused), run(of, result, false));
  }
  CHECK(fused > 200);  // in others a part runs over fewer elements
}

TEST_CASE("fused reductions: bits do not depend on the number of threads") {
  std::mt19937 rng(10);
  const int threads = num_threads();
  for (const Shape& shape : {Shape{200000}, {900, 300}, {3, 50000}}) {
    for (const Axes& axes : {Axes{}, Axes(0), Axes(-1)}) {
      Operands of;
      const Var a = of.next(rng, float32, shape), b = of.next(rng, float32, shape);
      // Of the second some leave the range on the way.
      for (const Var& result : {sum(exp(a) * b, axes), sum(2e38 * tanh(a) * tanh(b), axes)}) {
        set_num_threads(1);
        const Array one = run(of, result, true);
        set_num_threads(3);
        test::check_same_bits(run(of, result, true), one);
      }
    }
  }
  set_num_threads(threads);
}

TEST_CASE("fused reductions: what others read too is computed once") {
  const Var x = vector("x", float64);
  const Var y = sqr(x) + 1;
  Function f = function({x}, {sum(y), y, max(y)});
  const Outputs out = f(std::vector<double>{1, 2, 3});
  CHECK(out.scalar<double>(0) == 17);
  CHECK(out.scalar<double>(2) == 10);
  test::check_close(out[1], test::vector({2, 5, 10}), 0);
}

TEST_CASE("fused reductions: errors name the op at fault") {
  const Var x = vector("x", float64), y = vector("y", float64);
  Function f = function({x, y}, {max(x * y)}, {.name = "f"});
  const std::string sizes = test::error_of<ShapeError>([&] {
    f(std::vector<double>{1, 2}, std::vector<double>{1});
  });
  CHECK(sizes.find("sizes differ at axis 0: 2 and 1") != std::string::npos);
  const std::string none =
      test::error_of<ShapeError>([&] { f(std::vector<double>{}, std::vector<double>{}); });
  CHECK(none.find("max: no elements to choose from in shape (0,)") != std::string::npos);
  CHECK(f(std::vector<double>{2}, std::vector<double>{3}).scalar<double>(0) == 6);
}
