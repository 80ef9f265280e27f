#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <system_error>

#include <damo/graph/errors/error.hpp>
#include <damo/io/files/file.hpp>
#include <damo/io/formats/note_json.hpp>
#include <damo/io/formats/npz.hpp>
#include <damo/io/sequences.hpp>

namespace damo::io {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t built_in_train = 48, built_in_other = 6;
constexpr std::uint64_t built_in_seed = 1685;

std::uint32_t checksum(std::uint32_t crc, std::span<const std::byte> bytes) {
  return static_cast<std::uint32_t>(
      crc32_z(crc, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

std::string fingerprint(const SequenceSet& set) {
  std::uint32_t crc = 0;
  for (const auto* part : {&set.train, &set.valid, &set.test}) {
    for (const Array& roll : *part) crc = checksum(crc, {roll.raw(), roll.bytes()});
  }
  return fmt::format("crc32:{:08x}", crc);
}

std::vector<Array>& part_of(SequenceSet& set, std::string_view key) {
  return key.starts_with("valid") ? set.valid : key.starts_with("test") ? set.test : set.train;
}

void read_json(SequenceSet& set, const fs::path& path) {
  for (const auto& [key, pieces] : read_note_json(path)) {
    if (key != "train" && key != "valid" && key != "test") {
      throw_io(path, fmt::format("the part '{}' is none of train, valid and test", key));
    }
    for (const NoteFrames& frames : pieces)
      part_of(set, key).push_back(to_piano_roll(frames, set.roll));
  }
}

void read_rolls(SequenceSet& set, const fs::path& path) {
  for (auto& [key, roll] : read_npz(path)) {
    if (roll.rank() != 2 || roll.shape()[1] != set.pitches()) {
      throw_io(path, fmt::format("'{}' is {}, not a piano-roll of {} pitches", key,
                                 to_string(roll.shape()), set.pitches()));
    }
    part_of(set, key).push_back(roll.cast(DType::float32));
  }
}

// The name of a tune without what distinguishes its variants: up to its last digit.
std::string tune_name(const fs::path& file) {
  const std::string stem = file.stem().string();
  const std::size_t digit = stem.find_last_of("0123456789");
  return digit == std::string::npos ? stem : stem.substr(0, digit + 1);
}

bool is_midi(const fs::path& path) {
  std::error_code unreadable;
  return fs::is_regular_file(path, unreadable) &&
         (path.extension() == ".mid" || path.extension() == ".midi");
}

void read_tunes(SequenceSet& set, std::vector<fs::path> files) {
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    const std::uint32_t draw = checksum(0, as_bytes(tune_name(file))) % 10;
    std::vector<Array>& part = draw == 0 ? set.test : draw == 1 ? set.valid : set.train;
    part.push_back(read_piano_roll(file, set.roll));
  }
}

void read_folder(SequenceSet& set, const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (is_midi(entry.path())) files.push_back(entry.path());
  }
  if (error) throw_io(folder, "cannot list the folder: " + error.message());
  if (files.empty()) throw_io(folder, "there are no MIDI files (*.mid) in it");
  read_tunes(set, std::move(files));
}

void read_list(SequenceSet& set, const fs::path& list) {
  const Bytes bytes = read_file(list);
  std::string_view text = as_text(bytes);
  std::vector<fs::path> files;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    const fs::path file = list.parent_path() / fs::path(line);
    if (!is_midi(file)) throw_io(list, fmt::format("'{}' is no MIDI file (*.mid)", file.string()));
    files.push_back(file);
  }
  read_tunes(set, std::move(files));
}

void read_path(SequenceSet& set, const fs::path& path) {
  set.source = path.string();
  std::error_code unreadable;
  if (fs::is_directory(path, unreadable)) return read_folder(set, path);
  if (path.extension() == ".json") return read_json(set, path);
  if (path.extension() == ".npz") return read_rolls(set, path);
  if (path.extension() == ".txt") return read_list(set, path);
  if (is_midi(path)) return set.train.push_back(read_piano_roll(path, set.roll));
  throw_io(path, "is neither a folder of MIDI files nor a .mid, .json, .npz or .txt file");
}

bool holds_midi(const fs::path& folder) {
  std::error_code error;
  return std::any_of(fs::directory_iterator(folder, error), fs::directory_iterator(),
                     [](const fs::directory_entry& entry) { return is_midi(entry.path()); });
}

fs::path find_by_name(const std::string& set_name) {
  std::vector<fs::path> roots{"data"};
  const char* data = std::getenv("DAMO_DATA");
  if (data != nullptr && *data != '\0') roots.insert(roots.begin(), data);
  std::string looked;
  for (const fs::path& root : roots) {
    fs::path folder = root / set_name;
    if (set_name == "jsb") {
      fs::path file = folder / "jsb-chorales-quarter.json";
      std::error_code unreadable;
      if (fs::is_regular_file(file, unreadable)) return file;
    } else if (holds_midi(folder)) {
      return folder;
    } else if (holds_midi(folder / "MIDI")) {
      return folder / "MIDI";
    }
    looked += fmt::format("\n  looked in  {}", folder.string());
  }
  const std::string_view remedy =
      set_name == "jsb" ? "put jsb-chorales-quarter.json of the JSB-Chorales-dataset into data/jsb"
                        : "put the MIDI files of the Nottingham data set into data/nottingham";
  throw IoError(fmt::format(
      "the data set '{}' is not on this machine{}\n  hint       {}; 'chorales' is built in",
      set_name, looked, remedy));
}

void generate(SequenceSet& set) {
  set.source = "built in";
  std::vector<Array> all =
      generate_chorales(built_in_train + 2 * built_in_other, built_in_seed, set.roll);
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto& part = i < built_in_train                    ? set.train
                 : i < built_in_train + built_in_other ? set.valid
                                                       : set.test;
    part.push_back(std::move(all[i]));
  }
}

}  // namespace

std::vector<std::string> sequence_names() { return {"jsb", "nottingham", "chorales"}; }

SequenceSet load_sequences(const std::string& name_or_path, const RollOptions& roll) {
  SequenceSet set;
  set.name = name_or_path;
  set.roll = roll;
  if (name_or_path == "chorales") {
    generate(set);
  } else if (name_or_path == "jsb" || name_or_path == "nottingham") {
    read_path(set, find_by_name(name_or_path));
  } else if (std::error_code unreadable; fs::exists(name_or_path, unreadable)) {
    read_path(set, name_or_path);
  } else {
    throw IoError(fmt::format("'{}' is neither a data set ({}) nor a file or folder", name_or_path,
                              fmt::join(sequence_names(), ", ")));
  }
  if (set.train.empty())
    throw IoError(fmt::format("{}: there is nothing to train on in it", set.source));
  set.fingerprint = fingerprint(set);
  return set;
}

}  // namespace damo::io
