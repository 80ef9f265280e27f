#pragma once
#include <optional>

#include <damo/graph/variables.hpp>
#include <damo/ops/random/numpy_random_state.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/shape/sizes.hpp>

// Errors about what these make name the line that asked for it: `site`, or that of the model.
namespace damo::models {

/// A shared variable filled with uniform numbers in [-bound, bound).
SharedVar uniform_parameter(const Sizes& size, double bound, std::uint64_t seed, std::string name,
                            DType dtype = floatX(), Site site = Site::here());
/// The same, of floatX, from NumPy's generator, as the classic programs do.
SharedVar uniform_parameter(const Shape& size, double bound, NumpyRandomState& numpy_rng,
                            std::string name, Site site = Site::here());
/// The same with normal numbers of mean 0.
SharedVar normal_parameter(const Sizes& size, double stddev, std::uint64_t seed, std::string name,
                           DType dtype = floatX(), Site site = Site::here());
SharedVar zero_parameter(const Sizes& size, std::string name, DType dtype = floatX(),
                         Site site = Site::here());

/// The weights between layers of units, (n_visible, n_hidden), as the Deep Learning Tutorials draw
/// them for sigmoid units: uniform within 4 sqrt(6 / (n_visible + n_hidden)) of 0 (Glorot & Bengio
/// 2010); from `numpy_rng` where there is one, else from `seed`.
SharedVar layer_weights(std::int64_t n_visible, std::int64_t n_hidden, NumpyRandomState* numpy_rng,
                        std::uint64_t seed, Site site = Site::here());

/// What a model of `name` over units of these numbers was given: its input, a matrix of one column
/// for each visible unit, and parameters, of the shapes that follow. An undefined one is still to
/// be made. Throws ShapeError, with the line, where one is of another shape.
void check_layer(const char* name, const Var& input, std::int64_t n_visible, std::int64_t n_hidden,
                 const SharedVar& W, const SharedVar& hbias, const SharedVar& vbias,
                 Site site = Site::here());

/// A model's stream: the one given; or a NumPy-compatible one seeded by `numpy_rng.randint(2**30)`
/// where there is a `numpy_rng`; or one made from `seed`.
RandomStream stream_or(const std::optional<RandomStream>& given, NumpyRandomState* numpy_rng,
                       std::uint64_t seed, Site site = Site::here());

/// All 2^n binary vectors of n units, one a row, counting up with unit 0 as the lowest bit: floatX
/// (2^n, n). Throws ShapeError beyond 20 units.
Var all_binary_states(std::int64_t n);

}  // namespace damo::models
