#include "support/music/tunes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include <damo/graph/errors/error.hpp>

#include "support/run_files.hpp"

namespace damo::examples {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t longest_sound = 8U << 20U;

struct TuneFile {
  std::int64_t number;
  std::string stem;
  fs::path path;
};

// By number, what was composed before what is real.
std::vector<TuneFile> tune_files(const fs::path& folder) {
  std::vector<TuneFile> files;
  for (const auto& [stem, numbered] : files_by_stem(folder, ".mid")) {
    for (const auto& [number, path] : numbered) files.push_back({number, stem, path});
  }
  const auto key = [](const TuneFile& f) {
    return std::tuple(f.number, f.stem.starts_with("real"), f.stem);
  };
  std::sort(files.begin(), files.end(),
            [&](const TuneFile& a, const TuneFile& b) { return key(a) < key(b); });
  return files;
}

}  // namespace

void add_tunes(io::HtmlPage& page, const fs::path& folder, const fs::path& page_folder) {
  std::vector<io::Tune> tunes;
  std::vector<TuneFile> files = tune_files(folder);
  for (const TuneFile& file : files) {
    try {
      tunes.push_back({file.path.filename().string(), io::read_midi(file.path)});
    } catch (const IoError& error) {
      page.paragraph(fmt::format("left out: {}", error.what()));
    }
  }
  if (!tunes.empty()) {
    page.tunes(
        "Piano-rolls: time to the right, a row for each semitone, the lines are Cs; all at one "
        "scale. What the model composed (song, composed) stands before real pieces (real).",
        tunes);
  }
  for (const TuneFile& file : files) {
    page.download(file.path);
    const fs::path stem = fs::path(file.path).replace_extension();
    const fs::path picture = stem.string() + ".png", sound = stem.string() + ".wav";
    if (fs::exists(picture)) page.download(picture);
    if (!fs::exists(sound)) continue;
    if (fs::file_size(sound) <= longest_sound) {
      page.sound(sound);
    } else {
      page.sound_beside(sound, page_folder);
    }
  }
}

}  // namespace damo::examples
