#pragma once
#include <damo/graph/variables.hpp>

namespace damo::examples {

/// Images as the numbers that a model of real-valued units takes, and back.
///
/// Without ZCA: the mean image taken away, in units of one standard deviation. With it: pixels also
/// made uncorrelated, by the symmetric matrix U (S + epsilon)^(-1/2) U^T, where U S U^T is the
/// covariance of those numbers (Bell and Sejnowski 1997). Of all whitenings it changes images
/// least, so a whitened image is still one to look at.
class Whitening {
 public:
  /// Learnt from `images` (n, pixels). `epsilon` is in variances: directions that vary by less are
  /// left small. Throws ShapeError when all images are the same.
  Whitening(const Var& images, bool zca, double epsilon = 0.1);

  /// (rows, pixels) for (rows, pixels).
  Var whitened(const Var& images) const;
  Var images(const Var& whitened) const;
  /// Columns of weights (pixels, hidden) from whitened pixels as what they add to an image.
  Var in_pixels(const Var& weights) const;

 private:
  Var mean_, deviation_;
  Var forth_{}, back_{};  ///< (pixels, pixels), or empty
};

}  // namespace damo::examples
