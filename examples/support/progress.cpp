#include "support/progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "support/program.hpp"

namespace damo::examples {
namespace {

constexpr int bar_width = 20;
constexpr double redraw_seconds = 0.1;
constexpr std::size_t narrowest = 40, usual_width = 80;

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

std::string bar(double part) {
  const int full = std::clamp(static_cast<int>(part * bar_width), 0, bar_width);
  std::string text(static_cast<std::size_t>(full), '=');
  if (full < bar_width) text += '>';
  text.resize(bar_width, ' ');
  return "[" + text + "]";
}

std::size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return usual_width;
  return std::max<std::size_t>(size.ws_col, narrowest);
}

}  // namespace

ProgressStyle progress_style(bool quiet) {
  if (quiet) return ProgressStyle::quiet;
  const char* term = std::getenv("TERM");
  const bool dumb = term != nullptr && std::string_view(term) == "dumb";
  return ::isatty(STDERR_FILENO) != 0 && !is_set("CI") && !dumb ? ProgressStyle::live
                                                                : ProgressStyle::plain;
}

std::string to_string(const Metrics& metrics) {
  std::string text;
  for (const Metric& m : metrics) {
    text += fmt::format("{}{} {:.4g}", text.empty() ? "" : "  ", m.name, m.value);
  }
  return text;
}

std::string clock_time(double seconds) {
  if (!std::isfinite(seconds) || seconds > 1e8) return "?";
  const auto s = static_cast<std::int64_t>(std::lround(std::max(seconds, 0.0)));
  if (s < 3600) return fmt::format("{}:{:02}", s / 60, s % 60);
  return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

Progress::Progress(std::int64_t epochs, std::int64_t batches_per_epoch, ProgressStyle style)
    : epochs_(epochs),
      batches_(batches_per_epoch),
      style_(style),
      color_(style == ProgressStyle::live && !is_set("NO_COLOR")),
      start_(std::chrono::steady_clock::now()),
      last_draw_(start_ - std::chrono::seconds(1)),
      epoch_start_(start_) {}

Progress::~Progress() { clear(); }

void Progress::epochs_begin() { start_ = epoch_start_ = std::chrono::steady_clock::now(); }

void Progress::clear() {
  if (drawn_) say(stderr, "\r\033[K");
  drawn_ = false;
}

double Progress::seconds_per_batch() const {
  return done_ == 0 ? 0 : seconds_since(start_) / static_cast<double>(done_);
}

void Progress::batch_done(std::int64_t epoch, std::int64_t batch, const Metrics& metrics) {
  ++done_;
  if (!is_time_to_draw()) return;
  const double rate = seconds_per_batch();
  const auto left = static_cast<double>((epochs_ - epoch) * batches_ - batch - 1);
  const std::string speed =
      rate >= 1 ? fmt::format("{:.2f} s/it", rate) : fmt::format("{:.2f} ms/it", rate * 1e3);
  draw(fmt::format("epoch {}/{} {} {}/{}  {}  {}  eta {}", epoch + 1, epochs_,
                   bar(static_cast<double>(batch + 1) / static_cast<double>(batches_)), batch + 1,
                   batches_, to_string(metrics), speed, clock_time(left * rate)));
}

bool Progress::is_time_to_draw() const {
  return style_ == ProgressStyle::live && seconds_since(last_draw_) >= redraw_seconds;
}

void Progress::draw(std::string line) {
  // A line that wraps could not be rewritten.
  line.resize(std::min(line.size(), terminal_width() - 1));
  say(stderr,
      fmt::format("\r\033[K{}{}{}", color_ ? "\033[36m" : "", line, color_ ? "\033[0m" : ""));
  last_draw_ = std::chrono::steady_clock::now();
  drawn_ = true;
}

void Progress::part_done(std::string_view what, std::int64_t done, std::int64_t total) {
  if (style_ == ProgressStyle::plain && done == 0) note(what);
  if (!is_time_to_draw()) return;
  const double part =
      static_cast<double>(done) / static_cast<double>(std::max<std::int64_t>(total, 1));
  draw(fmt::format("{} {} {}/{}", what, bar(part), done, total));
}

void Progress::epoch_done(std::int64_t epoch, const Metrics& metrics) {
  if (style_ == ProgressStyle::quiet) return;
  clear();
  const double left = static_cast<double>((epochs_ - epoch - 1) * batches_) * seconds_per_batch();
  say(stderr, fmt::format("epoch {}/{}  {}  {:.1f} s  eta {}\n", epoch + 1, epochs_,
                          to_string(metrics), seconds_since(epoch_start_), clock_time(left)));
  epoch_start_ = std::chrono::steady_clock::now();
}

void Progress::note(std::string_view text) {
  if (style_ == ProgressStyle::quiet) return;
  clear();
  say(stderr, fmt::format("{}\n", text));
}

}  // namespace damo::examples
