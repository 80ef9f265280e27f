#pragma once
#include <string>
#include <vector>

#include <damo/io/formats/midi.hpp>

namespace damo::io {

/// "C4" for 60.
std::string pitch_name(int pitch);

/// A piece of music on a page.
struct Tune {
  std::string name;  ///< "song_1.mid"
  Midi midi;
};

/// Piano-rolls beside one another at one scale, as HTML: each is an SVG with a button that plays it
/// (by the script of `HtmlPage`) while a line moves along. Drums are left out, and so is what comes
/// after the first 20,000 notes or three hours, which is said.
std::string tune_figure(const std::vector<Tune>& tunes);

}  // namespace damo::io
