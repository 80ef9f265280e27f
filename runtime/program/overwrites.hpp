#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include <damo/runtime/program/program.hpp>

namespace damo {

/// Has updates that may be written over their shared variables wait for `Program::finish`: those
/// whose instruction says before it writes whether it will fail, and whose value, like the
/// variable's old one, nobody reads later. `updated`, by root: the slot of the shared variable that
/// the root is an update of. Comes before memory is planned.
void wait_to_overwrite(Program& program, const std::vector<std::optional<std::uint32_t>>& updated);

}  // namespace damo
