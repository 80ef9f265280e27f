#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include <damo/io/pictures/html_page.hpp>
#include <damo/io/pictures/tune_figure.hpp>

namespace damo::io {
namespace {

constexpr std::size_t most_notes = 20000;
constexpr double longest = 3 * 3600;

/// What all the rolls of a figure show: pitches from low to high, seconds from 0.
struct Scales {
  static constexpr int left = 34, right = 6, top = 6, bottom = 22, width = 480, row = 5;
  int low = 127, high = 0;
  double seconds = 1;
  double px(double t) const { return left + t / seconds * (width - left - right); }
  int py(int pitch) const { return top + (high - pitch) * row; }
  int floor() const { return py(low) + row; }
};

std::vector<MidiNote> shown_notes(const Tune& tune) {
  std::vector<MidiNote> notes;
  for (const MidiNote& note : tune.midi.notes) {
    if (note.channel == drum_channel || !(note.on < longest)) continue;
    if (notes.size() == most_notes) break;
    notes.push_back(note);
    notes.back().off = std::min(note.off, longest);
  }
  return notes;
}

// Whole octaves, at least one.
Scales scales_of(const std::vector<std::vector<MidiNote>>& tunes) {
  Scales e;
  for (const auto& notes : tunes) {
    for (const MidiNote& note : notes) {
      e.low = std::min(e.low, note.pitch);
      e.high = std::max(e.high, note.pitch);
      e.seconds = std::max(e.seconds, note.off);
    }
  }
  if (e.low > e.high) e.low = e.high = 60;
  e.low = e.low / 12 * 12;
  e.high = e.high / 12 * 12 + 11;
  return e;
}

double time_step(double seconds) {
  for (const double step : {1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0}) {
    if (seconds / step <= 8) return step;
  }
  return 3600;
}

std::string roll(const std::vector<MidiNote>& notes, const Scales& e, const std::string& label) {
  std::string svg = fmt::format(
      "<svg class=\"tune\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\" "
      "data-left=\"{:.2f}\" data-second=\"{:.6f}\">\n",
      Scales::width, e.floor() + Scales::bottom, html_escaped(label), e.px(0), e.px(1) - e.px(0));
  for (int pitch = e.low; pitch <= e.high; pitch += 12) {
    const int y = e.py(pitch) + Scales::row;
    svg += fmt::format(
        "<line class=\"grid\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>"
        "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">C{}</text>\n",
        Scales::left, y, Scales::width - Scales::right, y, Scales::left - 5, y, pitch / 12 - 1);
  }
  const double step = time_step(e.seconds);
  for (double t = 0; t <= e.seconds; t += step) {
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"{}\">{:.0f} s</text>\n", e.px(t),
                       e.floor() + 16,
                       t == 0                         ? "start"
                       : e.px(t) > Scales::width - 24 ? "end"
                                                      : "middle",
                       t);
  }
  std::string path;
  for (const MidiNote& note : notes) {
    path += fmt::format("M{:.1f} {}h{:.1f}v{}h-{:.1f}z", e.px(note.on), e.py(note.pitch),
                        std::max(e.px(note.off) - e.px(note.on), 0.5), Scales::row - 1,
                        std::max(e.px(note.off) - e.px(note.on), 0.5));
  }
  svg += fmt::format("<path class=\"notes\" d=\"{}\"/>", path);
  svg += fmt::format(
      "<line class=\"cursor\" x1=\"0\" x2=\"0\" y1=\"{}\" y2=\"{}\" visibility=\"hidden\"/></svg>",
      Scales::top, e.floor());
  return svg;
}

std::string sounds(const std::vector<MidiNote>& notes) {
  std::string list;
  for (const MidiNote& note : notes) {
    list += fmt::format("{}[{},{:.3f},{:.3f},{}]", list.empty() ? "" : ",", note.pitch, note.on,
                        note.off, note.velocity);
  }
  return "[" + list + "]";
}

// What a reader who does not see the picture is told.
std::string description(const Tune& tune, const std::vector<MidiNote>& notes) {
  if (notes.empty()) return fmt::format("Piano-roll of {}: silence", tune.name);
  const auto [low, high] = std::minmax_element(
      notes.begin(), notes.end(), [](const auto& a, const auto& b) { return a.pitch < b.pitch; });
  double end = 0;
  for (const MidiNote& note : notes) end = std::max(end, note.off);
  return fmt::format("Piano-roll of {}: {} notes in {:.0f} s, from {} to {}", tune.name,
                     notes.size(), end, pitch_name(low->pitch), pitch_name(high->pitch));
}

}  // namespace

std::string pitch_name(int pitch) {
  constexpr std::string_view names[] = {"C",  "C#", "D",  "D#", "E",  "F",
                                        "F#", "G",  "G#", "A",  "A#", "B"};
  return fmt::format("{}{}", names[pitch % 12], pitch / 12 - 1);
}

std::string tune_figure(const std::vector<Tune>& tunes) {
  std::vector<std::vector<MidiNote>> notes;
  for (const Tune& tune : tunes) notes.push_back(shown_notes(tune));
  const Scales scales = scales_of(notes);
  std::string html = "<div class=\"tunes\">\n";
  for (std::size_t i = 0; i < tunes.size(); ++i) {
    const std::string name = html_escaped(tunes[i].name);
    html += fmt::format(
        "<figure data-tune><figcaption><button type=\"button\" aria-label=\"Play {0}\">Play"
        "</button> {0}{1}</figcaption>\n<div class=\"scroll\">{2}</div>\n"
        "<script type=\"application/json\">{3}</script></figure>\n",
        name, notes[i].size() == most_notes ? fmt::format(", its first {} notes", most_notes) : "",
        roll(notes[i], scales, description(tunes[i], notes[i])), sounds(notes[i]));
  }
  return html + "</div>\n";
}

}  // namespace damo::io
