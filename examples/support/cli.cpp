#include "support/cli.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <numeric>
#include <variant>

#include <damo/graph/errors/error.hpp>

namespace damo::examples {
namespace {

constexpr double unbounded = 1e6;  // larger limits are there to catch slips, not worth telling

std::string describe(const std::string& help, const Range& range, const std::string& fallback) {
  std::string limits;
  if (std::isfinite(range.low) && range.high < unbounded) {
    limits = fmt::format("{} to {}", range.low, range.high);
  } else if (std::isfinite(range.low)) {
    limits = fmt::format("at least {}", range.low);
  }
  if (!range.unit.empty()) limits += fmt::format("{}{}", limits.empty() ? "" : " ", range.unit);
  return fmt::format("{} [{}{}default {}]", help, limits, limits.empty() ? "" : "; ", fallback);
}

std::string check_number(const std::string& text, const Range& range, bool whole) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || end != text.c_str() + text.size())
    return fmt::format("'{}' is not a number", text);
  if (!std::isfinite(value)) return fmt::format("{} is not a finite number", text);
  if (whole && value != std::floor(value)) return fmt::format("{} is not a whole number", text);
  if (value >= range.low && value <= range.high) return {};
  if (range.high < unbounded)
    return fmt::format("{} is not between {} and {}", text, range.low, range.high);
  return value < range.low ? fmt::format("{} is not at least {}", text, range.low)
                           : fmt::format("{} is more than {}", text, range.high);
}

std::string unknown_word(const std::string& word, const std::vector<std::string>& words) {
  if (const auto near = did_you_mean(word, words)) {
    return fmt::format("'{}' is unknown; did you mean '{}'?", word, *near);
  }
  return fmt::format("'{}' is none of {}", word, fmt::join(words, ", "));
}

std::string first_name(const std::string& flags) {
  const std::string first = flags.substr(0, flags.find(','));
  return first.substr(first.find_first_not_of('-'));
}

