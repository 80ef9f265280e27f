#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <damo/graph/values/array.hpp>
#include <damo/io/formats/midi.hpp>

namespace damo::io {

/// The pitches that sound in each frame of a piece.
using NoteFrames = std::vector<std::vector<int>>;
/// Pieces by the part of the data they belong to: "train", "valid", "test".
using NoteSets = std::map<std::string, std::vector<NoteFrames>>;

/// The most frames that `read_note_json` takes from one file: as piano-rolls they fill 370 MB.
inline constexpr std::int64_t most_frames = std::int64_t{1} << 20U;
/// The most pieces, with or without frames.
inline constexpr std::int64_t most_pieces = std::int64_t{1} << 16U;

/// Reads a JSON object of lists of pieces, a piece being a list of frames and a frame a list of
/// MIDI pitches (73 or 73.0), as the JSB chorales come. Throws IoError with path and place for
/// anything else.
NoteSets read_note_json(const std::filesystem::path& path);
/// Writes it atomically.
void write_note_json(const std::filesystem::path& path, const NoteSets& sets);

/// The piano-roll of a piece, float32 (frames, high - low), and back. Pitches outside the range
/// are left out; a value above one half sounds.
Array to_piano_roll(const NoteFrames& frames, const RollOptions& options);
NoteFrames to_note_frames(const Array& roll, const RollOptions& options);

}  // namespace damo::io
