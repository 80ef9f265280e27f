// The folders and arrows of docs/architecture.md, held to the includes of the sources.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

const fs::path root = DAMO_SOURCE_DIR;
const std::set<std::string> open_to_all = {"graph/errors", "graph/values"};
constexpr std::size_t most_files = 22;

std::set<std::string> words(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

/// What the table of folders grants: the folders that a folder's headers may include.
std::map<std::string, std::set<std::string>> plan() {
  std::ifstream file(root / "docs/architecture.md");
  REQUIRE(file);
  std::map<std::string, std::set<std::string>> granted;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("| folder |")) inside = true;
    if (!line.starts_with("|")) {
      if (!granted.empty()) break;
      continue;
    }
    if (!inside || line.starts_with("| folder |") || line.starts_with("| ---")) continue;
    std::vector<std::string> cells;
    std::istringstream row(line.substr(1));
    for (std::string cell; std::getline(row, cell, '|');) cells.push_back(cell);
    REQUIRE_MESSAGE(cells.size() == 3, line);
    const std::set<std::string> folder = words(cells[0]);
    REQUIRE_MESSAGE(folder.size() == 1, line);
    granted[*folder.begin()] = words(cells[2]);
  }
  return granted;
}

struct Source {
  std::string folder;  // "ops/shape"
  std::string name;    // "ops/shape/reshape.hpp"
  bool header;
  std::vector<std::string> includes;  // "graph/op.hpp"
};

std::vector<std::string> includes_of(const fs::path& path) {
  std::ifstream file(path);
  std::vector<std::string> found;
  const std::string start = "#include <damo/";
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(start))
      found.push_back(line.substr(start.size(), line.find('>') - start.size()));
  }
  return found;
}

std::vector<Source> sources() {
  std::vector<Source> found;
  for (const char* top : {"graph", "ops", "optim", "runtime", "models", "io"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / top)) {
      const std::string ending = entry.path().extension().string();
      if (ending != ".hpp" && ending != ".cpp" && ending != ".inc") continue;
      const fs::path name = fs::relative(entry.path(), root);
      found.push_back({name.parent_path().string(), name.string(), ending != ".cpp",
                       includes_of(entry.path())});
    }
  }
  return found;
}

std::string folder_of(const std::string& name) { return fs::path(name).parent_path().string(); }

/// The layer of a source: kernels stand below the rest of ops/, io/ beside all but graph/.
int layer(const std::string& folder) {
  const std::vector<std::string> order = {"graph", "ops/kernels", "ops",
                                          "optim", "runtime",     "models"};
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (folder == order[i] || folder.starts_with(order[i] + "/")) return static_cast<int>(i);
  }
  return -1;  // io
}

/// Whether folders can be put in a row in which each includes only those before it.
bool has_order(std::map<std::string, std::set<std::string>> arrows) {
  for (bool moved = true; moved && !arrows.empty();) {
    moved = false;
    for (auto it = arrows.begin(); it != arrows.end();) {
      bool free = true;
      for (const std::string& to : it->second) free = free && !arrows.contains(to);
      moved = moved || free;
      it = free ? arrows.erase(it) : std::next(it);
    }
  }
  return arrows.empty();
}

/// Of each class that one header alone declares, that header without its ending.
std::map<std::string, std::string> homes() {
  std::map<std::string, std::set<std::string>> declared;
  const std::regex opening("^(class|struct) (\\w+)( final)?( :[^;{]*)? ?\\{");
  for (const Source& source : sources()) {
    if (!source.name.ends_with(".hpp")) continue;
    std::ifstream file(root / source.name);
    std::smatch m;
    for (std::string line; std::getline(file, line);) {
      if (std::regex_search(line, m, opening))
        declared[m[2]].insert(source.name.substr(0, source.name.size() - 4));
    }
  }
  std::map<std::string, std::string> homes;
  for (const auto& [name, headers] : declared) {
    if (headers.size() == 1) homes[name] = *headers.begin();
  }
  return homes;
}

/// The classes whose functions a source defines.
std::set<std::string> defined_in(const std::string& source) {
  std::ifstream file(root / source);
  const std::regex definition(
      "^(?:[A-Za-z][^(]*[ *&])?(\\w+)::(?:\\w+::)*(?:~?\\w+|operator[^(]*)\\(");
  std::set<std::string> classes;
  std::smatch m;
  for (std::string line; std::getline(file, line);) {
    if (std::regex_search(line, m, definition)) classes.insert(m[1]);
  }
  return classes;
}

}  // namespace

