// The kernels by themselves: products beside OpenBLAS (where its library is found), rows added for
// binary operands, elementary functions, draws, reductions, decompositions and convolutions (beside
// NumPy and PyTorch: peers/bench_kernels.py).
//   bench_kernels [peers]      with `peers`, only what peers/bench_kernels.py times
// Times are of the calling thread's processor, and it uses no other: pin it to one core.
#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <damo/graph/values/array.hpp>
#include <damo/ops/kernels/convolution/convolution.hpp>
#include <damo/ops/kernels/decomposition/factors.hpp>
#include <damo/ops/kernels/decomposition/spectrum.hpp>
#include <damo/ops/kernels/elementwise/loop.hpp>
#include <damo/ops/kernels/elementwise/scalar_math.hpp>
#include <damo/ops/kernels/machine/isa.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>
#include <damo/ops/kernels/order/sort.hpp>
#include <damo/ops/kernels/products/binary_dot.hpp>
#include <damo/ops/kernels/products/gemm.hpp>
#include <damo/ops/kernels/random/philox.hpp>
#include <damo/ops/kernels/reductions/reduce.hpp>
#include "fastest.hpp"

using namespace damo;
using bench::fastest;

namespace {

using Sgemm = void (*)(int order, int trans_a, int trans_b, int m, int n, int k, float alpha,
                       const float* a, int lda, const float* b, int ldb, float beta, float* c,
                       int ldc);

/// OpenBLAS with the kernels of the instruction set in use, whatever CPU it takes this for.
Sgemm load_openblas() {
  setenv("OPENBLAS_NUM_THREADS", "1", 1);
  if (isa() != Isa::sse2) {
    setenv("OPENBLAS_CORETYPE", isa() == Isa::avx512 ? "SkylakeX" : "Haswell", 0);
  }
  void* library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  return library == nullptr ? nullptr : reinterpret_cast<Sgemm>(dlsym(library, "cblas_sgemm"));
}

std::vector<float> random_floats(std::int64_t n) {
  std::vector<float> x(static_cast<std::size_t>(n));
  uniform({.seed = 1}, 0, n, x.data());
  return x;
}

struct Product {
  std::string what;
  int m, n, k;
  bool trans_a, trans_b;
};

void time_product(const Product& p, Sgemm sgemm) {
  const std::vector<float> x = random_floats(std::int64_t{p.m} * p.k);
  const std::vector<float> w = random_floats(std::int64_t{p.k} * p.n);
  std::vector<float> c(static_cast<std::size_t>(p.m) * static_cast<std::size_t>(p.n));
  Matrix<const float> a{x.data(), p.m, p.k, p.k, 1};
  if (p.trans_a) a = Matrix<const float>{x.data(), p.k, p.m, p.m, 1}.transposed();
  Matrix<const float> b{w.data(), p.k, p.n, p.n, 1};
  if (p.trans_b) b = Matrix<const float>{w.data(), p.n, p.k, p.k, 1}.transposed();
  const Matrix<float> out{c.data(), p.m, p.n, p.n, 1};
  const float beta = p.trans_a ? 1.0F : 0.0F;
  const PackedMatrix<float> packed(b);
  const double work = 2e-9 * p.m * p.n * p.k;
  fmt::print("{:<34} damo {:>6.1f}  packed {:>6.1f}", p.what,
             work / fastest([&] { gemm(1.0F, a, b, beta, out); }),
             work / fastest([&] { gemm_packed(1.0F, a, packed, beta, out); }));
  if (sgemm != nullptr) {
    fmt::print("  openblas {:>6.1f}", work / fastest([&] {
                                        sgemm(101, p.trans_a ? 112 : 111, p.trans_b ? 112 : 111,
                                              p.m, p.n, p.k, 1.0F, x.data(), p.trans_a ? p.m : p.k,
                                              w.data(), p.trans_b ? p.k : p.n, beta, c.data(), p.n);
                                      }));
  }
  fmt::print("  GFLOP/s\n");
}

void time_binary_dot() {
  constexpr std::int64_t rows = 20, visible = 784, hidden = 500;
  const std::vector<float> w = random_floats(visible * hidden);
  std::vector<float> x(rows * visible);
  std::vector<float> c(rows * hidden);
  const Matrix<const float> a{x.data(), rows, visible, visible, 1};
  const Matrix<const float> b{w.data(), visible, hidden, hidden, 1};
  const Matrix<float> out{c.data(), rows, hidden, hidden, 1};
  const PackedMatrix<float> packed(b);
  for (const float share : {0.05F, 0.1F, 0.2F, 0.3F, 0.4F}) {
    uniform({.seed = 2}, 0, rows * visible, x.data());
    for (float& v : x) v = v < share ? 1.0F : 0.0F;
    fmt::print("binary 20 x 784 x 500, density {:.2f}   {:>6.1f} us  packed {:>6.1f} us\n", share,
               1e6 * fastest([&] { binary_dot(a, b, out); }),
               1e6 * fastest([&] { binary_dot(a, packed, out); }));
  }
}

constexpr std::size_t count = 4096;

template <class F, class T>
double loop_time() {
  std::vector<T> x(count);
  for (std::size_t i = 0; i < count; ++i) x[i] = static_cast<T>(i % 997) / 100 + T(0.01);
  std::vector<T> y(count);
  const void* in[] = {x.data()};
  return fastest([&] { make_loops<F, T, T>().best()(in, y.data(), count); }) * 1e9 / count;
}

template <class F>
void time_loop(const char* what) {
  fmt::print("{:<34} {:>6.2f}  {:>6.2f} ns/element (float32, float64)\n", what,
             loop_time<F, float>(), loop_time<F, double>());
}

#define DAMO_BENCH_FUNCTION(name)         \
  struct Loop_##name {                    \
    template <class T>                    \
    DAMO_INLINE T operator()(T x) const { \
      return math::name(x);               \
    }                                     \
  }
