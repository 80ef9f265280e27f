#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

// What the documents show must be what is compiled and what exists.
namespace {

namespace fs = std::filesystem;

const fs::path root = DAMO_SOURCE_DIR;

std::string text_of(const fs::path& path) {
  std::ifstream file(path);
  REQUIRE_MESSAGE(file, path.string(), " cannot be read");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<fs::path> documents() {
  std::vector<fs::path> found;
  for (const fs::path& folder : {root, root / "docs"}) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path().extension() == ".md") found.push_back(entry.path());
    }
  }
  return found;
}

struct Block {
  std::string language;
  std::string file;  // the word after the language
  std::string code;
};

std::vector<Block> code_blocks(const std::string& document) {
  std::vector<Block> blocks;
  std::istringstream lines(document);
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```")) {
      inside = !inside;
      if (!inside) continue;
      blocks.emplace_back();
      std::istringstream(line.substr(3)) >> blocks.back().language >> blocks.back().file;
    } else if (inside) {
      blocks.back().code += line + "\n";
    }
  }
  return blocks;
}

// The text without the spaces at the beginnings of lines.
std::string without_indent(const std::string& text) {
  return std::regex_replace(text, std::regex("(^|\n) +"), "$1");
}

}  // namespace

TEST_CASE("documents: every C++ block stands in the compiled file that it names") {
  for (const fs::path& document : documents()) {
    for (const Block& block : code_blocks(text_of(document))) {
      if (block.language != "cpp") continue;
      CAPTURE(document.string());
      CAPTURE(block.code);
      REQUIRE_MESSAGE(!block.file.empty(), "write the file it stands in after ```cpp");
      CAPTURE(block.file);
      const std::string file = without_indent(text_of(root / block.file));
      CHECK(file.find(without_indent(block.code)) != std::string::npos);
    }
  }
}

TEST_CASE("documents: the README shows the whole of its program") {
  const std::string program = text_of(root / "examples/readme_model.cpp");
  bool shown = false;
  for (const Block& block : code_blocks(text_of(root / "README.md"))) {
    shown = shown || block.code == program;
  }
  CHECK(shown);
}

TEST_CASE("documents: every link to a file leads somewhere") {
  const std::regex link(R"(\]\(([^)#: ]+)(#[^)]*)?\))");
  for (const fs::path& document : documents()) {
    const std::string text = text_of(document);
    for (std::sregex_iterator it(text.begin(), text.end(), link), end; it != end; ++it) {
      CAPTURE(document.string());
      const std::string target = (*it)[1];
      CAPTURE(target);
      CHECK(fs::exists(document.parent_path() / target));
    }
  }
}
