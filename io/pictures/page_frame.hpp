#pragma once

namespace damo::io {

/// What every page begins with, a format for its title (twice) and the attributes of its body, and
/// what it ends with: the script that slides, plays, sorts and refreshes.
extern const char* const page_head;
extern const char* const page_tail;

}  // namespace damo::io
