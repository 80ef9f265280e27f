#include "support/whitening.hpp"

#include <damo/damo.hpp>

namespace damo::examples {

Whitening::Whitening(const Var& images, bool zca, double epsilon)
    : mean_(constant(evaluate(mean(images, 0)))),
      deviation_(constant(evaluate(std(images - mean_)))) {
  if (!(evaluate(deviation_).item<double>() > 0))
    throw ShapeError("all training images are the same: there is nothing to learn");
  if (!zca) return;
  const Var x = (images - mean_) / deviation_;
  const Var covariance = cast(dot(x.T(), x) / cast(images.shape(0), x.dtype()), float64);
  const auto [variances, directions] = eigh(constant(evaluate(covariance)));
  // Rounding leaves variances that are 0 a little below.
  const Var root = sqrt(maximum(variances, 0) + epsilon);
  const Var u = constant(evaluate(directions)), s = constant(evaluate(root));
  const auto symmetric = [&](const Var& scales) {
    return constant(evaluate(cast(dot(u * scales, u.T()), images.dtype())));
  };
  forth_ = symmetric(1 / s);
  back_ = symmetric(s);
}

Var Whitening::whitened(const Var& images) const {
  const Var x = (images - mean_) / deviation_;
  return forth_.defined() ? dot(x, forth_) : x;
}

Var Whitening::images(const Var& whitened) const {
  return (back_.defined() ? dot(whitened, back_) : whitened) * deviation_ + mean_;
}

Var Whitening::in_pixels(const Var& weights) const {
  return back_.defined() ? dot(back_, weights) : weights;
}

}  // namespace damo::examples
