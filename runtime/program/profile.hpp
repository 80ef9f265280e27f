#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace damo {

/// Where a function's time goes, instruction by instruction. Costs nothing unless switched on.
class Profile {
 public:
  enum class Kind : std::uint8_t { product, draw, elementwise, scan, other };
  using Clock = std::chrono::steady_clock;

  struct Line {
    std::string title;
    Kind kind = Kind::other;
    std::uint64_t calls = 0;
    double seconds = 0;
    double bytes = 0;
  };
  /// The lines of one program, in its order, and those of the loops inside it.
  struct Section {
    std::string name;
    std::vector<Line> lines;
  };

  /// Adds a section; its lines are numbered as the program's instructions.
  std::size_t add_section(std::string name, std::vector<Line> lines);
  Line& line(std::size_t section, std::size_t instruction) {
    return sections_[section].lines[instruction];
  }
  void count_call(double seconds) {
    ++calls_;
    seconds_ += seconds;
  }
  void clear();
  std::uint64_t calls() const { return calls_; }

  /// Tables for people: time by kind (gemm, draws, elementwise, overhead), then by instruction.
  std::string text(const std::string& function) const;

 private:
  std::vector<Section> sections_;
  std::uint64_t calls_ = 0;
  double seconds_ = 0;
};

}  // namespace damo
