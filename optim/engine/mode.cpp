#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include <damo/graph/errors/error.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include <damo/optim/engine/mode.hpp>
#include <damo/optim/engine/pipeline.hpp>

namespace damo {
namespace {

bool contains(const std::vector<std::string>& list, const std::string& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string nearest(const std::string& wanted, const std::vector<std::string>& known) {
  return *std::min_element(known.begin(), known.end(),
                           [&](const std::string& a, const std::string& b) {
                             return edit_distance(wanted, a) < edit_distance(wanted, b);
                           });
}

/// What follows "guarded": nothing for the usual settings, else what it stops at.
std::string text_of(const GuardOptions& what) {
  if (what == GuardOptions{}) return {};
  std::string text;
  if (what.nan) text += " nan";
  if (what.inf) text += " inf";
  return fmt::format("{} above {}", text, what.big);
}

/// The settings of the text of a guarded mode, or nothing.
std::optional<GuardOptions> guard_of_text(std::string_view text) {
  const auto accept = [&](std::string_view word) {
    if (!text.starts_with(word)) return false;
    text.remove_prefix(word.size());
    return true;
  };
  if (!accept("guarded")) return std::nullopt;
  GuardOptions what;
  if (text.empty()) return what;
  what.nan = accept(" nan");
  what.inf = accept(" inf");
  if (!accept(" above ")) return std::nullopt;
  const std::string number(text);
  char* end = nullptr;
  what.big = std::strtod(number.c_str(), &end);
  return *end == '\0' && !number.empty() ? std::optional(what) : std::nullopt;
}

void check_known(const std::string& what) {
  const auto known = Mode::vocabulary();
  if (contains(known, what)) return;
  throw GraphError(fmt::format("mode: no rewrite has the name or tag '{}'; did you mean '{}'?",
                               what, nearest(what, known)));
}

}  // namespace

Mode Mode::fast() { return Mode(Base::fast); }
Mode Mode::fast_compile() { return Mode(Base::fast_compile); }
Mode Mode::none() { return Mode(Base::none); }
Mode Mode::strict() { return fast().requiring("bit_exact"); }
Mode Mode::guard(GuardOptions what) { return fast().guarded(what); }
Mode Mode::debug() { return fast().checked(); }

Mode Mode::guarded(GuardOptions what) const {
  Mode result = *this;
  result.guard_ = what;
  return result;
}

Mode Mode::checked() const {
  Mode result = *this;
  result.checked_ = true;
  return result;
}

Mode Mode::with_rule(const optim::Rule& rule) const {
  const auto tries = [&](const optim::Pass& pass) {
    return std::any_of(pass.rules.begin(), pass.rules.end(),
                       [&](const std::string& tag) { return rule.has_tag(tag); });
  };
  const auto& passes = optim::passes();
  if (std::none_of(passes.begin(), passes.end(), tries)) {
    throw GraphError(fmt::format(
        "mode: no pass would try rule '{}': say what it does, such as .canonicalizes(), "
        ".stabilizes() or .specializes()",
        rule.name()));
  }
  Mode result = *this;
  result.own_rules_.push_back(std::make_shared<const optim::Rule>(rule));
  return result;
}

Mode Mode::including(const std::string& name_or_tag) const { return changed(true, name_or_tag); }
Mode Mode::excluding(const std::string& name_or_tag) const { return changed(false, name_or_tag); }

Mode Mode::requiring(const std::string& tag) const {
  check_known(tag);
  Mode result = *this;
  result.required_.push_back(tag);
  return result;
}

bool Mode::keeps_bits() const {
  return contains(required_, optim::tag(optim::Soundness::bit_exact));
}

Mode Mode::changed(bool include, const std::string& what) const {
  check_known(what);
  Mode result = *this;
  result.changes_.push_back({include, what});
  return result;
}

bool Mode::has(const std::string& name, const std::vector<std::string>& tags) const {
  const auto given = [&](const std::string& tag) { return tag == name || contains(tags, tag); };
  return has_stage(name, tags) && std::all_of(required_.begin(), required_.end(), given);
}

bool Mode::has_stage(const std::string& name, const std::vector<std::string>& tags) const {
  bool in =
      base_ == Base::fast || (base_ == Base::fast_compile &&
                              (contains(tags, "canonicalize") || contains(tags, "stabilize")));
  for (const Change& c : changes_) {
    if (c.what == name || contains(tags, c.what)) in = c.include;
  }
  return in;
}

std::string Mode::text() const {
  std::string text = base_ == Base::fast ? "fast" : base_ == Base::none ? "none" : "fast_compile";
  for (const Change& c : changes_)
    text += fmt::format(", {} {}", c.include ? "including" : "excluding", c.what);
  for (const std::string& tag : required_) text += fmt::format(", requiring {}", tag);
  for (const auto& rule : own_rules_) text += fmt::format(", with rule {}", rule->name());
  if (guard_) text += ", guarded" + text_of(*guard_);
  if (checked_) text += ", checked";
  return text;
}

Mode Mode::of_text(const std::string& text) {
  auto next_word = [&, at = std::size_t{0}]() mutable {
    const std::size_t end = std::min(text.find(", ", at), text.size());
    const std::string word =
        text.substr(std::min(at, text.size()), end - std::min(at, text.size()));
    at = end + 2;
    return word;
  };
  const std::string base = next_word();
  if (base != "fast" && base != "fast_compile" && base != "none")
    throw GraphError(fmt::format("mode: '{}' does not begin with a mode", text));
  Mode mode(base == "fast" ? Base::fast : base == "none" ? Base::none : Base::fast_compile);
  for (std::string word = next_word(); !word.empty(); word = next_word()) {
    if (const auto what = guard_of_text(word)) {
      mode = mode.guarded(*what);
      continue;
    }
    if (word == "checked") {
      mode = mode.checked();
      continue;
    }
    if (word.starts_with("with rule ")) {
      throw GraphError(fmt::format(
          "mode: '{}' has a rule of a program's own, which its text does not hold", text));
    }
    const std::size_t blank = std::min(word.find(' '), word.size() - 1);
    const std::string verb = word.substr(0, blank);
    const std::string what = word.substr(blank + 1);
    if (verb == "requiring") {
      mode = mode.requiring(what);
    } else if (verb == "including" || verb == "excluding") {
      mode = mode.changed(verb == "including", what);
    } else {
      throw GraphError(fmt::format("mode: '{}' is not understood in '{}'", word, text));
    }
  }
  return mode;
}

std::vector<std::string> Mode::vocabulary() {
  std::set<std::string> words;
  for (const optim::Rule* rule : optim::all_rules()) {
    words.insert(rule->name());
    const auto tags = rule->mode_tags();
    words.insert(tags.begin(), tags.end());
  }
  for (const optim::Pass& pass : optim::passes()) {
    words.insert(pass.name);
    words.insert(pass.tags.begin(), pass.tags.end());
  }
  return {words.begin(), words.end()};
}

}  // namespace damo
