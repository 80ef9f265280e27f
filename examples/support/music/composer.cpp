#include "support/music/composer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/io/formats/npz.hpp>

namespace damo::examples {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t most_starts = 1000;
constexpr const char* starts_member = "starts";
constexpr const char* known_member = "known";
constexpr double least_share = 0.01;
// Further apart than what chance makes of some thousand frames.
constexpr double temperatures[] = {1.1, 1, 0.92, 0.85, 0.78, 0.7};
constexpr std::size_t usual_temperature = 1;
constexpr std::int64_t longest_piece = 2000;  // frames
constexpr const char* fitted_name = "fitted_temperature";

std::vector<Array> sounding(const std::vector<Array>& pieces) {
  std::vector<Array> kept;
  for (const Array& piece : pieces) {
    if (piece.shape()[0] > 0) kept.push_back(piece);
  }
  return kept;
}

// Whole pieces spread evenly over all, of about so many frames.
std::vector<Array> some_of(const std::vector<Array>& pieces, std::int64_t frames) {
  std::int64_t total = 0;
  for (const Array& piece : pieces) total += piece.shape()[0];
  const auto count = static_cast<std::int64_t>(pieces.size());
  return spread_pieces(pieces, std::max<std::int64_t>(1, count * std::min(frames, total) /
                                                             std::max<std::int64_t>(1, total)));
}

}  // namespace

void save_starts(const RunFolder& run, const std::vector<Array>& pieces) {
  const std::vector<Array> some = spread_pieces(sounding(pieces), most_starts);
  if (some.empty()) return;
  const std::int64_t width = some[0].shape()[1];
  Array starts(uint8, {static_cast<std::int64_t>(some.size()), width});
  for (std::size_t i = 0; i < some.size(); ++i) {
    const Array first = models::cut_sequences({some[i]}, 1, width, uint8).at(0);
    std::copy_n(first.data<std::uint8_t>(), width,
                starts.data<std::uint8_t>() + static_cast<std::int64_t>(i) * width);
  }
  io::write_npz(run.output(starts_name),
                {{starts_member, starts}, {known_member, known_frames(pieces, width)}});
}

namespace {

// Frames of 0 and 1; nothing where they may be missing and are.
std::optional<Array> load_frames(const RunFolder& run, std::int64_t pitches, const char* member,
                                 bool optional) {
  const fs::path path = run / starts_name;
  if (!fs::exists(path)) return std::nullopt;
  const auto arrays = io::read_npz(path);
  const auto found = arrays.find(member);
  if (optional && found == arrays.end()) return std::nullopt;
  const auto usable = [&](const Array& starts) {
    if (starts.rank() != 2 || starts.shape()[0] < 1 || starts.shape()[1] != pitches) return false;
    const Array numbers = starts.cast(float32);
    const auto values = numbers.values<float>();
    return std::all_of(values.begin(), values.end(), [](float v) { return v == 0 || v == 1; });
  };
  if (found == arrays.end() || !usable(found->second)) {
    throw IoError(
        fmt::format("{}: has no '{}' of 0 and 1, (any, {}); without this file pieces "
                    "begin as the model has it",
                    path.string(), member, pitches));
  }
  return found->second.cast(float32);
}

}  // namespace

std::optional<Array> load_starts(const RunFolder& run, std::int64_t pitches) {
  return load_frames(run, pitches, starts_member, false);
}

std::optional<Array> load_known(const RunFolder& run, std::int64_t pitches) {
  return load_frames(run, pitches, known_member, true);
}

Composer::Composer(models::RnnRbm& model, Beginnings how)
    : model_(model), how_(std::move(how)), draw_(how_.seed) {}

Array Composer::compose(std::int64_t frames, double temperature) {
  begun_.clear();
  if (how_.prime || !how_.starts)
    return model_.generate(frames, {.temperature = temperature, .prime = how_.prime});
  const std::int64_t count = how_.starts->shape()[0], width = how_.starts->shape()[1];
  const auto piece = static_cast<std::int64_t>(draw_() % static_cast<std::uint64_t>(count));
  begun_ = fmt::format("begun as piece {} of {}", piece + 1, count);
  Array first(float32, {1, width});
  std::copy_n(how_.starts->data<float>() + piece * width, width, first.data<float>());
  if (frames <= 1) return first;
  const Array rest = model_.generate(frames - 1, {.temperature = temperature, .prime = first});
  return models::join_sequences({first, rest}, width, float32);
}

void check_temperature(double temperature) {
  if (temperature > 0 && temperature < 0.01) throw UsageError("--temperature: 0.01 is the least");
}

double temperature_of(double asked, const io::Record& run) {
  if (asked > 0) return asked;
  if (run.has("temperature") && run.number("temperature") > 0) return run.number("temperature");
  return run.has(fitted_name) ? run.number(fitted_name) : 1;
}

double deviation(const MusicStatistics& composed, const MusicStatistics& real) {
  const auto apart = [](double a, double b, double least) {
    return std::abs(a - b) / std::max(b, least);
  };
  return apart(composed.notes, real.notes, least_share) +
         apart(composed.silent, real.silent, least_share) +
         apart(composed.dissonant, real.dissonant, least_share);
}

FittedTemperature fit_temperature(
    models::RnnRbm& model, const Beginnings& how, const std::vector<Array>& real,
    std::int64_t frames,
    const std::function<void(std::int64_t done, std::int64_t total)>& on_part) {
  const std::vector<Array> pieces = some_of(sounding(beginnings(real, longest_piece)), frames);
  FittedTemperature best;
  best.real = music_statistics(pieces);
  const auto most = static_cast<std::int64_t>(pieces.size() * std::size(temperatures));
  std::int64_t done = 0;
  const auto try_one = [&](std::size_t i) {
    Composer composer(model, how);
    std::vector<Array> songs;
    for (const Array& piece : pieces) {
      on_part(done++, most);
      songs.push_back(composer.compose(piece.shape()[0], temperatures[i]));
    }
    const MusicStatistics composed = music_statistics(songs);
    const bool first = i == usual_temperature;
    if (!first && deviation(composed, best.real) >= deviation(best.composed, best.real))
      return false;
    best.temperature = temperatures[i];
    best.composed = composed;
    return true;
  };
  // From the usual one to lower ones while these are nearer, else to the higher one.
  try_one(usual_temperature);
  std::size_t i = usual_temperature + 1;
  while (i < std::size(temperatures) && try_one(i)) ++i;
  if (i == usual_temperature + 1) try_one(usual_temperature - 1);
  return best;
}

}  // namespace damo::examples
