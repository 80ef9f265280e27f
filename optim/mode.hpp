#pragma once
#include <string>
#include <vector>

namespace damo {

/// Which rewrites a function gets: a base set of passes, with rules and passes added or taken away
/// by name or tag.
class Mode {
 public:
  /// Everything. The default.
  static Mode fast();
  /// Canonical and stable forms only: quick to compile, and as accurate.
  static Mode fast_compile();
  /// Nothing at all: the graph as written, stable or not.
  static Mode none();

  /// The mode with a rule, pass or tag put back in. Throws GraphError for a name that nothing has,
  /// with the nearest one.
  Mode including(const std::string& name_or_tag) const;
  /// The mode without the rules and passes of that name or tag.
  Mode excluding(const std::string& name_or_tag) const;

  /// Whether a rule or pass of this name and these tags takes part.
  bool has(const std::string& name, const std::vector<std::string>& tags) const;
  /// "fast, excluding log_sigmoid".
  std::string text() const;

  /// All names and tags that `including` and `excluding` know.
  static std::vector<std::string> vocabulary();

 private:
  struct Change {
    bool include;
    std::string what;
  };
  enum class Base { fast, fast_compile, none };
  explicit Mode(Base base) : base_(base) {}
  Mode changed(bool include, const std::string& what) const;

  Base base_;
  std::vector<Change> changes_{};
};

}  // namespace damo
