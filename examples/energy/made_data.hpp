#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "zoo.hpp"

// Data that the models of this folder learn from.
namespace damo::zoo {

/// Random numbers that are the same everywhere.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  double uniform() { return static_cast<double>(random_() >> 11) * 0x1p-53; }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  bool chance(double p) { return uniform() < p; }
  std::int64_t below(std::int64_t n) {
    return static_cast<std::int64_t>(uniform() * static_cast<double>(n));
  }
  double normal() {
    return std::sqrt(-2 * std::log(1 - uniform())) * std::cos(2 * 3.14159265358979 * uniform());
  }

 private:
  std::mt19937_64 random_;
};

/// Images of digits in rows, gray levels in [0, 1], with the digits.
struct Digits {
  std::string name;
  std::int64_t side;
  Array train, test;                ///< float32 (n, side * side)
  Array train_labels, test_labels;  ///< int64 (n,)
};

/// That they are shown at the same size, whatever they are.
inline int zoom_of(const Digits& digits) { return std::max(1, static_cast<int>(28 / digits.side)); }

/// Digits made of seven strokes, of 12 x 12 pixels: moved, leaning and of unequal strength.
class DigitMaker {
 public:
  static constexpr std::int64_t side = 12;
  explicit DigitMaker(std::uint64_t seed) : dice_(seed) {}

  void make(std::int64_t n, Array& images, Array& labels) {
    images = Array(float32, {n, side * side});
    labels = Array(int64, {n});
    for (std::int64_t i = 0; i < n; ++i) {
      labels.data<std::int64_t>()[i] = dice_.below(10);
      draw(static_cast<std::size_t>(labels.data<std::int64_t>()[i]),
           images.data<float>() + i * side * side);
    }
  }

 private:
  struct Line {
    double x0, y0, x1, y1;
  };
  void draw(std::size_t digit, float* pixels) {
    // Top, both upper sides, middle, both lower sides, bottom; and which of them a digit has.
    static constexpr std::array<Line, 7> strokes{{{0, 0, 1, 0},
                                                  {0, 0, 0, 1},
                                                  {1, 0, 1, 1},
                                                  {0, 1, 1, 1},
                                                  {0, 1, 0, 2},
                                                  {1, 1, 1, 2},
                                                  {0, 2, 1, 2}}};
    static constexpr std::array<int, 10> of_digit{0b1110111, 0b0100100, 0b1011101, 0b1101101,
                                                  0b0101110, 0b1101011, 0b1111011, 0b0100101,
                                                  0b1111111, 0b1101111};
    const double left = dice_.uniform(2.5, 4.5), top = dice_.uniform(1.5, 3),
                 wide = dice_.uniform(3.5, 5), high = dice_.uniform(3, 3.8),
                 lean = dice_.uniform(-0.25, 0.25);
    for (std::size_t s = 0; s < 7; ++s) {
      if ((of_digit[digit] >> s & 1) == 0) continue;
      const Line& l = strokes[s];
      const double strength = dice_.uniform(0.75, 1);
      for (int step = 0; step <= 24; ++step) {
        const double t = step / 24.0, y = (l.y0 + t * (l.y1 - l.y0) - 1) * high,
                     x = (l.x0 + t * (l.x1 - l.x0)) * wide - lean * y;
        dot(left + x, top + high + y, strength, pixels);
      }
    }
  }
  static void dot(double x, double y, double strength, float* pixels) {
    const auto column = std::llround(x), row = std::llround(y);
    for (std::int64_t r = std::max(row - 2, 0LL); r <= std::min<std::int64_t>(row + 2, side - 1);
         ++r)
      for (std::int64_t c = std::max(column - 2, 0LL);
           c <= std::min<std::int64_t>(column + 2, side - 1); ++c) {
        const double far = std::hypot(static_cast<double>(c) - x, static_cast<double>(r) - y);
        const double ink = strength * std::clamp(1.5 - 1.1 * far, 0.0, 1.0);
        float& pixel = pixels[r * side + c];
        pixel = std::max(pixel, static_cast<float>(ink));
      }
  }
  Dice dice_;
};

/// The digits that the setting asks for. Made ones in place of MNIST say why.
inline Digits load_digits(const Setting& setting) {
  std::string name = "made digits";
  if (setting.digits == DigitsOf::mnist || (setting.digits == DigitsOf::found && !setting.quick)) {
    try {
      io::Dataset mnist = io::load_dataset("mnist");
      return {"MNIST",
              mnist.rows,
              std::move(mnist.train),
              std::move(mnist.test),
              std::move(mnist.train_labels),
              std::move(mnist.test_labels)};
    } catch (const IoError& e) {
      if (setting.digits == DigitsOf::mnist) throw;
      const std::string why = e.what();
      name += "; " + why.substr(0, why.find('\n'));
    }
  }
  Digits digits{name, DigitMaker::side, {}, {}, {}, {}};
  DigitMaker maker(setting.seed);
  maker.make(setting.steps(20000, 2000), digits.train, digits.train_labels);
  maker.make(setting.steps(5000, 500), digits.test, digits.test_labels);
  return digits;
}

/// Gray images of leaves that lie over each other, in rows: edges at all places, as photographs
/// have them (Lee, Mumford and Huang 2001). Each has mean 0.
inline Array fallen_leaves(std::int64_t n, std::int64_t side, std::uint64_t seed) {
  Dice dice(seed);
  Array images(float32, {n, side * side});
  for (std::int64_t i = 0; i < n; ++i) {
    float* pixels = images.data<float>() + i * side * side;
    for (int leaf = 0; leaf < 20; ++leaf) {
      const auto width = static_cast<double>(side);
      const double x = dice.uniform(-width, 2 * width), y = dice.uniform(-width, 2 * width),
                   radius = 1.5 / (0.08 + dice.uniform()), shade = dice.normal();
      for (std::int64_t p = 0; p < side * side; ++p) {
        const double dx = static_cast<double>(p % side) - x, dy = static_cast<double>(p / side) - y;
        // An edge as wide as a pixel.
        const double covered = std::clamp(radius - std::hypot(dx, dy) + 0.5, 0.0, 1.0);
        pixels[p] += static_cast<float>(covered * (shade - pixels[p]));
      }
    }
    double mean = 0;
    for (std::int64_t p = 0; p < side * side; ++p) mean += pixels[p];
    for (std::int64_t p = 0; p < side * side; ++p)
      pixels[p] -= static_cast<float>(mean / static_cast<double>(side * side));
  }
  return images;
}

}  // namespace damo::zoo
