#include <dlfcn.h>
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/decomposition/decomposition.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/kernels/decomposition/lapack.hpp>
#include "tests/support/values.hpp"

using namespace damo;

namespace {

/// Whether LAPACK is in this process.
bool loaded() {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find("blas") != std::string::npos || line.find("lapack") != std::string::npos)
      return true;
  }
  return false;
}

Array determinant() {
  const Var x = dmatrix("x");
  const std::vector<std::pair<Var, Array>> at{{x, test::array({2, 2}, {1, 2, 3, 4})}};
  return evaluate(det(x), at);
}

/// This test case alone in a process of its own, with that in its environment.
bool passes_alone(const std::string& environment, const std::string& name) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  const std::string command =
      "DAMO_TEST_ALONE=1 " + environment + " '" + self + "' -tc='" + name + "' > /dev/null";
  return std::system(command.c_str()) == 0;
}

bool alone() { return std::getenv("DAMO_TEST_ALONE") != nullptr; }

}  // namespace

TEST_CASE("lapack: comes into a process with the first decomposition that runs") {
  if (!alone()) {
    CHECK(passes_alone("", "lapack: comes into*"));
    return;
  }
  CHECK_FALSE(loaded());
  test::check_close(determinant(), test::number(-2), 1e-12);
  CHECK(loaded());
}

TEST_CASE("lapack: without it a decomposition is an error that says what is missing") {
  if (!alone()) {
    CHECK(passes_alone("DAMO_LAPACK=/nowhere/lapack.so", "lapack: without it*"));
    return;
  }
  const std::string text = test::error_of<IoError>(determinant);
  CHECK(test::contains(text, "linear algebra needs LAPACK"));
  CHECK(test::contains(text, "/nowhere/lapack.so"));
  CHECK(test::contains(text, "libopenblas0"));
  CHECK(test::contains(text, "lapack_test.cpp:"));
  // The rest of Damo goes on.
  CHECK_FALSE(loaded());
}

TEST_CASE("lapack: leaves the environment as it was") {
  determinant();
  if (!alone()) {
    CHECK(passes_alone("OPENBLAS_NUM_THREADS=3", "lapack: leaves the environment*"));
    return;
  }
  CHECK(std::string(std::getenv("OPENBLAS_NUM_THREADS")) == "3");
  CHECK(std::getenv("OPENBLAS_CORETYPE") == nullptr);
}

TEST_CASE("lapack: runs on one thread until the last of several threads has done") {
  determinant();
  void* library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_NOLOAD);
  if (library == nullptr) return;  // another LAPACK, which has one thread
  const auto threads = reinterpret_cast<int (*)()>(dlsym(library, "openblas_get_num_threads"));
  const auto set = reinterpret_cast<void (*)(int)>(dlsym(library, "openblas_set_num_threads"));
  const int before = threads();
  set(2);
  const int wanted = threads();  // what the machine grants
  auto first = std::make_unique<OneThread>();
  auto second = std::make_unique<OneThread>();
  first.reset();
  CHECK(threads() == 1);
  second.reset();
  CHECK(threads() == wanted);
  set(before);
  dlclose(library);
}
