#include <charconv>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>

#include "tests/fuzz/differential.hpp"

// fuzz_rewrites --graphs N --seed S: random graphs, each computed in every mode and held to what
// was written. Prints what differs, shrunk, and which rule did it; fails when anything does.
namespace {

constexpr const char* usage =
    "usage: fuzz_rewrites [--graphs N] [--seed S]\n"
    "  N random graphs, from number S on, are computed in every mode and held to mode none\n";

bool read(std::string_view text, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t graphs = 1000;
  std::uint64_t seed = 1;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view option = argv[i];
    std::uint64_t* number = option == "--graphs" ? &graphs : option == "--seed" ? &seed : nullptr;
    if (number == nullptr || i + 1 == argc || !read(argv[i + 1], *number)) {
      std::fputs(usage, stderr);
      return 2;
    }
  }
  std::map<std::string, std::size_t> by_rule;
  std::size_t found = 0;
  for (std::uint64_t i = 0; i < graphs; ++i) {
    const auto finding = damo::test::differential(seed + i);
    if (!finding) continue;
    ++found;
    ++by_rule[finding->rule];
    std::printf("%s\n", finding->text().c_str());
    std::fflush(stdout);
  }
  for (const auto& [rule, n] : by_rule)
    std::printf("%6zu  %s\n", n, rule.empty() ? "no single rule" : rule.c_str());
  std::printf("%zu of %zu graphs differ\n", found, static_cast<std::size_t>(graphs));
  return found == 0 ? 0 : 1;
}
