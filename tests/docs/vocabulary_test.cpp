// docs/vocabulary.md lists every public function: its tables against the headers, both ways.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

namespace {

namespace fs = std::filesystem;

const fs::path root = DAMO_SOURCE_DIR;
using Names = std::set<std::string>;

std::string text_of(const fs::path& path) {
  std::ifstream file(path);
  REQUIRE_MESSAGE(file, path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

void add_matches(Names& names, const std::string& text, const std::string& pattern,
                 const std::string& before = "") {
  const std::regex wanted(pattern);
  for (std::sregex_iterator at(text.begin(), text.end(), wanted), end; at != end; ++at)
    names.insert(before + (*at)[1].str());
}

/// What a line that begins a declaration at `indent` calls the function.
std::string declaration(const std::string& indent) {
  return "\n" + indent +
         R"((?:static |inline )*(?:const )?(?:std::)?\w+(?:<[^>\n]*>)?[*&]? (operator(?:\(\)|[^\s\w(]+)|\w+)\()";
}

/// The declarations of a header, without those of `namespace detail` and deleted ones.
std::string declarations_of(const std::string& header) {
  std::string text = text_of(root / header);
  const std::string open = "namespace detail {", close = "}  // namespace detail";
  for (auto at = text.find(open); at != std::string::npos; at = text.find(open))
    text.erase(at, text.find(close, at) + close.size() - at);
  return std::regex_replace(text, std::regex("\n[^\n]*= delete;[^\n]*"), "\n");
}

/// The members of a class, which stand two deep, before its private ones.
void add_members(Names& names, const std::string& header, const std::string& name,
                 const std::string& before) {
  const std::string text = declarations_of(header);
  const auto start = text.find("\nclass " + name + " {");
  REQUIRE(start != std::string::npos);
  add_matches(names, text.substr(start, text.find("\n private:", start) - start), declaration("  "),
              before);
}

/// The headers of operations that core.hpp hands to users.
Names vocabulary_headers() {
  Names found;
  add_matches(found, text_of(root / "core.hpp"), "#include <damo/(ops/[^>]*)>");
  // Signs that do not compile, graphs as text, a random state as a value.
  for (const char* other : {"ops/elementwise/refused_signs.hpp", "ops/text/graph_text.hpp"})
    CHECK(found.erase(other) == 1);
  found.insert("graph/variables.hpp");
  found.insert("graph/var.hpp");
  return found;
}

Names declared() {
  Names names;
  for (const std::string& header : vocabulary_headers())
    add_matches(names, declarations_of(header), declaration(""));
  names.erase("operator<<");  // prints
  add_members(names, "graph/var.hpp", "Var", "x.");
  names.erase("x.operator=");
  names.erase("x.same");
  add_members(names, "ops/random/random_stream.hpp", "RandomStream", "rng.");
  names.erase("rng.RandomStream");
  return names;
}

/// The names in the first columns of the document's tables.
Names documented(const std::string& text) {
  Names names;
  const std::regex first_cell("\n\\| (`[^|]*)\\|");
  for (std::sregex_iterator at(text.begin(), text.end(), first_cell), end; at != end; ++at)
    add_matches(names, (*at)[1], "`([^`]+)`");
  return names;
}

}  // namespace

TEST_CASE("vocabulary: the document lists every public function and no other") {
  const Names there = declared();
  const Names told = documented(text_of(root / "docs/vocabulary.md"));
  CHECK(there.size() > 150);
  for (const std::string& name : there) CHECK_MESSAGE(told.contains(name), "not told: ", name);
  for (const std::string& name : told) CHECK_MESSAGE(there.contains(name), "invented: ", name);
}

TEST_CASE("vocabulary: every row has a name in each column, and no name stands in two rows") {
  const std::string text = text_of(root / "docs/vocabulary.md");
  const std::regex row("\n\\| (`[^|]*)\\|([^|\n]*)\\|([^|\n]*)\\|");
  std::multiset<std::string> told;
  for (std::sregex_iterator at(text.begin(), text.end(), row), end; at != end; ++at) {
    for (std::size_t column = 1; column <= 3; ++column) {
      const std::string cell = (*at)[column];
      CAPTURE(cell);
      CHECK(cell.find_first_not_of(' ') != std::string::npos);
    }
    Names names;
    add_matches(names, (*at)[1], "`([^`]+)`");
    told.insert(names.begin(), names.end());
  }
  for (const std::string& name : told) {
    CAPTURE(name);
    CHECK(told.count(name) == 1);
  }
}
