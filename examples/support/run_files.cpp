#include "support/run_files.hpp"

#include <fmt/format.h>

#include "support/program.hpp"

namespace damo::examples {
namespace {

constexpr std::size_t text_width = 90;

}  // namespace

NumberedFiles files_by_stem(const std::filesystem::path& folder, std::string_view extension) {
  NumberedFiles groups;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (!extension.empty() && entry.path().extension() != extension) continue;
    const std::string stem = entry.path().stem().string();
    const std::size_t digits = stem.find_last_not_of("0123456789") + 1;
    const std::string number = stem.substr(digits).substr(0, 9);
    groups[stem.substr(0, digits)][number.empty() ? 0 : std::stoll(number)] = entry.path();
  }
  return groups;
}

void remove_between(const std::filesystem::path& folder, const std::string& stem,
                    std::string_view extension, std::int64_t latest) {
  constexpr std::int64_t most = 38;
  std::int64_t apart = 1;
  while (latest / apart > most) apart *= 2;
  if (apart == 1) return;
  const NumberedFiles files = files_by_stem(folder, extension);
  const auto found = files.find(stem);
  if (found == files.end()) return;
  for (const auto& [number, path] : found->second) {
    const bool stays = number % apart == 0 || number <= 1 || number >= latest;
    std::error_code ignored;
    if (!stays) std::filesystem::remove(path, ignored);
  }
}

void print_settings(const std::string& program, const io::Record& record) {
  std::string line = program + ":";
  for (const auto& [name, value] : record.values()) {
    const std::string text = std::visit([](const auto& v) { return fmt::format("{}", v); }, value);
    if (text.empty() || text == "false" || name == "data_notes") continue;
    const std::string item = fmt::format(" {} {},", name, text);
    if (line.size() + item.size() > text_width) {
      say(stdout, line + "\n");
      line = std::string(program.size() + 1, ' ');
    }
    line += item;
  }
  line.pop_back();
  say(stdout, line + "\n");
}

void print_pictures(const std::filesystem::path& folder) {
  for (const auto& [stem, files] : files_by_stem(folder, ".png")) {
    std::string line = "  " + files.begin()->second.string();
    if (files.size() > 1) line += " to " + files.rbegin()->second.filename().string();
    say(stdout, line + "\n");
  }
}

}  // namespace damo::examples