int edit_distance(std::string_view a, std::string_view b) {
  // Rows of the usual table; two are kept for swapped neighbours.
  std::vector<int> before;
  std::vector<int> previous(b.size() + 1);
  std::vector<int> row(b.size() + 1);
  std::iota(previous.begin(), previous.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = static_cast<int>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min(
          {previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (a[i - 1] != b[j - 1] ? 1 : 0)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before = previous;
    previous = row;
  }
  return previous[b.size()];
}

}  // namespace

std::optional<std::string> did_you_mean(std::string_view word,
                                        const std::vector<std::string>& words) {
  constexpr int slips = 2;
  std::optional<std::string> best;
  int best_distance = std::min<int>(slips, static_cast<int>(word.size()) / 2) + 1;
  for (const std::string& candidate : words) {
    const int distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string shell_quoted(const std::string& word) {
  const bool plain = !word.empty() && word.find_first_not_of(
                                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789_-./=:,+@%") == std::string::npos;
  if (plain) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string counted(std::int64_t n, std::string_view noun) {
  return fmt::format("{} {}{}", n, noun, n == 1 ? "" : "s");
}

struct Cli::Impl {
  using Target = std::variant<std::int64_t*, double*, std::string*, bool*>;

  struct Entry {
    std::string name;  // the first flag without its dashes
    Target target;
    CLI::Option* option;
    CLI::Option* opposite = nullptr;
    std::string implied = {};  // the value of an option that stands without one
    // What is wrong with a value, empty if nothing is; for values from files as on the command
    // line.
    std::function<std::string(const std::string&)> check = [](const std::string&) {
      return std::string();
    };

    bool given() const {
      return option->count() > 0 || (opposite != nullptr && opposite->count() > 0);
    }
  };

  std::string program, command, command_line;
  CLI::App app;
  std::vector<Entry> entries;

  template <class T>
  CLI::Option* add(const std::string& flags, T& value, const std::string& help,
                   std::function<std::string(const std::string&)> check = {}) {
    CLI::Option* option = app.add_option(flags, value, help);
    option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    entries.push_back({first_name(flags), &value, option});
    if (check) {
      option->check(check);
      entries.back().check = std::move(check);
    }
    return option;
  }
  std::vector<std::string> flags() const {
    std::vector<std::string> names;
    for (const CLI::Option* option : app.get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
    return names;
  }
  // What CLI11 cannot check by itself; the result is an exit code.
  std::optional<int> after_parsing() {
    for (Entry& entry : entries) {
      if (entry.opposite != nullptr && entry.option->count() > 0 && entry.opposite->count() > 0) {
        return usage_error(fmt::format("{} and {} exclude each other", entry.option->get_name(),
                                       entry.opposite->get_name()));
      }
      auto** text = std::get_if<std::string*>(&entry.target);
      if (text != nullptr && (**text).empty() && entry.given()) **text = entry.implied;
    }
    return std::nullopt;
  }
  int usage_error(const std::string& message) const {
    fmt::print(stderr, "{}: {}\nTry '{} --help'.\n", program, message, command);
    return 2;
  }
};

Cli::Cli(std::string program, const std::string& description) : impl_(std::make_unique<Impl>()) {
  impl_->program = impl_->command = std::move(program);
  impl_->app.description(description);
  impl_->app.name(impl_->program);
  impl_->app.set_version_flag("--version", impl_->program + " (Damo " DAMO_VERSION ")");
}

Cli::~Cli() = default;

Cli& Cli::option(const std::string& flags, std::int64_t& value, const std::string& help,
                 Range range) {
  impl_
      ->add(flags, value, describe(help, range, std::to_string(value)),
            [range](const std::string& text) { return check_number(text, range, true); })
      ->type_name("N");
  return *this;
}

Cli& Cli::option(const std::string& flags, double& value, const std::string& help, Range range) {
  impl_
      ->add(flags, value, describe(help, range, fmt::format("{}", value)),
            [range](const std::string& text) { return check_number(text, range, false); })
      ->type_name("X");
  return *this;
}

Cli& Cli::option(const std::string& flags, std::string& value, const std::string& help) {
  impl_->add(flags, value, value.empty() ? help : describe(help, {}, value))->type_name("TEXT");
  return *this;
}

Cli& Cli::flag(const std::string& flags, bool& value, const std::string& help) {
  CLI::Option* option = impl_->app.add_flag(flags, value, help);
  option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  impl_->entries.push_back({first_name(flags), &value, option});
  return *this;
}

Cli& Cli::either(const std::string& yes, const std::string& yes_help, const std::string& no,
                 const std::string& no_help, bool& value) {
  const auto text = [&](const std::string& help, bool is_default) {
    return is_default ? help + " [default]" : help;
  };
  CLI::Option* on = impl_->app.add_flag_callback(
      yes, [&value] { value = true; }, text(yes_help, value));
  CLI::Option* off = impl_->app.add_flag_callback(
      no, [&value] { value = false; }, text(no_help, !value));
  impl_->entries.push_back({first_name(yes), &value, on, off});
  return *this;
}

Cli& Cli::choice(const std::string& flags, std::string& value, const std::string& help,
                 const std::vector<std::string>& words, bool or_path) {
  const std::string list =
      fmt::format("{}: {}{}", help, fmt::join(words, ", "), or_path ? " or a path" : "");
  const auto check = [words, or_path](const std::string& word) {
    const bool known = std::find(words.begin(), words.end(), word) != words.end();
    const bool path =
        or_path && (word.find_first_of("/,") != std::string::npos || std::filesystem::exists(word));
    if (known || path) return std::string();
    const std::string wrong = unknown_word(word, words);
    return or_path && !did_you_mean(word, words) ? wrong + ", and no file or folder that is there"
                                                 : wrong;
  };
  impl_->add(flags, value, describe(list, {}, value), check)->type_name("NAME");
  return *this;
}

Cli& Cli::optional(const std::string& flags, std::string& value, const std::string& implied,
                   const std::string& help) {
  impl_->add(flags, value, fmt::format("{} [without a value {}]", help, implied))
      ->type_name("[TEXT]")
      ->expected(0, 1);
  impl_->entries.back().implied = implied;
  return *this;
}

std::optional<int> Cli::parse(int argc, const char* const* argv) {
  std::vector<std::string> words(argv, argv + argc);
  impl_->command = words.empty() ? impl_->program : shell_quoted(words[0]);
  for (std::string& word : words) word = shell_quoted(word);
  impl_->command_line = fmt::format("{}", fmt::join(words, " "));
  try {
    impl_->app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", impl_->app.help());
    return 0;
  } catch (const CLI::CallForVersion& version) {
    fmt::print("{}\n", version.what());
    return 0;
  } catch (const CLI::ExtrasError&) {
    const std::vector<std::string> extras = impl_->app.remaining();
    const std::string word = extras.empty() ? "?" : extras.front();
    return impl_->usage_error(word.starts_with("-") ? "option " + unknown_word(word, impl_->flags())
                                                    : fmt::format("'{}' was not expected", word));
  } catch (const CLI::ParseError& error) {
    return impl_->usage_error(error.what());
  }
  return impl_->after_parsing();
}

const std::string& Cli::program() const { return impl_->program; }
const std::string& Cli::command() const { return impl_->command; }
const std::string& Cli::command_line() const { return impl_->command_line; }

bool Cli::given(const std::string& flag) const {
  for (const Impl::Entry& entry : impl_->entries) {
    if (entry.name == flag.substr(flag.find_first_not_of('-'))) return entry.given();
  }
  throw InternalError(fmt::format("cli: there is no option '{}'", flag));
}

io::Record Cli::values() const {
  io::Record record;
  for (const Impl::Entry& entry : impl_->entries) {
    std::visit([&](const auto* value) { record.set(entry.name, *value); }, entry.target);
  }
  return record;
}

void Cli::restore(const io::Record& values, std::string_view where) {
  for (Impl::Entry& entry : impl_->entries) {
    if (entry.given() || !values.has(entry.name)) continue;
    const auto set = [&](auto& target, const auto& value) {
      const std::string wrong = entry.check(fmt::format("{}", value));
      if (!wrong.empty()) throw IoError(fmt::format("{}: '{}': {}", where, entry.name, wrong));
      target = value;
    };
    try {
      if (auto** integer = std::get_if<std::int64_t*>(&entry.target)) {
        set(**integer, values.integer(entry.name));
      } else if (auto** number = std::get_if<double*>(&entry.target)) {
        set(**number, values.number(entry.name));
      } else if (auto** text = std::get_if<std::string*>(&entry.target)) {
        set(**text, values.text(entry.name));
      } else {
        **std::get_if<bool*>(&entry.target) = values.boolean(entry.name);
      }
    } catch (const IoError& error) {
      const std::string_view what = error.what();
      throw IoError(what.starts_with(where) ? std::string(what)
                                            : fmt::format("{}: {}", where, what));
    }
  }
}

std::vector<std::string> Cli::differences(const io::Record& values) const {
  std::vector<std::string> found;
  const auto text = [](const auto& v) { return fmt::format("{}", v); };
  const io::Record mine = this->values();
  for (const auto& [name, value] : mine.values()) {
    if (!values.has(name)) continue;
    const std::string now = std::visit(text, value);
    for (const auto& [old_name, old] : values.values()) {
      const std::string before = std::visit(text, old);
      if (old_name == name && before != now)
        found.push_back(fmt::format("{} {} is {} now", name, before, now));
    }
  }
  return found;
}

}  // namespace damo::examples
