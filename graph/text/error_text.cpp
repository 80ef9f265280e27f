#include <fmt/format.h>

#include <algorithm>

#include <damo/graph/text/error_text.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>

namespace damo {
namespace {

constexpr std::size_t most_operands = 8;
constexpr int shown_depth = 3;

std::string kind_of_leaf(const Var& v) {
  if (is_input(v)) return "an input";
  if (is_shared(v)) return "a shared variable";
  return "a constant";
}

}  // namespace

std::string reference(const Var& v) {
  std::string text = v.name().empty() ? "" : fmt::format("'{}' ", v.name());
  if (!is_leaf(v)) {
    text += pprint(v.owner().output(v.index()), shown_depth);
  } else if (constant_value(v) != nullptr && v.ndim() == 0) {
    text += fmt::format("{} (a constant)", pprint(v));
  } else {
    text += fmt::format("({})", kind_of_leaf(v));
  }
  if (v.site().known()) text += fmt::format(", made at {}", to_string(v.site()));
  return text;
}

std::string short_name(const Var& v) {
  return v.name().empty() ? pprint(v, shown_depth) : v.name();
}

ErrorText::ErrorText(const std::string& op, std::string_view what) {
  headline_ = what.starts_with(op + ":") ? std::string(what) : fmt::format("{}: {}", op, what);
}

void ErrorText::add(std::string label, std::string line) {
  lines_.emplace_back(std::move(label), std::move(line));
}

void ErrorText::add_operands(std::span<const Var> inputs, std::span<const TensorType> types) {
  const std::size_t n = std::min({inputs.size(), types.size(), most_operands});
  std::size_t widest = 0;
  for (std::size_t i = 0; i < n; ++i) widest = std::max(widest, to_string(types[i]).size());
  for (std::size_t i = 0; i < n; ++i) {
    std::string label = fmt::format("input {}", i);
    if (inputs.size() == 2) label = i == 0 ? "left" : "right";
    if (inputs.size() == 1) label = "input";
    add(std::move(label),
        fmt::format("{:<{}} {}", to_string(types[i]), widest, reference(inputs[i])));
  }
  if (inputs.size() > n) add("...", fmt::format("and {} more inputs", inputs.size() - n));
}

void ErrorText::add_hint(const std::string& lines) {
  std::size_t begin = 0;
  while (begin < lines.size()) {
    const std::size_t end = std::min(lines.find('\n', begin), lines.size());
    add("hint", lines.substr(begin, end - begin));
    begin = end + 1;
  }
}

std::string ErrorText::text() const {
  std::size_t widest = 5;
  for (const auto& [label, line] : lines_) widest = std::max(widest, label.size());
  std::string text = headline_;
  for (const auto& [label, line] : lines_)
    text += fmt::format("\n  {:<{}}  {}", label, widest, line);
  return text;
}

}  // namespace damo
