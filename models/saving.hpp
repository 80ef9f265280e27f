#pragma once
#include <filesystem>

#include <damo/io/formats/npz.hpp>
#include <damo/runtime/function/state.hpp>

// Where graphs and files meet. Inline, so that the engine does not depend on damo_io: programs that
// include this link damo::io.
namespace damo {

/// Saves what shared variables hold to a file that numpy.load opens, each under its name (State has
/// the rule). The file appears whole or not at all. Throws IoError.
///
///     save_npz("model.npz", {W, b});
///     save_npz("training.npz", State::updated_by(train));   // with optimizer state and streams
inline void save_npz(const std::filesystem::path& path, const State& state) {
  io::write_npz(path, state.values());
}

/// Loads it again. Names, dtypes and shapes are checked before anything changes; arrays that no
/// variable asks for are ignored. Throws IoError.
inline void load_npz(const std::filesystem::path& path, const State& state) {
  state.set_values(io::read_npz(path), path.string());
}

}  // namespace damo
