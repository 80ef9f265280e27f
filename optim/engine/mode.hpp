#pragma once
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace damo {

namespace optim {
class Rule;
}  // namespace optim

/// What a guarded function stops at.
struct GuardOptions {
  bool nan = true;
  bool inf = true;
  /// A finite number of larger magnitude than this, too.
  double big = std::numeric_limits<double>::infinity();
  friend bool operator==(const GuardOptions&, const GuardOptions&) = default;
};

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
  /// Rewrites that keep every bit, those of zeros' signs included, and every error:
  /// `fast().requiring("bit_exact")`. NaNs may get other bits.
  static Mode strict();
  /// `fast().guarded(what)`.
  static Mode guard(GuardOptions what = {});
  /// `fast().checked()`.
  static Mode debug();

  /// The same rewrites, and the function stops at the first number that `what` names: NumericError
  /// says which node gave it, at which element, in which loop at which step, and from which
  /// operands. (Theano's NanGuardMode.)
  Mode guarded(GuardOptions what = {}) const;
  /// The same rewrites, and at every call both sides of each one that was applied are computed from
  /// the call's values, and every instruction is run beside its ops' own kernels. InternalError
  /// names the rule whose sides differ, or the op that changes what it said it would not. Slow.
  /// (Theano's DebugMode.)
  Mode checked() const;
  /// The mode with a rule of the caller's, tried before all others in the passes that its tags
  /// name. Throws GraphError for a rule that no pass would try.
  Mode with_rule(const optim::Rule& rule) const;

  /// The mode with a rule, pass or tag put back in. Throws GraphError for a name that nothing has,
  /// with the nearest one.
  Mode including(const std::string& name_or_tag) const;
  /// The mode without the rules and passes of that name or tag.
  Mode excluding(const std::string& name_or_tag) const;

  /// The mode with those rewrites only that have the tag, among which are the classes of rules:
  /// bit_exact, zero_sign, real_equal, needs_fact, limit, method, approximate. Whatever is included
  /// later is subject to it too. Throws GraphError like `including`. (Theano's `requiring`.)
  Mode requiring(const std::string& tag) const;
  /// Whether "bit_exact" is required.
  bool keeps_bits() const;

  /// Whether a rule, or a pass that rewrites by itself, of this name and these tags takes part.
  bool has(const std::string& name, const std::vector<std::string>& tags) const;
  /// Whether a pass that applies rules takes part, whatever is required of the rules.
  bool has_stage(const std::string& name, const std::vector<std::string>& tags) const;
  /// "fast, excluding log_sigmoid, guarded above 1000".
  std::string text() const;
  /// The mode of that text. Throws GraphError when no mode has it, or when it names rules of the
  /// caller's, which a text cannot hold.
  static Mode of_text(const std::string& text);
  /// The same changes, in the same order, with the same rules of the caller's.
  friend bool operator==(const Mode& a, const Mode& b) = default;

  const std::optional<GuardOptions>& guard_settings() const { return guard_; }
  bool is_checked() const { return checked_; }
  const std::vector<std::shared_ptr<const optim::Rule>>& own_rules() const { return own_rules_; }

  /// All names and tags that `including` and `excluding` know.
  static std::vector<std::string> vocabulary();

 private:
  struct Change {
    bool include;
    std::string what;
    friend bool operator==(const Change&, const Change&) = default;
  };
  enum class Base { fast, fast_compile, none };
  explicit Mode(Base base) : base_(base) {}
  Mode changed(bool include, const std::string& what) const;

  Base base_;
  std::vector<Change> changes_{};
  std::vector<std::string> required_{};
  std::vector<std::shared_ptr<const optim::Rule>> own_rules_{};
  std::optional<GuardOptions> guard_{};
  bool checked_ = false;
};

}  // namespace damo
