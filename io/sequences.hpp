#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include <damo/graph/values/array.hpp>
#include <damo/io/formats/midi.hpp>

namespace damo::io {

/// Pieces of music as piano-rolls, float32 (frames, pitches).
struct SequenceSet {
  std::string name;
  std::string source;              ///< the file or folder it was read from, or "built in"
  std::string fingerprint;         ///< "crc32:..." of all rolls, for run.json
  RollOptions roll;                ///< with the length of a frame that fits the data
  std::vector<std::string> notes;  ///< what a user should know: files skipped, notes left out
  std::vector<Array> train, valid, test;

  std::int64_t pitches() const { return roll.high - roll.low; }
};

/// Loads music by name or path.
///
/// - "jsb": the JSB chorales in quarter notes, $DAMO_DATA/jsb/jsb-chorales-quarter.json or under
///   data/jsb.
/// - "nottingham": the MIDI files in $DAMO_DATA/nottingham or data/nottingham (or MIDI in these),
///   not those of its folders melody and chords, which are parts of the same tunes.
/// - "chorales": 60 short four-voice pieces, generated, built in.
/// - a .json file as JSB's; a folder of MIDI files (.mid, .midi, .kar, .rmi), searched below,
///   hidden files left out, or one file; a .txt file with the name of a MIDI file in each line, as
///   seen from its folder; an .npz file of rolls of 0 and 1 named train..., valid... and test.... A
///   file's content says what it is, where it can, rather than its name.
///
/// Folders and lists are split by file name: about a tenth each for valid and test, always the same
/// ones, with variants of a tune ("ashover1a", "ashover1b") on one side. Of a folder, files that
/// cannot be read are skipped; `notes` says how many, what share of notes were drums, and how many
/// lay outside the piano's pitches, which are both left out.
///
/// `roll.dt` is the length of a frame of MIDI files; 0 is 0.3 s. Frames of .json files are as in
/// the file, and 0 makes them last as long as fits: 0.75 s a quarter, the file's frames being taken
/// for quarters, eighths or sixteenths by its name or by how seldom they change. Throws IoError
/// that says where it looked and what to do, for rolls with other numbers than 0 and 1, and where
/// there is no note to train on.
SequenceSet load_sequences(const std::string& name_or_path, const RollOptions& roll = {.dt = 0});

/// Chorales with a simple harmony: cadenced progressions of triads in a major key, moved by the
/// smallest steps in bass, tenor, alto and soprano. The same for the same seed.
std::vector<Array> generate_chorales(std::size_t count, std::uint64_t seed,
                                     const RollOptions& roll);

/// The names `load_sequences` knows.
std::vector<std::string> sequence_names();

}  // namespace damo::io
