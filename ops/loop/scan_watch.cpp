#include <utility>

#include <damo/ops/loop/scan_watch.hpp>

namespace damo {
namespace {

thread_local ScanWatch* watching = nullptr;

}  // namespace

ScanWatch::ScanWatch(Callback callback) : callback_(std::move(callback)), outer_(watching) {
  watching = this;
}
ScanWatch::~ScanWatch() { watching = outer_; }

void ScanWatch::notify(const Scan& scan, Values values, std::int64_t step) {
  if (watching == nullptr) return;
  // What it evaluates in turn is no news.
  struct Pause {
    ScanWatch* told = std::exchange(watching, nullptr);
    ~Pause() { watching = told; }
  } const pause;
  pause.told->callback_(scan, values, step);
}

}  // namespace damo
