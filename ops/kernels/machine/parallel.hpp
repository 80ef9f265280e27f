#pragma once
#include <cstdint>
#include <memory>
#include <type_traits>

namespace damo {

/// Threads that share the work of one `parallel_for`, the calling thread included. At first the
/// environment variable DAMO_NUM_THREADS, or the number of hardware threads.
int num_threads();
/// Throws Error when `n` is below 1 or when called from inside a `parallel_for`.
void set_num_threads(int n);

namespace detail {
using ChunkFunction = void (*)(void* context, std::int64_t begin, std::int64_t end);
void run_chunks(std::int64_t n, std::int64_t grain, ChunkFunction function, void* context);
}  // namespace detail

/// Calls `f(begin, end)` for each of the chunks [0, grain), [grain, 2 grain), ... of [0, n). The
/// partition depends on `n` and `grain` alone, so a result that is computed chunk by chunk has the
/// same bits for any number of threads. Chunks run in no particular order and at the same time; one
/// chunk runs on the calling thread. Nested calls, and calls made while another thread has the
/// pool, run their chunks in order on the calling thread. Nothing is allocated. The first exception
/// is rethrown here once all running chunks have ended; chunks not yet begun are then skipped.
template <class F>
void parallel_for(std::int64_t n, std::int64_t grain, F&& f) {
  if (n <= 0) return;
  if (n <= grain) {
    f(std::int64_t{0}, n);
    return;
  }
  using Function = std::remove_reference_t<F>;
  detail::run_chunks(
      n, grain,
      [](void* context, std::int64_t begin, std::int64_t end) {
        (*static_cast<Function*>(context))(begin, end);
      },
      const_cast<void*>(static_cast<const void*>(std::addressof(f))));
}

}  // namespace damo
