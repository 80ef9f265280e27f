#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <system_error>

#include <damo/graph/errors/error.hpp>
#include <damo/io/files/file.hpp>
#include <damo/io/files/gzip.hpp>
#include <damo/io/formats/note_json.hpp>
#include <damo/io/formats/npz.hpp>
#include <damo/io/sequences.hpp>

namespace damo::io {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t built_in_train = 48, built_in_other = 6;
constexpr std::uint64_t built_in_seed = 1685;
constexpr const char* accepted_forms =
    "folders of MIDI files, .mid, .midi, .kar, .rmi, .json, .npz and .txt files";
constexpr double seconds_of_quarter = 0.75;
constexpr std::int64_t most_frames_of_set = std::int64_t{1} << 22U;  // 1.5 GB as piano-rolls

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

// How many frames a quarter has: the name says it, or how often a frame is the one before again.
// Of the JSB chorales 13 % are in quarters, and 64 % in sixteenths.
int frames_of_quarter(const NoteSets& sets, const fs::path& path) {
  const std::string name = path.filename().string();
  for (const auto& [word, frames] :
       {std::pair{"quarter", 1}, {"eighth", 2}, {"8th", 2}, {"sixteenth", 4}, {"16th", 4}}) {
    if (name.find(word) != std::string::npos) return frames;
  }
  std::int64_t same = 0, all = 0;
  for (const auto& [key, pieces] : sets) {
    for (const NoteFrames& frames : pieces) {
      for (std::size_t t = 1; t < frames.size(); ++t) {
        same += frames[t] == frames[t - 1] ? 1 : 0;
        ++all;
      }
    }
  }
  const double share =
      static_cast<double>(same) / static_cast<double>(std::max<std::int64_t>(all, 1));
  return share < 0.3 ? 1 : share < 0.5 ? 2 : 4;
}

bool is_outside(int pitch, const RollOptions& roll) {
  return pitch < roll.low || pitch >= roll.high;
}

// What to say of notes that a piano-roll has no row for.
std::string outside_note(std::int64_t notes, const RollOptions& roll) {
  return fmt::format("{} {} outside the pitches {} to {} left out", notes,
                     notes == 1 ? "note" : "notes", roll.low, roll.high - 1);
}

void read_json(SequenceSet& set, const fs::path& path) {
  const NoteSets sets = read_note_json(path);
  if (!(set.roll.dt > 0)) set.roll.dt = seconds_of_quarter / frames_of_quarter(sets, path);
  std::int64_t outside = 0;
  for (const auto& [key, pieces] : sets) {
    if (key != "train" && key != "valid" && key != "test") {
      throw_io(path, fmt::format("the part '{}' is none of train, valid and test", key));
    }
    for (const NoteFrames& frames : pieces) {
      for (const std::vector<int>& frame : frames) {
        outside += std::count_if(frame.begin(), frame.end(),
                                 [&](int pitch) { return is_outside(pitch, set.roll); });
      }
      part_of(set, key).push_back(to_piano_roll(frames, set.roll));
    }
  }
  if (outside > 0) set.notes.push_back(outside_note(outside, set.roll));
}

void read_rolls(SequenceSet& set, const fs::path& path) {
  for (auto& [key, roll] : read_npz(path)) {
    if (roll.rank() != 2 || roll.shape()[1] != set.pitches()) {
      throw_io(path, fmt::format("'{}' is {}, not a piano-roll of {} pitches", key,
                                 to_string(roll.shape()), set.pitches()));
    }
    Array values = roll.cast(DType::float32);
    for (std::int64_t i = 0; i < values.elements(); ++i) {
      const float v = values.data<float>()[i];
      if (v == 0 || v == 1) continue;
      throw_io(path, fmt::format("'{}' has {} in frame {} for pitch {}; a piano-roll has 0 and 1, "
                                 "not velocities or shares",
                                 key, v, i / set.pitches() + 1, set.roll.low + i % set.pitches()));
    }
    part_of(set, key).push_back(std::move(values));
  }
}

// The name of a tune without what distinguishes its variants: up to its last digit.
std::string tune_name(const fs::path& file) {
  const std::string stem = file.stem().string();
  const std::size_t digit = stem.find_last_of("0123456789");
  return digit == std::string::npos ? stem : stem.substr(0, digit + 1);
}

bool is_midi(const fs::path& path) {
  const std::string extension = lower_case(path.extension().string());
  const bool named =
      extension == ".mid" || extension == ".midi" || extension == ".kar" || extension == ".rmi";
  std::error_code unreadable;
  return named && !path.filename().string().starts_with(".") &&
         fs::is_regular_file(path, unreadable);
}

/// Reads MIDI files, keeps account of what is left out, and puts it into words.
class Tunes {
 public:
  explicit Tunes(SequenceSet& set) : set_(set) {}

  void add(const fs::path& file) {
    ++files_;
    try {
      const Midi midi = read_midi(file);
      Array roll = to_piano_roll(midi, set_.roll, file);
      frames_ += roll.shape()[0];
      for (const MidiNote& n : midi.notes) {
        if (n.channel == drum_channel) {
          ++drums_;
        } else if (is_outside(n.pitch, set_.roll)) {
          ++outside_;
        }
      }
      notes_ += static_cast<std::int64_t>(midi.notes.size());
      clipped_ += midi.clipped;
      const std::uint32_t draw = checksum(0, as_bytes(tune_name(file))) % 10;
      std::vector<Array>& part = draw == 0 ? set_.test : draw == 1 ? set_.valid : set_.train;
      part.push_back(std::move(roll));
    } catch (const IoError& error) {
      if (skipped_++ == 0) first_ = error.what();
    }
    if (frames_ > most_frames_of_set) {
      throw_io(file, fmt::format("more than {} frames with this file; so many are read at most",
                                 most_frames_of_set));
    }
  }

