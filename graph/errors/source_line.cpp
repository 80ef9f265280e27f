#include <fmt/format.h>

#include <cstring>

#include <damo/graph/errors/source_line.hpp>

namespace damo {
namespace {
thread_local Site scope;
}  // namespace

std::string to_string(const Site& site) {
  if (!site.known()) return "an unknown line";
  const char* slash = std::strrchr(site.file, '/');
  return fmt::format("{}:{}", slash != nullptr ? slash + 1 : site.file, site.line);
}

SiteScope::SiteScope(Site site) : previous_(scope) {
  if (site.known()) scope = site;
}
SiteScope::~SiteScope() { scope = previous_; }
Site SiteScope::or_else(Site given) { return scope.known() ? scope : given; }

}  // namespace damo
