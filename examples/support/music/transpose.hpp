#pragma once
#include <cstdint>

#include <damo/graph/values/array.hpp>

namespace damo::examples {

/// A piano-roll, float32 (frames, pitches), moved up by so many semitones, or by as many as leave
/// all its notes in it.
Array transposed_by(const Array& roll, std::int64_t semitones);

/// From -most to most, another number for each piece and epoch, decided by the seed.
std::int64_t semitones_of(std::int64_t most, std::uint64_t seed, std::int64_t epoch,
                          std::size_t piece);

}  // namespace damo::examples
