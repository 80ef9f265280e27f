#pragma once
#include <string>
#include <string_view>

namespace damo {

/// The text as a JSON string, which Graphviz takes for its own, too.
std::string json_quoted(std::string_view text);

}  // namespace damo
