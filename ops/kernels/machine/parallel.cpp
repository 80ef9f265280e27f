#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>

namespace damo {
namespace {

thread_local bool inside_chunk = false;

// Loops follow one another within microseconds, and to wake a thread takes longer than many of them
// last: threads watch for the next one a while before they sleep.
constexpr std::chrono::microseconds watch{200};

void pause_core() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

/// Whether `ready()` became true while watched. With more threads than cores, watching would keep
/// from work the very thread that is waited for.
template <class F>
bool watched(int threads, F&& ready) {
  if (ready()) return true;
  static const auto cores = static_cast<int>(std::thread::hardware_concurrency());
  if (threads > cores) return false;
  const auto end = std::chrono::steady_clock::now() + watch;
  do {
    for (int i = 0; i < 64; ++i) {
      if (ready()) return true;
      pause_core();
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

/// Marks the calling thread as running chunks, so that nested loops stay on it.
class ChunkScope {
 public:
  ChunkScope() : outer_(std::exchange(inside_chunk, true)) {}
  ~ChunkScope() { inside_chunk = outer_; }
  ChunkScope(const ChunkScope&) = delete;
  ChunkScope& operator=(const ChunkScope&) = delete;

 private:
  bool outer_;
};

struct Job {
  std::int64_t n = 0;
  std::int64_t grain = 1;
  detail::ChunkFunction function = nullptr;
  void* context = nullptr;

  void run(std::int64_t chunk) const {
    const std::int64_t begin = chunk * grain;
    function(context, begin, std::min(n, begin + grain));
  }
  std::int64_t chunks() const { return (n + grain - 1) / grain; }
};

/// The chunks one thread begins with; on a cache line of its own.
struct alignas(64) Share {
  std::atomic<std::int64_t> next{0};
  std::int64_t end = 0;
};

int default_threads() {
  if (const char* text = std::getenv("DAMO_NUM_THREADS")) {
    const long n = std::strtol(text, nullptr, 10);
    if (n >= 1 && n <= 1024) return static_cast<int>(n);
  }
  return static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

class Pool {
 public:
  static Pool& instance() {
    static Pool pool;
    return pool;
  }

  int threads() const { return threads_.load(std::memory_order_relaxed); }

  void resize(int threads) {
    const std::lock_guard owner(owner_);
    workers_.clear();
    threads_.store(threads, std::memory_order_relaxed);
  }

  void run(const Job& job) {
    std::unique_lock owner(owner_, std::defer_lock);
    if (inside_chunk || threads() == 1 || !owner.try_lock()) {
      const ChunkScope scope;
      for (std::int64_t chunk = 0; chunk < job.chunks(); ++chunk) job.run(chunk);
      return;
    }
    start_workers();
    publish(job);
    {
      const ChunkScope scope;
      work(job, 0);
    }
    retire();
  }

 private:
  Pool() : threads_(default_threads()) {}

  void start_workers() {
    const auto wanted = static_cast<std::size_t>(threads());
    if (workers_.size() + 1 == wanted) return;
    shares_ = std::make_unique<Share[]>(wanted);
    try {
      while (workers_.size() + 1 < wanted) {
        const std::size_t mine = workers_.size() + 1;
        workers_.emplace_back([this, mine](const std::stop_token& stop) { serve(stop, mine); });
      }
    } catch (const std::system_error&) {  // the system has no more threads: fewer do as well
      threads_.store(static_cast<int>(workers_.size()) + 1, std::memory_order_relaxed);
    }
  }

  void publish(const Job& job) {
    divide(job.chunks());
    std::int64_t asleep = 0;
    {
      const std::lock_guard lock(mutex_);
      job_ = job;
      open_ = true;
      generation_.fetch_add(1, std::memory_order_release);
      asleep = asleep_;
    }
    // One chunk stays with the caller: waking more threads than there are further chunks is waste.
    for (std::int64_t i = std::min(asleep, job.chunks() - 1); i > 0; --i) wake_.notify_one();
  }

  void retire() {
    std::unique_lock lock(mutex_);
    open_ = false;
    if (running_.load(std::memory_order_relaxed) != 0) {
      lock.unlock();
      watched(threads(), [this] { return running_.load(std::memory_order_acquire) == 0; });
      lock.lock();
      done_.wait(lock, [this] { return running_.load(std::memory_order_relaxed) == 0; });
    }
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }

  /// Every thread its share of the chunks, the same for the same loop each time: what a thread
  /// reads (a part of a matrix that is used again and again) then stays in the cache of its core.
  void divide(std::int64_t chunks) {
    const auto threads = static_cast<std::int64_t>(workers_.size()) + 1;
    for (std::int64_t i = 0; i < threads; ++i) {
      Share& share = shares_[static_cast<std::size_t>(i)];
      share.next.store(chunks * i / threads, std::memory_order_relaxed);
      share.end = chunks * (i + 1) / threads;
    }
  }

  /// The own share, then what others have not come to yet.
  void work(const Job& job, std::size_t mine) {
    const std::size_t threads = workers_.size() + 1;
    try {
      for (std::size_t i = 0; i < threads; ++i) {
        Share& share = shares_[(mine + i) % threads];
        for (;;) {
          const std::int64_t chunk = share.next.fetch_add(1, std::memory_order_relaxed);
          if (chunk >= share.end) break;
          job.run(chunk);
        }
      }
    } catch (...) {
      for (std::size_t i = 0; i < threads; ++i) {
        shares_[i].next.store(shares_[i].end, std::memory_order_relaxed);
      }
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::current_exception();
    }
  }

  void serve(const std::stop_token& stop, std::size_t mine) {
    const ChunkScope scope;
    std::uint64_t seen = 0;
    const auto called = [&] { return generation_.load(std::memory_order_acquire) != seen; };
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      if (!(open_ && called())) {
        seen = generation_.load(std::memory_order_relaxed);  // a job that is over
        lock.unlock();
        watched(threads(), [&] { return called() || stop.stop_requested(); });
        lock.lock();
        ++asleep_;
        const bool go_on = wake_.wait(lock, stop, [&] { return open_ && called(); });
        --asleep_;
        if (!go_on) return;
      }
      seen = generation_.load(std::memory_order_relaxed);
      const Job job = job_;
      running_.fetch_add(1, std::memory_order_relaxed);
      lock.unlock();
      work(job, mine);
      lock.lock();
      if (running_.fetch_sub(1, std::memory_order_release) == 1) done_.notify_one();
    }
  }

  std::mutex owner_;  // held by the thread whose loop is running
  std::atomic<int> threads_;
  std::mutex mutex_;  // guards what follows, except the shares' counters
  std::condition_variable_any wake_;
  std::condition_variable done_;
  Job job_;
  bool open_ = false;
  std::int64_t asleep_ = 0;
  // Written under the mutex; atomic, so that threads can look before they take it.
  std::atomic<std::uint64_t> generation_{0};
  std::atomic<int> running_{0};
  std::exception_ptr error_;
  std::unique_ptr<Share[]> shares_;    // of the caller and of each worker
  std::vector<std::jthread> workers_;  // last: joined before the rest is destroyed
};

}  // namespace

int num_threads() { return Pool::instance().threads(); }

void set_num_threads(int n) {
  if (n < 1) throw Error("set_num_threads: expected at least 1 thread, got " + std::to_string(n));
  if (inside_chunk) throw Error("set_num_threads: called from inside a parallel_for");
  Pool::instance().resize(n);
}

void detail::run_chunks(std::int64_t n, std::int64_t grain, ChunkFunction function, void* context) {
  Pool::instance().run({n, std::max<std::int64_t>(grain, 1), function, context});
}

}  // namespace damo
