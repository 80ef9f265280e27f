#pragma once
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "support/music.hpp"
#include "support/music/scores.hpp"

namespace damo::examples {

/// The file in a run's folder that has the first frames of the pieces trained on, and the frames
/// that are known of them.
inline constexpr const char* starts_name = "starts.npz";
/// Writes it: bytes of 0 and 1, (any, pitches), of at most 1000 pieces spread evenly over all.
void save_starts(const RunFolder& run, const std::vector<Array>& pieces);
/// Read the one and the other; throw IoError when the file holds something else. Nothing where
/// there is no such file, or no known frames in it, as of runs of earlier versions.
std::optional<Array> load_starts(const RunFolder& run, std::int64_t pitches);
std::optional<Array> load_known(const RunFolder& run, std::int64_t pitches);

/// What a composed piece begins with.
struct Beginnings {
  std::optional<Array> prime{};   ///< frames that it continues, which are not in it
  std::optional<Array> starts{};  ///< else its first frame is one of these, drawn by `seed`
  std::uint64_t seed = 0;
};

/// Composes pieces that begin as real ones do. What sounds in its first frame is what a model knows
/// least of: there is one such frame in a piece.
class Composer {
 public:
  Composer(models::RnnRbm& model, Beginnings how);
  /// A piece of so many frames.
  Array compose(std::int64_t frames, double temperature);
  /// "begun as piece 3 of 229", of the last piece; or nothing.
  const std::string& begun() const { return begun_; }

 private:
  models::RnnRbm& model_;
  Beginnings how_;
  std::mt19937_64 draw_;
  std::string begun_;
};

/// Throws UsageError for one that cannot be; 0 is none.
void check_temperature(double temperature);
/// The temperature that was asked for, or, where that is 0, that of the run whose run.json this is.
double temperature_of(double asked, const io::Record& run);
/// The temperature at which a model composes most alike the real pieces, and what then sounds.
struct FittedTemperature {
  double temperature = 1;
  MusicStatistics composed, real;
};
/// The sum of the three's deviations from those of real pieces, as parts of these; silence and
/// dissonance count as at least 1 %, below which a few frames decide.
double deviation(const MusicStatistics& composed, const MusicStatistics& real);
/// Composes pieces as long as the real ones, of about so many frames in all, at temperatures of 1.1
/// to 0.7, from 1 on as long as they get nearer; `on_part` is told how many pieces are done and
/// how many there are at most.
FittedTemperature fit_temperature(
    models::RnnRbm& model, const Beginnings& how, const std::vector<Array>& real,
    std::int64_t frames, const std::function<void(std::int64_t done, std::int64_t total)>& on_part);

}  // namespace damo::examples
