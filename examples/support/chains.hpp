#pragma once
#include <cstdint>
#include <functional>

#include <damo/io/dataset.hpp>
#include <damo/io/pictures/pictures.hpp>

namespace damo::examples {

/// Gibbs chains on their way, a column each: `next` moves the chains on and returns what to show of
/// them, float32 (chains, pixels) in [0, 1]; its result of call i is row i.
io::Picture chain_picture(const std::function<Array()>& next, std::int64_t rows,
                          const io::Dataset& data);

/// The first images of the test set, for chains to start at: (at most `n`, pixels).
Array first_images(const io::Dataset& data, std::int64_t n);

}  // namespace damo::examples
