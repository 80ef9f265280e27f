#pragma once
#include <filesystem>

#include <damo/io/pictures/html_page.hpp>

namespace damo::examples {

/// The music of a folder: its MIDI files to see and to play, generated and real ones beside one
/// another, its sounds, and all of these to take home. A sound that is too large to be inside the
/// page is played from beside it, as seen from `page_folder`.
void add_tunes(io::HtmlPage& page, const std::filesystem::path& folder,
               const std::filesystem::path& page_folder);

}  // namespace damo::examples
