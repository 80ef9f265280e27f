#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>
#include <random>

#include <damo/graph/errors/error.hpp>
#include <damo/io/formats/note_json.hpp>
#include <damo/io/sequences.hpp>

namespace damo::io {
namespace {

using Voices = std::array<int, 4>;  // bass, tenor, alto, soprano

constexpr int major_scale[] = {0, 2, 4, 5, 7, 9, 11};
constexpr int lowest[] = {38, 48, 55, 62};
constexpr int highest[] = {52, 62, 69, 79};
constexpr int phrase_chords = 8, phrases = 4;

// Degrees of the scale (0 is the tonic) to which each degree may move, repeated by how often.
const std::vector<int> next_degrees[] = {{3, 3, 4, 4, 5, 1, 2}, {4, 4, 4, 6}, {5, 3}, {4, 4, 0, 1},
                                         {0, 0, 0, 5},          {3, 1, 4},    {0}};

class Composer {
 public:
  explicit Composer(std::uint64_t seed) : random_(seed) {}

  NoteFrames piece() {
    key_ = static_cast<int>(random_() % 12);
    voices_ = {48, 55, 62, 69};
    NoteFrames frames;
    int degree = 0;
    for (int phrase = 0; phrase < phrases; ++phrase) {
      for (int i = 0; i < phrase_chords; ++i) {
        if (i == phrase_chords - 2) degree = 4;  // every phrase ends with a cadence
        if (i == phrase_chords - 1) degree = phrase % 2 == 0 && phrase + 1 < phrases ? 5 : 0;
        chord(degree, frames, i == phrase_chords - 1 ? 2 : 1);
        const std::vector<int>& next = next_degrees[degree];
        degree = next[random_() % next.size()];
      }
    }
    return frames;
  }

 private:
  int pitch_class(int degree) const { return (key_ + major_scale[degree % 7]) % 12; }

  // The pitch of one of the classes that is nearest to where the voice was, within its range and
  // above the voice below it.
  void move(std::size_t voice, std::initializer_list<int> classes) {
    const int above = voice == 0 ? 0 : voices_[voice - 1] + 1;
    const int low = std::max(lowest[voice], above);
    int best = low;
    int best_distance = std::numeric_limits<int>::max();
    for (int pitch = low; pitch <= std::max(highest[voice], low + 11); ++pitch) {
      const bool fits = std::find(classes.begin(), classes.end(), pitch % 12) != classes.end();
      const int distance = std::abs(pitch - voices_[voice]);
      if (fits && distance < best_distance) {
        best = pitch;
        best_distance = distance;
      }
    }
    voices_[voice] = best;
  }

  // Root in the bass, the third in alto or soprano, root and fifth in the others. Each chord lasts
  // two frames, and now and then the soprano passes through a step of the scale.
  void chord(int degree, NoteFrames& frames, int length) {
    const int root = pitch_class(degree);
    const int third = pitch_class(degree + 2);
    const int fifth = pitch_class(degree + 4);
    const int soprano = voices_[3];
    move(0, {root});
    move(1, {root, fifth});
    if (random_() % 2 == 0) {
      move(2, {third});
      move(3, {root, fifth});
    } else {
      move(2, {root, fifth});
      move(3, {third});
    }
    const int leap = voices_[3] - soprano;
    if (!frames.empty() && (leap == 3 || leap == 4) && random_() % 2 == 0)
      passing_note(frames, soprano);
    for (int i = 0; i < 2 * length; ++i) frames.emplace_back(voices_.begin(), voices_.end());
  }

  void passing_note(NoteFrames& frames, int from) {
    for (int pitch = from + 1; pitch < voices_[3]; ++pitch) {
      for (const int step : major_scale) {
        if (pitch % 12 == (key_ + step) % 12) frames.back()[3] = pitch;
      }
    }
  }

  std::mt19937_64 random_;
  int key_ = 0;
  Voices voices_{};
};

}  // namespace

std::vector<Array> generate_chorales(std::size_t count, std::uint64_t seed,
                                     const RollOptions& roll) {
  Composer composer(seed);
  std::vector<Array> rolls;
  for (std::size_t i = 0; i < count; ++i) rolls.push_back(to_piano_roll(composer.piece(), roll));
  return rolls;
}

}  // namespace damo::io
