#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include <damo/runtime/program/profile.hpp>

namespace damo {
namespace {

constexpr std::array kinds{Profile::Kind::product, Profile::Kind::draw, Profile::Kind::elementwise,
                           Profile::Kind::other, Profile::Kind::scan};

const char* name(Profile::Kind kind) {
  switch (kind) {
    case Profile::Kind::product:
      return "gemm";
    case Profile::Kind::draw:
      return "draws";
    case Profile::Kind::elementwise:
      return "elementwise";
    case Profile::Kind::scan:
      return "loops";
    case Profile::Kind::other:
      break;
  }
  return "other ops";
}

double microseconds(double seconds, std::uint64_t calls) {
  return calls == 0 ? 0 : 1e6 * seconds / static_cast<double>(calls);
}

}  // namespace

std::size_t Profile::add_section(std::string name, std::vector<Line> lines) {
  sections_.push_back({std::move(name), std::move(lines)});
  return sections_.size() - 1;
}

void Profile::clear() { *this = Profile{}; }

std::string Profile::text(const std::string& function) const {
  if (calls_ == 0) {
    return fmt::format("{}: no calls were profiled (FunctionOptions::profile, set_profiling)\n",
                       function);
  }
  std::map<Kind, double> by_kind;
  for (const Section& section : sections_) {
    for (const Line& line : section.lines) {
      if (line.kind != Kind::scan) by_kind[line.kind] += line.seconds;
    }
  }
  double known = 0;
  for (const auto& [kind, seconds] : by_kind) known += seconds;
  std::string text = fmt::format("{}: {} calls, {:.1f} us each\n", function, calls_,
                                 microseconds(seconds_, calls_));
  const auto row = [&](const char* what, double seconds) {
    text += fmt::format("  {:<12}{:>10.1f} us a call {:>6.1f}%\n", what,
                        microseconds(seconds, calls_), 100 * seconds / seconds_);
  };
  for (const Kind kind : kinds) {
    if (by_kind.contains(kind)) row(name(kind), by_kind[kind]);
  }
  row("overhead", seconds_ - known);
  for (const Section& section : sections_) {
    text += fmt::format("{}\n  {:>3} {:>12} {:>10} {:>10}  {}\n", section.name, "#", "us a call",
                        "times", "GB/s", "instruction");
    for (std::size_t i = 0; i < section.lines.size(); ++i) {
      const Line& line = section.lines[i];
      text += fmt::format("  {:>3} {:>12.2f} {:>10} {:>10.1f}  {} ({})\n", i + 1,
                          microseconds(line.seconds, calls_), line.calls,
                          line.seconds > 0 ? 1e-9 * line.bytes / line.seconds : 0.0, line.title,
                          name(line.kind));
    }
  }
  return text;
}

}  // namespace damo
