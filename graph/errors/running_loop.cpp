#include <fmt/format.h>

#include <algorithm>

#include <damo/graph/errors/running_loop.hpp>

namespace damo {
namespace {
thread_local const LoopScope* innermost = nullptr;
}  // namespace

LoopScope::LoopScope(const std::string& name) : name_(name), outer_(innermost) { innermost = this; }
LoopScope::~LoopScope() { innermost = outer_; }

std::vector<LoopPlace> LoopScope::places() {
  std::vector<LoopPlace> all;
  for (const LoopScope* s = innermost; s != nullptr; s = s->outer_) {
    all.push_back({s->name_, s->step_});
  }
  std::reverse(all.begin(), all.end());
  return all;
}

std::string to_string(const std::vector<LoopPlace>& places) {
  std::string text;
  for (const LoopPlace& p : places) {
    text += fmt::format("{}scan '{}', step {}", text.empty() ? "" : ", ", p.scan, p.step);
  }
  return text;
}

}  // namespace damo