  void finish() {
    if (skipped_ == files_ && files_ == 1) throw IoError(first_);
    if (skipped_ == files_)
      throw IoError(
          fmt::format("none of {} MIDI files can be read; the first: {}", files_, first_));
    // Few files may all have been drawn for the other parts.
    for (std::vector<Array>* part : {&set_.valid, &set_.test}) {
      if (set_.train.empty()) std::swap(set_.train, *part);
    }
    std::string note = fmt::format("{} of {} read", files_ - skipped_, files_);
    if (skipped_ > 0) note += fmt::format(", {} skipped (first: {})", skipped_, first_);
    if (drums_ > 0) {
      note += fmt::format(", {:.0f} % drum notes left out",
                          100 * static_cast<double>(drums_) / static_cast<double>(notes_));
    }
    if (outside_ > 0) note += ", " + outside_note(outside_, set_.roll);
    if (clipped_ > 0) note += fmt::format(", {} data bytes above 127 taken as 127", clipped_);
    set_.notes.push_back(note);
  }

 private:
  SequenceSet& set_;
  std::int64_t files_ = 0, skipped_ = 0, frames_ = 0, notes_ = 0, drums_ = 0, outside_ = 0,
               clipped_ = 0;
  std::string first_;
};

void read_tunes(SequenceSet& set, std::vector<fs::path> files) {
  if (!(set.roll.dt > 0)) set.roll.dt = RollOptions().dt;
  std::sort(files.begin(), files.end());
  Tunes tunes(set);
  for (const fs::path& file : files) tunes.add(file);
  tunes.finish();
}

std::vector<fs::path> midi_files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (is_midi(entry.path())) files.push_back(entry.path());
  }
  return files;
}

std::vector<fs::path> midi_files_below(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    if (at->path().filename().string().starts_with(".")) {
      at.disable_recursion_pending();
    } else if (is_midi(at->path())) {
      files.push_back(at->path());
    }
  }
  if (error) throw_io(folder, "cannot list the folder: " + error.message());
  return files;
}

void read_midi_folder(SequenceSet& set, const fs::path& folder) {
  std::vector<fs::path> files = midi_files_below(folder);
  if (files.empty())
    throw_io(folder, "there are no MIDI files (*.mid, *.midi, *.kar, *.rmi) in it or below");
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
    if (!is_midi(file)) {
      throw_io(list,
               fmt::format("'{}' is no MIDI file (*.mid, *.midi, *.kar, *.rmi)", file.string()));
    }
    files.push_back(file);
  }
  if (files.empty()) throw_io(list, "names no MIDI files");
  read_tunes(set, std::move(files));
}

// What the file says it is by its first bytes; names may say anything.
using Reader = void (*)(SequenceSet&, const fs::path&);
Reader reader_of(const fs::path& path) {
  const OpenFile file(path);
  std::string start(std::min<std::uint64_t>(file.size(), 64), '\0');
  file.read_at(0, std::as_writable_bytes(std::span(start.data(), start.size())));
  const Reader read_tune = [](SequenceSet& set, const fs::path& tune) { read_tunes(set, {tune}); };
  const bool rmi = start.starts_with("RIFF") && start.find("RMID") == 8;
  if (rmi || start.starts_with("MThd")) return read_tune;
  if (start.starts_with("PK")) return read_rolls;
  const std::size_t first = start.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && (start[first] == '{' || start[first] == '[')) return read_json;
  const std::string extension = lower_case(path.extension().string());
  if (extension == ".json") return read_json;
  if (extension == ".npz") return read_rolls;
  if (extension == ".txt") return read_list;
  if (is_midi(path)) return read_tune;
  throw_io(path, fmt::format("is none of what can be read: {}", accepted_forms));
}

void read_path(SequenceSet& set, const fs::path& path) {
  set.source = path.string();
  std::error_code unreadable;
  if (fs::is_directory(path, unreadable)) return read_midi_folder(set, path);
  reader_of(path)(set, path);
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

// Silence alone is no music; the notes say what became of notes that were there.
void require_notes(const SequenceSet& set) {
  const auto sounds = [](const Array& roll) {
    const auto values = roll.values<float>();
    return std::any_of(values.begin(), values.end(), [](float v) { return v > 0; });
  };
  if (std::any_of(set.train.begin(), set.train.end(), sounds)) return;
  throw IoError(fmt::format("{}: there are no notes to train on in it{}{}", set.source,
                            set.notes.empty() ? "" : "; ", fmt::join(set.notes, "; ")));
}

void generate(SequenceSet& set) {
  set.source = "built in";
  if (!(set.roll.dt > 0)) set.roll.dt = RollOptions().dt;
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
  } else if (name_or_path == "jsb") {
    read_path(set, find_by_name(name_or_path));
  } else if (name_or_path == "nottingham") {
    // Below the tunes are the melodies and the chords of the same tunes.
    const fs::path folder = find_by_name(name_or_path);
    set.source = folder.string();
    read_tunes(set, midi_files_in(folder));
  } else if (std::error_code unreadable; fs::exists(name_or_path, unreadable)) {
    read_path(set, name_or_path);
  } else {
    throw IoError(fmt::format("'{}' is neither a data set ({}) nor a file or folder; {} are read",
                              name_or_path, fmt::join(sequence_names(), ", "), accepted_forms));
  }
  if (!(set.roll.dt > 0)) set.roll.dt = RollOptions().dt;
  require_notes(set);
  set.fingerprint = fingerprint(set);
  return set;
}

}  // namespace damo::io
