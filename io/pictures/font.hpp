#pragma once
#include <array>
#include <string_view>

namespace damo::io {

inline constexpr int glyph_width = 5;
inline constexpr int glyph_height = 8;  // the last row is for descenders

/// The picture of a printable ASCII character: 8 rows of 5, '#' is ink; that of '?' for others.
using Glyph = std::array<std::string_view, glyph_height>;
Glyph glyph(char c);

}  // namespace damo::io