// What Var writes as methods is made of ops, which stand above it.
TEST_CASE("architecture: a class's functions stand in files named as its header") {
  const auto home = homes();
  std::size_t seen = 0;
  for (const Source& source : sources()) {
    if (!source.name.ends_with(".cpp")) continue;
    const std::string stem = source.name.substr(0, source.name.size() - 4);
    for (const std::string& name : defined_in(source.name)) {
      const auto at = home.find(name);
      if (at == home.end() || name == "Var") continue;
      CAPTURE(source.name);
      CAPTURE(name);
      CHECK((stem == at->second || stem.starts_with(at->second + "_")));
      ++seen;
    }
  }
  CHECK(seen > 100);
}

TEST_CASE("architecture: headers include only what the plan of folders grants") {
  const auto granted = plan();
  REQUIRE(granted.size() > 20);
  for (const Source& source : sources()) {
    CAPTURE(source.name);
    REQUIRE(granted.contains(source.folder));
    if (!source.header) continue;
    for (const std::string& include : source.includes) {
      const std::string to = folder_of(include);
      CAPTURE(include);
      CHECK((to == source.folder || open_to_all.contains(to) ||
             granted.at(source.folder).contains(to)));
    }
  }
}

TEST_CASE("architecture: the plan names no folder that is not there, and has no circle") {
  auto granted = plan();
  for (auto& [folder, to] : granted) {
    CAPTURE(folder);
    CHECK(fs::is_directory(root / folder));
    for (const std::string& other : to) CHECK(granted.contains(other));
    if (!open_to_all.contains(folder)) to.insert(open_to_all.begin(), open_to_all.end());
  }
  CHECK(has_order(granted));
  granted["graph/values"].insert("models");
  CHECK_FALSE(has_order(granted));
}

TEST_CASE("architecture: sources include nothing of a folder above theirs") {
  for (const Source& source : sources()) {
    for (const std::string& include : source.includes) {
      const std::string to = folder_of(include);
      if (open_to_all.contains(to) || source.name == "models/saving.hpp") continue;
      CAPTURE(source.name);
      CAPTURE(include);
      const int from_layer = layer(source.folder), to_layer = layer(to);
      CHECK((from_layer == -1) == (to_layer == -1));
      CHECK(to_layer <= from_layer);
      if (source.folder.starts_with("ops/kernels")) CHECK(to.starts_with("ops/kernels"));
    }
  }
}

TEST_CASE("architecture: no folder holds more files than one looks through") {
  std::map<std::string, std::size_t> files;
  for (const Source& source : sources()) ++files[source.folder];
  for (const auto& [folder, n] : files) {
    CAPTURE(folder);
    CHECK(n <= most_files);
  }
}

TEST_CASE("architecture: tests stand in the folders of what they test, and look alike") {
  const std::set<std::string> of_their_own{"support", "support/references", "docs",    "programs",
                                           "install", "install/program",    "compile", "fuzz"};
  std::size_t seen = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root / "tests")) {
    const std::string ending = entry.path().extension().string();
    if (ending != ".cpp" && ending != ".hpp") continue;
    const fs::path name = fs::relative(entry.path(), root / "tests");
    const std::string folder = name.parent_path().string();
    CAPTURE(name.string());
    if (!of_their_own.contains(folder)) CHECK(fs::is_directory(root / folder));
    std::ifstream file(entry.path());
    bool of_tests = false;
    for (std::string line; std::getline(file, line);) {
      CAPTURE(line);
      const bool own = line.ends_with("/" + name.stem().string() + ".hpp\"");
      of_tests = of_tests || (line.starts_with("#include \"") && !own);
      if (line.starts_with("#include <damo/")) CHECK_FALSE(of_tests);
      if (line.starts_with("#include \""))
        CHECK((line.starts_with("#include \"tests/") || line.starts_with("#include \"examples/")));
      if (line.starts_with("namespace damo")) CHECK(line == "namespace damo::test {");
    }
    ++seen;
  }
  CHECK(seen > 100);
}

TEST_CASE("architecture: headers need nothing of one system's C library") {
  for (const Source& source : sources()) {
    if (!source.header || source.name == "graph/values/single_threaded.hpp") continue;
    std::ifstream file(root / source.name);
    CAPTURE(source.name);
    for (std::string line; std::getline(file, line);)
      CHECK_FALSE((line.starts_with("#include <sys/") || line.starts_with("#include <unistd")));
  }
}
