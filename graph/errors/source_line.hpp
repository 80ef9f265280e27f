#pragma once
#include <string>

namespace damo {

/// The line of the user's program that made a node.
struct Site {
  const char* file = "";
  unsigned line = 0;
  /// As a default argument: the caller's line. (clang 14 has no usable std::source_location.)
  static constexpr Site here(const char* f = __builtin_FILE(), unsigned l = __builtin_LINE()) {
    return {f, l};
  }
  bool known() const { return line != 0; }
};

/// "my_model.cpp:41", with the folders dropped; "an unknown line" when there is none.
std::string to_string(const Site& site);

/// While alive, every node made on this thread gets `site` instead of the line inside Damo that
/// made it. Gradients and rewrites use it, so that what they add names the user's line it came
/// from.
class SiteScope {
 public:
  explicit SiteScope(Site site);
  ~SiteScope();
  SiteScope(const SiteScope&) = delete;
  SiteScope& operator=(const SiteScope&) = delete;
  /// The innermost scope's site, or `given` outside any scope.
  static Site or_else(Site given);

 private:
  Site previous_;
};

}  // namespace damo
