#pragma once
#include <string>

namespace damo {

class Function;

/// Writes a page that steps through what the optimizer did to the function's graph: see
/// `explain_page`. It opens offline in any browser. Throws IoError when it cannot be written.
void explain_html(const Function& function, const std::string& path);

}  // namespace damo
