// A first build compiles the sources of a folder as one (DAMO_UNITY): what each of them keeps to
// itself needs a name that no other has.
#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

namespace fs = std::filesystem;

const fs::path root = DAMO_SOURCE_DIR;

bool in_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

/// Where `text`, from `at` on, has one of `ends` outside of <>.
std::size_t find_outside(std::string_view text, std::size_t at, std::string_view ends) {
  int depth = 0;
  for (; at < text.size(); ++at) {
    if (depth == 0 && ends.find(text[at]) != std::string_view::npos) return at;
    depth += text[at] == '<' ? 1 : text[at] == '>' ? -1 : 0;
  }
  return std::string_view::npos;
}

/// The text of a declaration after the parameters of a template; empty while there is none.
std::string_view after_template(std::string_view text) {
  if (!text.starts_with("template")) return text;
  const std::size_t end = find_outside(text, text.find('<') + 1, ">");
  const std::size_t at = end == std::string_view::npos ? end : text.find_first_not_of(' ', end + 1);
  return at == std::string_view::npos ? "" : text.substr(at);
}

/// The name that a declaration gives; empty for one that gives none, or defines a member.
std::string given_name(std::string_view text) {
  text = after_template(text);
  if (text.find("operator") != std::string_view::npos) return "";
  constexpr std::string_view scalar = "DAMO_SCALAR(";
  if (text.starts_with(scalar)) text.remove_prefix(scalar.size());
  for (const std::string_view kind : {"struct ", "enum ", "class ", "union "}) {
    if (!text.starts_with(kind)) continue;
    text.remove_prefix(kind.size());
    if (text.starts_with("class ")) text.remove_prefix(6);
    return std::string(text.begin(), std::find_if_not(text.begin(), text.end(), in_name));
  }
  const std::size_t end = find_outside(text, 0, "({=;[,");
  if (end == std::string_view::npos) return "";
  std::size_t last = end;
  while (last > 0 && text[last - 1] == ' ') --last;
  std::size_t first = last;
  while (first > 0 && in_name(text[first - 1])) --first;
  if (first > 0 && text[first - 1] == ':') return "";
  std::string name(text.substr(first, last - first));
  const bool macro = std::none_of(
      name.begin(), name.end(), [](char c) { return std::islower(static_cast<unsigned char>(c)); });
  return macro || name == "static_assert" ? "" : name;
}

/// Where a raw string begins in a line.
std::size_t raw_text(std::string_view line) {
  const std::size_t at = line.find("R\"");
  const bool begins =
      at == 0 || (at < line.size() && !in_name(line[at - 1]) && line[at - 1] != '"');
  return begins ? at : std::string_view::npos;
}

/// The declarations of a source in namespaces without a name, which begin at the first column as
/// everything in a namespace does.
std::vector<std::string> own_declarations(const fs::path& path) {
  std::ifstream file(path);
  std::vector<std::string> found;
  std::vector<bool> nameless;
  std::string open;  // a declaration that goes on in the next line
  for (std::string line; std::getline(file, line);) {
    if (const std::size_t raw = raw_text(line); raw != std::string::npos) {
      const std::string close = ")" + line.substr(raw + 2, line.find('(', raw) - raw - 2) + "\"";
      while (line.find(close) == std::string::npos && std::getline(file, line)) continue;
      continue;
    }
    if (line.starts_with("}  // namespace") && !nameless.empty()) nameless.pop_back();
    if (line.starts_with("namespace") && line.ends_with("{")) {
      nameless.push_back(line == "namespace {");
      continue;
    }
    const bool inside = std::find(nameless.begin(), nameless.end(), true) != nameless.end();
    if (!inside || line.empty() || line[0] == '/' || line[0] == '#' || line[0] == '}') continue;
    if (open.empty() && line[0] == ' ') continue;
    open +=
        (open.empty() ? "" : " ") + line.substr(std::min(line.find_first_not_of(' '), line.size()));
    const std::string_view rest = after_template(open);
    if (rest.empty() || find_outside(rest, 0, "({=;") == std::string_view::npos) continue;
    found.push_back(std::exchange(open, ""));
  }
  return found;
}

/// The folders whose sources are compiled as one, each with its sources. Those that compile their
/// kernels once per instruction set stay alone.
std::map<std::string, std::vector<fs::path>> units() {
  std::map<std::string, std::vector<fs::path>> units;
  for (const char* top : {"graph", "ops", "optim", "runtime", "models", "io", "examples/support"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / top)) {
      if (entry.path().extension() != ".cpp") continue;
      std::ifstream file(entry.path());
      bool alone = false;
      for (std::string line; std::getline(file, line);)
        alone = alone || line.find("for_each_isa.inc") != std::string::npos;
      const fs::path folder = fs::relative(entry.path(), root).parent_path();
      if (!alone) units[folder.string()].push_back(entry.path());
    }
  }
  return units;
}

}  // namespace

TEST_CASE("units: the name that a declaration gives is found") {
  CHECK(given_name("std::pair<Seen, double> power_of(const Leaf& leaf) {") == "power_of");
  CHECK(given_name("template <class T, int N = 3> Matrix<const T> rows_of(const Tensor& t) {") ==
        "rows_of");
  CHECK(given_name("constexpr const char* names[] = {\"a\"};") == "names");
  CHECK(given_name("class Plot final : public Picture {") == "Plot");
  CHECK(given_name("enum class Beside : std::uint8_t { none };") == "Beside");
  CHECK(given_name("DAMO_SCALAR(Exp, (T x), math::exp(x));") == "Exp");
  CHECK(given_name("using Known = std::function<Var(const Var&)>;") == "Known");
  CHECK(given_name("void Plot::draw() {").empty());
  CHECK(given_name("using detail::positive;").empty());
}

TEST_CASE("units: sources of a folder give no two things one name") {
  std::size_t seen = 0;
  for (const auto& [folder, sources] : units()) {
    std::map<std::string, std::map<std::string, std::set<std::string>>> given;
    for (const fs::path& source : sources) {
      for (const std::string& text : own_declarations(source)) {
        const std::string name = given_name(text);
        if (name.empty()) continue;
        // Another name for the same thing may be given again.
        const bool alias = text.starts_with("using ") || text.starts_with("namespace ");
        given[name][alias ? text : source.filename().string()].insert(source.filename().string());
        ++seen;
      }
    }
    for (const auto& [name, places] : given) {
      CAPTURE(folder);
      CAPTURE(name);
      std::string where;
      for (const auto& [text, files] : places) where += *files.begin() + " ";
      CAPTURE(where);
      CHECK(places.size() == 1);
    }
  }
  CHECK(seen > 1000);
}
