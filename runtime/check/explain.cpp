#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include <damo/graph/errors/error.hpp>
#include <damo/optim/explain/explain_page.hpp>
#include <damo/runtime/check/explain.hpp>
#include <damo/runtime/function/function.hpp>

namespace damo {

void explain_html(const Function& function, const std::string& path) {
  const std::string page = explain_page(function.asked(), function.graph(), function.rewrites());
  const std::string part = path + ".tmp";
  std::ofstream file(part, std::ios::binary);
  file << page;
  file.close();
  std::error_code error;
  if (file) std::filesystem::rename(part, path, error);
  if (file && !error) return;
  const std::string reason = error ? error.message() : "it cannot be written";
  std::filesystem::remove(part, error);
  throw IoError(fmt::format("{}: {}", path, reason));
}

}  // namespace damo
