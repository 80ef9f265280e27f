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
  std::string source;       ///< the file or folder it was read from, or "built in"
  std::string fingerprint;  ///< "crc32:..." of all rolls, for run.json
  RollOptions roll;
  std::vector<Array> train, valid, test;

  std::int64_t pitches() const { return roll.high - roll.low; }
};

/// Loads music by name or path.
///
/// - "jsb": the JSB chorales in quarter notes, $DAMO_DATA/jsb/jsb-chorales-quarter.json or under
///   data/jsb; frames are as in the file, whatever `roll.dt` is.
/// - "nottingham": the MIDI files in $DAMO_DATA/nottingham or data/nottingham (or MIDI in these).
/// - "chorales": 60 short four-voice pieces, generated, built in.
/// - a .json file as JSB's; a folder of MIDI files, or one file; a .txt file with the name of a
/// MIDI
///   file in each line, as seen from its folder; an .npz file of rolls named train..., valid... and
///   test....
///
/// Folders and lists are split by file name: about a tenth each for valid and test, always the same
/// ones, with variants of a tune ("ashover1a", "ashover1b") on one side. Throws IoError that says
/// where it looked and what to do.
SequenceSet load_sequences(const std::string& name_or_path, const RollOptions& roll = {});

/// Chorales with a simple harmony: cadenced progressions of triads in a major key, moved by the
/// smallest steps in bass, tenor, alto and soprano. The same for the same seed.
std::vector<Array> generate_chorales(std::size_t count, std::uint64_t seed,
                                     const RollOptions& roll);

/// The names `load_sequences` knows.
std::vector<std::string> sequence_names();

}  // namespace damo::io
