#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include <damo/core.hpp>
#include <damo/io.hpp>

// How the models of this folder are shown.
namespace damo::zoo {

/// Rows as gray images of `height` rows of pixels, `across` of them beside each other.
struct Tiles {
  std::int64_t height, across;
  int zoom = 1;
  bool scaled = false;  ///< each from its smallest value to its largest; else black is 0, white 1
};

inline io::Picture tiles(const Array& values, const Tiles& how) {
  const Array rows = values.cast(float32);
  const std::int64_t n = rows.shape()[0], size = rows.shape()[1], width = size / how.height;
  const auto step_x = static_cast<int>(width * how.zoom + 2),
             step_y = static_cast<int>(how.height * how.zoom + 2);
  const auto across = static_cast<int>(how.across);
  io::Picture picture(across * step_x, (static_cast<int>(n) + across - 1) / across * step_y, 1, 90);
  for (int i = 0; i < n; ++i) {
    const float* tile = rows.data<float>() + i * size;
    const auto [least, most] = std::minmax_element(tile, tile + size);
    const float black = how.scaled ? *least : 0, white = how.scaled ? *most : 1;
    for (int y = 0; y < step_y - 2; ++y)
      for (int x = 0; x < step_x - 2; ++x) {
        const float value = tile[y / how.zoom * width + x / how.zoom];
        const float gray = std::clamp((value - black) / (white - black + 1e-8F), 0.0F, 1.0F);
        *picture.at(i % across * step_x + 1 + x, i / across * step_y + 1 + y) =
            static_cast<std::uint8_t>(gray * 255);
      }
  }
  return picture;
}
inline io::Picture tiles(const Var& rows, const Tiles& how) { return tiles(evaluate(rows), how); }

/// Several pictures, from the left.
inline io::Picture beside(const std::vector<io::Picture>& pictures, int gap = 12) {
  io::Picture all = pictures.front();
  for (std::size_t i = 1; i < pictures.size(); ++i) all = io::side_by_side(all, pictures[i], gap);
  return all;
}

/// A matrix with 0 in mid-gray, black where it is as low as -`most`, white where it is as high as
/// `most`.
inline Var around_gray(const Var& v, double most) { return 0.5 + v / (2 * most); }

/// The columns of W as images, those of the largest norm first, at most `most` of them.
inline io::Picture filters(const Var& W, std::int64_t most, const Tiles& how) {
  const Var order = argsort(-sum(sqr(W), 0));
  return tiles(W.T()[order(range(std::min(most, evaluate(W).shape()[1])))], how);
}

}  // namespace damo::zoo