DAMO_BENCH_FUNCTION(exp);
DAMO_BENCH_FUNCTION(log);
DAMO_BENCH_FUNCTION(tanh);
DAMO_BENCH_FUNCTION(sigmoid);
DAMO_BENCH_FUNCTION(softplus);
DAMO_BENCH_FUNCTION(log1p);

template <class T>
void time_draws(const char* type) {
  std::vector<T> x(count);
  const double u = fastest([&] { uniform({.seed = 3}, 0, count, x.data()); });
  const double z = fastest([&] { normal({.seed = 3}, 0, count, x.data()); });
  fmt::print("uniform and normal {:<15} {:>6.2f}  {:>6.2f} ns/element\n", type, u * 1e9 / count,
             z * 1e9 / count);
}

void time_reductions() {
  const Array x(float32, Shape{500, 784});
  Array out(float32, Shape{784});
  for (const auto& [what, axes] :
       {std::pair{"sum, last axis", 2U}, {"sum, first axis", 1U}, {"sum, both axes", 3U}}) {
    const double t =
        fastest([&, &axes = axes] { reduce(Reduction::sum, x.view(), axes, out.view()); });
    fmt::print("{:<34} {:>6.3f} ns/element\n", what, t * 1e9 / 392000);
  }
}

/// Random values around 0 in float64, or a positive definite matrix of them.
Array random_matrix(std::int64_t n, bool definite) {
  Array x(float64, Shape{n, n});
  uniform({.seed = 4}, 0, n * n, x.data<double>());
  for (std::int64_t i = 0; i < n * n; ++i) x.data<double>()[i] -= 0.5;
  if (!definite) return x;
  Array s(float64, Shape{n, n});
  for (std::int64_t i = 0; i < n; ++i) s.data<double>()[i * n + i] = 1;
  const Matrix<const double> rows{x.data<double>(), n, n, n, 1};
  gemm(1.0, rows, rows.transposed(), 1.0, {s.data<double>(), n, n, n, 1});
  return s;
}

void time_decompositions() {
  for (const std::int64_t n : {50, 500}) {
    const Array a = random_matrix(n, false), s = random_matrix(n, true);
    Array x(float64, a.shape()), y(float64, a.shape()), w(float64, Shape{n});
    const Tensor out = x.view(), more = y.view(), values = w.view();
    const auto print = [&](const char* what, double seconds) {
      fmt::print("{:<26} {:>4} rows   {:>9.3f} ms\n", what, n, seconds * 1e3);
    };
    print("cholesky", fastest([&] { cholesky(s.view(), out); }));
    print("solve", fastest([&] { solve(a.view(), s.view(), out); }));
    print("inverse", fastest([&] { invert(a.view(), out); }));
    print("qr", fastest([&] { qr(a.view(), &out, more); }));
    print("eigh", fastest([&] { eigh(s.view(), values, &out); }));
    print("svd", fastest([&] { svd(a.view(), &out, values, &more); }));
  }
}

struct Layer {
  const char* what;
  std::int64_t images, channels, size, filters, filter;
};

