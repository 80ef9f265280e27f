#include <damo/ops/kernels/decomposition/lapack.hpp>

#include <dlfcn.h>
#include <fmt/format.h>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <string>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/kernels/machine/isa.hpp>

namespace damo {
namespace {

/// A variable of the environment that has another value while a library loads.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) before_ = old;
    setenv(name, value, 1);
  }
  ~Environment() {
    if (before_) {
      setenv(name_, before_->c_str(), 1);
    } else {
      unsetenv(name_);
    }
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_{};
};

struct Library {
  void* handle = nullptr;
  int (*threads)() = nullptr;
  void (*set_threads)(int) = nullptr;
};

[[noreturn]] void fail(const std::string& why) {
  throw IoError("linear algebra needs LAPACK, which did not load: " + why +
                "\n  On Debian it is in the package libopenblas0 (or liblapack3); the environment "
                "variable DAMO_LAPACK may name its file.");
}

void* opened(const char* file) { return dlopen(file, RTLD_NOW | RTLD_LOCAL); }

/// OpenBLAS takes CPUs newer than itself for old ones, and is told which kernels to use only while
/// it loads.
void* with_kernels(const char* file) {
  const Environment threads("OPENBLAS_NUM_THREADS", "1");
  std::optional<Environment> kernels;
  if (std::getenv("OPENBLAS_CORETYPE") == nullptr && isa() != Isa::sse2)
    kernels.emplace("OPENBLAS_CORETYPE", isa() == Isa::avx512 ? "SkylakeX" : "Haswell");
  return opened(file);
}

Library load() {
  Library library;
  std::string why;
  if (const char* named = std::getenv("DAMO_LAPACK")) {
    library.handle = with_kernels(named);
    if (library.handle == nullptr) why = dlerror();
  } else {
    for (const char* file : {"libopenblas.so.0", "liblapack.so.3"}) {
      library.handle = with_kernels(file);
      if (library.handle != nullptr) break;
      why += (why.empty() ? "" : "; ") + std::string(dlerror());
    }
  }
  if (library.handle == nullptr) fail(why);
  const auto find = [&](auto& function, const char* name) {
    function =
        reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library.handle, name));
  };
  find(library.threads, "openblas_get_num_threads");
  find(library.set_threads, "openblas_set_num_threads");
  return library;
}

/// Stays loaded until the process ends.
const Library& library() {
  static const Library loaded = load();
  return loaded;
}

template <class T>
Lapack<T> routines() {
  Lapack<T> all;
  const auto find = [&](auto& function, const std::string& name) {
    const std::string symbol = (sizeof(T) == sizeof(float) ? "s" : "d") + name + "_";
    void* address = dlsym(library().handle, symbol.c_str());
    if (address == nullptr) fail(fmt::format("it has no routine {}", symbol));
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(address);
  };
  find(all.potrf, "potrf");
  find(all.getrf, "getrf");
  find(all.getri, "getri");
  find(all.trsm, "trsm");
  find(all.geqrf, "geqrf");
  find(all.orgqr, "orgqr");
  find(all.syevd, "syevd");
  find(all.gesdd, "gesdd");
  find(all.geev, "geev");
  return all;
}

}  // namespace

template <class T>
const Lapack<T>& lapack() {
  static const Lapack<T> all = routines<T>();
  return all;
}
template const Lapack<float>& lapack<float>();
template const Lapack<double>& lapack<double>();

namespace {
/// How many `OneThread`s there are in all threads, and what the last of them puts back.
struct Alone {
  std::mutex mutex{};
  int users = 0;
  int threads_before = 1;
  void (*set_threads)(int) = nullptr;  ///< null where the library has no threads of its own
} alone;
}  // namespace

OneThread::OneThread() {
  const Library& lib = library();
  if (lib.threads == nullptr || lib.set_threads == nullptr) return;
  const std::lock_guard lock(alone.mutex);
  alone.set_threads = lib.set_threads;
  if (alone.users++ > 0) return;
  alone.threads_before = lib.threads();
  if (alone.threads_before != 1) lib.set_threads(1);
}
OneThread::~OneThread() {
  const std::lock_guard lock(alone.mutex);
  if (alone.set_threads == nullptr || --alone.users > 0) return;
  if (alone.threads_before != 1) alone.set_threads(alone.threads_before);
}

}  // namespace damo
