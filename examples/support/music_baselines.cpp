#include "support/music_baselines.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <random>

#include <damo/graph/errors/error.hpp>

namespace damo::examples {
namespace {

using Frame = std::vector<bool>;

constexpr int draws = 10;
constexpr double add_p = 0.1;  // of a random frame in 1-Gram (Add-p)

std::vector<Frame> frames_of(const std::vector<Array>& rolls) {
  std::vector<Frame> frames;
  for (const Array& roll : rolls) {
    const std::int64_t width = roll.shape()[1];
    for (std::int64_t t = 0; t < roll.shape()[0]; ++t) {
      const float* v = roll.data<float>() + t * width;
      Frame frame(static_cast<std::size_t>(width));
      std::transform(v, v + width, frame.begin(), [](float x) { return x > 0.5F; });
      frames.push_back(std::move(frame));
    }
  }
  return frames;
}

class Accuracy {
 public:
  void add(const Frame& real, const Frame& drawn) {
    int right = 0, n_real = 0, n_drawn = 0;
    for (std::size_t i = 0; i < real.size(); ++i) {
      right += real[i] && drawn[i];
      n_real += real[i];
      n_drawn += drawn[i];
    }
    const int larger = std::max(n_real, n_drawn);
    share_ += larger == 0 ? 1 : static_cast<double>(right) / larger;
    right_ += right;
    either_ += n_real + n_drawn - right;
    ++frames_;
  }
  double mean_share() const { return frames_ == 0 ? 0 : share_ / frames_; }
  double pooled() const { return either_ == 0 ? 0 : right_ / either_; }

 private:
  double share_ = 0, right_ = 0, either_ = 0;
  int frames_ = 0;
};

/// A distribution over frames that knows nothing of time.
struct FrameModel {
  std::string name;
  std::function<double(const Frame&)> log_p;
  std::function<Frame(std::mt19937_64&)> draw;
};

FrameModel independent_notes(const std::string& name, const std::vector<double>& p) {
  const auto log_p = [p](const Frame& frame) {
    double total = 0;
    for (std::size_t i = 0; i < p.size(); ++i) total += std::log(frame[i] ? p[i] : 1 - p[i]);
    return total;
  };
  const auto draw = [p](std::mt19937_64& random) {
    std::uniform_real_distribution<double> uniform;
    Frame frame(p.size());
    for (std::size_t i = 0; i < p.size(); ++i) frame[i] = uniform(random) < p[i];
    return frame;
  };
  return {name, log_p, draw};
}

FrameModel one_gram(const std::vector<Frame>& train, const FrameModel& random_frame) {
  std::map<Frame, double> share;
  for (const Frame& frame : train) share[frame] += 1 / static_cast<double>(train.size());
  const auto log_p = [share, random_frame](const Frame& frame) {
    const auto seen = share.find(frame);
    const double p = seen == share.end() ? 0 : seen->second;
    return std::log((1 - add_p) * p + add_p * std::exp(random_frame.log_p(frame)));
  };
  const auto draw = [train, random_frame](std::mt19937_64& random) {
    if (std::bernoulli_distribution(add_p)(random)) return random_frame.draw(random);
    return train[random() % train.size()];
  };
  return {"1-Gram (Add-p)", log_p, draw};
}

std::vector<FrameModel> fit(const std::vector<Frame>& train) {
  const std::size_t width = train.front().size();
  const auto n = static_cast<double>(train.size());
  std::vector<double> on(width);
  for (const Frame& frame : train) {
    for (std::size_t i = 0; i < width; ++i) on[i] += frame[i];
  }
  // Each note counts as on and as off once more than it was, so that none is impossible.
  double all_on = 1;
  std::vector<double> each(width);
  for (std::size_t i = 0; i < width; ++i) {
    each[i] = (on[i] + 1) / (n + 2);
    all_on += on[i];
  }
  const double any = all_on / (n * static_cast<double>(width) + 2);
  const FrameModel random_frame = independent_notes("Random", std::vector<double>(width, 0.5));
  return {random_frame, one_gram(train, random_frame), independent_notes("Note 1-Gram", each),
          independent_notes("Note 1-Gram (IID)", std::vector<double>(width, any))};
}

Baseline score(const FrameModel& model, const std::vector<Frame>& test) {
  std::mt19937_64 random(1);
  double total = 0;
  Accuracy accuracy;
  for (const Frame& frame : test) {
    total += model.log_p(frame);
    for (int i = 0; i < draws; ++i) accuracy.add(frame, model.draw(random));
  }
  return {model.name, total / static_cast<double>(test.size()), accuracy.mean_share(),
          accuracy.pooled()};
}

Baseline repeat_previous(const std::vector<Array>& test) {
  Accuracy accuracy;
  for (const Array& roll : test) {
    const std::vector<Frame> frames = frames_of({roll});
    for (std::size_t t = 0; t < frames.size(); ++t)
      accuracy.add(frames[t], t == 0 ? Frame(frames[t].size()) : frames[t - 1]);
  }
  return {"the frame before", {}, accuracy.mean_share(), accuracy.pooled()};
}

}  // namespace

std::vector<Baseline> music_baselines(const std::vector<Array>& train,
                                      const std::vector<Array>& test) {
  const std::vector<Frame> seen = frames_of(train);
  const std::vector<Frame> unseen = frames_of(test);
  if (seen.empty() || unseen.empty())
    throw ShapeError("music_baselines: there are no frames to fit to or to score");
  std::vector<Baseline> baselines;
  for (const FrameModel& model : fit(seen)) baselines.push_back(score(model, unseen));
  baselines.push_back(repeat_previous(test));
  return baselines;
}

}  // namespace damo::examples
