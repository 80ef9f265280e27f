#include <algorithm>
#include <cstring>
#include <vector>

#include <damo/io/image_names.hpp>

namespace damo::io {
namespace {

// The words of a name, in small letters: parts of letters and digits only.
std::vector<std::string> words_of(std::string_view name) {
  std::vector<std::string> words(1);
  for (const char letter : name) {
    const char c = letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter;
    const bool part = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (part) {
      words.back() += c;
    } else if (!words.back().empty()) {
      words.emplace_back();
    }
  }
  return words;
}

// "xtrain" is x and train.
bool is_letter_and_part(const std::string& word) {
  if (word.size() < 4 || (word[0] != 'x' && word[0] != 'y')) return false;
  const std::string_view rest = std::string_view(word).substr(1);
  return rest == "train" || rest == "valid" || rest == "val" || rest == "test";
}

}  // namespace

std::string part_of_name(std::string_view name) {
  for (const std::string& word : words_of(name)) {
    const std::string_view w = std::string_view(word).substr(is_letter_and_part(word) ? 1 : 0);
    if (w.starts_with("train")) return "train";
    if (w.starts_with("valid") || w == "val" || w == "dev") return "valid";
    if (w.starts_with("test") || w == "t10k") return "test";
  }
  return {};
}

bool names_labels(std::string_view name) {
  const std::vector<std::string> words = words_of(name);
  return std::any_of(words.begin(), words.end(), [](const std::string& w) {
    for (const char* one : {"y", "label", "labels", "class", "classes", "target", "targets"}) {
      if (w == one) return true;
    }
    return w[0] == 'y' && is_letter_and_part(w);
  });
}

std::string set_name(const std::filesystem::path& path) {
  std::string name;
  for (const std::string& word : words_of(path.filename().string())) {
    if (word == "x" || word == "y" || word == "gz") continue;
    name += word.substr(is_letter_and_part(word) ? 1 : 0);
  }
  for (const char* word :
       {"training", "train",  "validation", "valid",  "val",   "testing", "test",  "t10k",
        "dev",      "images", "image",      "labels", "label", "classes", "class", "targets",
        "target",   "data",   "idx1",       "idx2",   "idx3",  "idx4"}) {
    for (std::size_t at = name.find(word); at != std::string::npos; at = name.find(word))
      name.erase(at, std::strlen(word));
  }
  return name;
}

}  // namespace damo::io
