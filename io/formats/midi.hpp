#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include <damo/graph/values/array.hpp>

namespace damo::io {

/// One sounding note; times in ticks and in seconds from the start of the piece.
struct MidiNote {
  int pitch = 0;  ///< 60 is middle C
  int velocity = 0;
  int channel = 0;
  std::uint64_t on_tick = 0, off_tick = 0;
  double on = 0, off = 0;
};

/// The notes of a Standard MIDI File, in the order in which they begin.
struct Midi {
  int format = 0;
  int ticks_per_quarter = 480;
  std::vector<MidiNote> notes;
  double seconds = 0;        ///< the end of the longest track
  std::int64_t clipped = 0;  ///< data bytes above 127, which were taken as 127
};

/// The channel, from 0, whose notes are drums by General MIDI: musicians call it 10.
inline constexpr int drum_channel = 9;

/// Reads a Standard MIDI File of format 0 or 1, also one within a RIFF file (.rmi), with running
/// status and tempo changes. A note without an end is left out, and a data byte above 127 counts as
/// 127. Throws IoError with path, byte offset and reason for damaged files,
/// format 2 and SMPTE time.
Midi read_midi(const std::filesystem::path& path);
Midi parse_midi(std::span<const std::byte> bytes, const std::filesystem::path& path);

/// How notes and piano-rolls correspond. The defaults are those of the classic RNN-RBM program.
struct RollOptions {
  int low = 21;     ///< the pitch of column 0, A0 of the piano
  int high = 109;   ///< one past the last column's, C8
  double dt = 0.3;  ///< seconds of a frame
};

/// The piano-roll of a piece, float32 (frames, high - low): a pitch is 1 in the frames whose
/// beginning lies within the note, ceil(on / dt) up to ceil(off / dt). The roll ends with the last
/// note; drums and pitches outside the range are left out. Throws IoError (naming `path`) when the
/// piece is too long for a roll.
Array to_piano_roll(const Midi& midi, const RollOptions& options,
                    const std::filesystem::path& path = "midi");
Array read_piano_roll(const std::filesystem::path& path, const RollOptions& options = {});

/// Writes a piano-roll (any value above one half sounds; a note goes on through successive frames)
/// as a MIDI file of format 0, atomically. `program` is the General MIDI instrument, 0 a piano.
void write_midi(const std::filesystem::path& path, const Array& roll,
                const RollOptions& options = {}, int program = 0);

}  // namespace damo::io
