#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <damo/graph/error.hpp>
#include <damo/ops/kernels/parallel.hpp>

namespace damo {
namespace {

thread_local bool inside_chunk = false;

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
      work(job);
    }
    retire();
  }

 private:
  Pool() : threads_(default_threads()) {}

  void start_workers() {
    const auto wanted = static_cast<std::size_t>(threads() - 1);
    try {
      while (workers_.size() < wanted) {
        workers_.emplace_back([this](const std::stop_token& stop) { serve(stop); });
      }
    } catch (const std::system_error&) {  // the system has no more threads: fewer do as well
      threads_.store(static_cast<int>(workers_.size()) + 1, std::memory_order_relaxed);
    }
  }

  void publish(const Job& job) {
    next_.store(0, std::memory_order_relaxed);
    {
      const std::lock_guard lock(mutex_);
      job_ = job;
      open_ = true;
      ++generation_;
    }
    // One chunk stays with the caller: waking more threads than there are further chunks is waste.
    if (job.chunks() - 1 < static_cast<std::int64_t>(workers_.size())) {
      for (std::int64_t i = 1; i < job.chunks(); ++i) wake_.notify_one();
    } else {
      wake_.notify_all();
    }
  }

  void retire() {
    std::unique_lock lock(mutex_);
    open_ = false;
    done_.wait(lock, [this] { return running_ == 0; });
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }

  void work(const Job& job) {
    const std::int64_t chunks = job.chunks();
    try {
      for (;;) {
        const std::int64_t chunk = next_.fetch_add(1, std::memory_order_relaxed);
        if (chunk >= chunks) return;
        job.run(chunk);
      }
    } catch (...) {
      next_.store(chunks, std::memory_order_relaxed);
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::current_exception();
    }
  }

  void serve(const std::stop_token& stop) {
    const ChunkScope scope;
    std::uint64_t seen = 0;
    std::unique_lock lock(mutex_);
    while (wake_.wait(lock, stop, [&] { return open_ && generation_ != seen; })) {
      seen = generation_;
      const Job job = job_;
      ++running_;
      lock.unlock();
      work(job);
      lock.lock();
      if (--running_ == 0) done_.notify_one();
    }
  }

  std::mutex owner_;  // held by the thread whose loop is running
  std::atomic<int> threads_;
  std::mutex mutex_;  // guards what follows, except next_
  std::condition_variable_any wake_;
  std::condition_variable done_;
  Job job_;
  bool open_ = false;
  std::uint64_t generation_ = 0;
  int running_ = 0;
  std::exception_ptr error_;
  std::atomic<std::int64_t> next_{0};
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