/// The shapes of LeNet's layers, of a convolutional RBM's and of one with many channels.
void time_convolution(const Layer& layer) {
  const std::int64_t places = layer.size - layer.filter + 1;
  const auto random = [](const Shape& shape) {
    Array a(float32, shape);
    uniform({.seed = 5}, 0, a.elements(), a.data<float>());
    return a;
  };
  const Array x = random({layer.images, layer.channels, layer.size, layer.size});
  const Array w = random({layer.filters, layer.channels, layer.filter, layer.filter});
  const Array y = random({layer.images, layer.filters, places, places});
  Array back(float32, x.shape()), sums(float32, w.shape()), out(float32, y.shape());
  const ConvolutionPlan plan{};
  fmt::print("{:<34} {:>8.3f}  to images {:>8.3f}  to filters {:>8.3f} ms\n", layer.what,
             1e3 * fastest([&] { convolve(plan, x.view(), w.view(), out.view()); }),
             1e3 * fastest([&] { convolve_back(plan, y.view(), w.view(), back.view()); }),
             1e3 * fastest([&] { correlate_places(plan, x.view(), y.view(), sums.view()); }));
}

/// A million numbers in random order, beside the standard library.
template <class T>
void time_sort(const char* type) {
  const Shape shape{1000000};
  Array x(dtype_of<T>(), shape);
  uniform({.seed = 4}, 0, x.elements(), x.data<T>());
  Array out(x.dtype(), shape);
  Array order(int64, shape);
  Workspace scratch;
  const double sorted = fastest([&] { sort(x.view(), 0, out.view(), scratch); });
  const double ordered = fastest([&] { argsort(x.view(), 0, false, order.view(), scratch); });
  const double standard = fastest([&] {
    out = x;
    std::sort(out.data<T>(), out.data<T>() + out.elements());
  });
  fmt::print("sort and argsort, 10^6 {:<11} {:>6.1f}  {:>6.1f} ms  std::sort {:>6.1f} ms\n", type,
             sorted * 1e3, ordered * 1e3, standard * 1e3);
}

void time_products_and_functions() {
  const Sgemm sgemm = load_openblas();
  for (const Product& p : {Product{"v W       20 x 784 x 500", 20, 500, 784, false, false},
                           {"h W'      20 x 500 x 784", 20, 784, 500, false, true},
                           {"v' h      784 x 20 x 500, added", 784, 500, 20, true, false},
                           {"1 x 784 x 500", 1, 500, 784, false, false},
                           {"1 x 500 x 784 transposed", 1, 784, 500, false, true},
                           {"100 x 88 x 150", 100, 150, 88, false, false},
                           {"500 x 784 x 500", 500, 500, 784, false, false},
                           {"784 x 1024 x 500 transposed, added", 784, 500, 1024, true, false},
                           {"256 x 4000 x 784", 256, 784, 4000, false, false},
                           {"1024 x 500 x 784 transposed", 1024, 784, 500, false, true},
                           {"1024 x 1024 x 1024", 1024, 1024, 1024, false, false}}) {
    time_product(p, sgemm);
  }
  time_binary_dot();
  time_loop<Loop_exp>("exp");
  time_loop<Loop_log>("log");
  time_loop<Loop_log1p>("log1p");
  time_loop<Loop_tanh>("tanh");
  time_loop<Loop_sigmoid>("sigmoid");
  time_loop<Loop_softplus>("softplus");
  time_draws<float>("float32");
  time_draws<double>("float64");
  time_reductions();
}

void time_with_peers() {
  time_decompositions();
  for (const Layer& layer : {Layer{"64 x 1 x 28 x 28, 6 of 5 x 5", 64, 1, 28, 6, 5},
                             {"64 x 1 x 28 x 28, 20 of 5 x 5", 64, 1, 28, 20, 5},
                             {"64 x 1 x 32 x 32, 6 of 5 x 5", 64, 1, 32, 6, 5},
                             {"64 x 6 x 12 x 12, 16 of 5 x 5", 64, 6, 12, 16, 5},
                             {"64 x 6 x 14 x 14, 16 of 5 x 5", 64, 6, 14, 16, 5},
                             {"64 x 20 x 12 x 12, 50 of 5 x 5", 64, 20, 12, 50, 5},
                             {"64 x 16 x 5 x 5, 120 of 5 x 5", 64, 16, 5, 120, 5},
                             {"16 x 64 x 32 x 32, 64 of 3 x 3", 16, 64, 32, 64, 3},
                             {"20 x 1 x 28 x 28, 40 of 11 x 11", 20, 1, 28, 40, 11}}) {
    time_convolution(layer);
  }
}

}  // namespace

int main(int argc, char** argv) {
  set_num_threads(1);
  if (argc < 2 || std::string_view(argv[1]) != "peers") {
    fmt::print("{}\n", gemm_description());
    time_products_and_functions();
    time_sort<float>("float32");
    time_sort<double>("float64");
  }
  time_with_peers();
}
