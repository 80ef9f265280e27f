#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <system_error>

#include <damo/graph/errors/error.hpp>
#include <damo/io/files/file.hpp>
#include <damo/io/image_folder.hpp>

namespace damo::io {
namespace {

namespace fs = std::filesystem;

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return text;
}

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with("."); }

bool has_extension(const fs::path& path, const std::vector<std::string>& extensions) {
  std::string name = lower(path.filename().string());
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  return std::any_of(extensions.begin(), extensions.end(),
                     [&](const std::string& e) { return name.ends_with(e); });
}
bool is_png(const fs::path& path) { return lower(path.extension().string()) == ".png"; }
bool is_other_picture(const fs::path& path) {
  return has_extension(path, {".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".pgm"});
}
bool is_table(const fs::path& path) {
  return has_extension(path, {".csv", ".tsv", ".npy", ".npz", "-ubyte", ".idx", "ubyte"}) ||
         lower(path.filename().string()).find("-idx") != std::string::npos;
}

// All files below that are not hidden, in the order of their names.
std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    if (is_hidden(at->path())) {
      at.disable_recursion_pending();
    } else if (std::error_code unreadable; at->is_regular_file(unreadable)) {
      files.push_back(at->path());
    }
  }
  if (error) throw_io(folder, "cannot list the folder: " + error.message());
  std::sort(files.begin(), files.end());
  return files;
}

// Numbers in their order, then words in theirs.
bool in_order(const std::string& a, const std::string& b) {
  const auto is_number = [](const std::string& s) {
    return !s.empty() && s.size() < 9 && s.find_first_not_of("0123456789") == std::string::npos;
  };
  if (is_number(a) && is_number(b) && std::stol(a) != std::stol(b))
    return std::stol(a) < std::stol(b);
  return a < b;
}

/// A picture in a folder: which part and class its folders say.
struct Png {
  fs::path path;
  std::string part, kind;
};

Png sorted_in(const fs::path& path, const fs::path& folder) {
  Png png{path, {}, {}};
  for (const fs::path& step : path.lexically_relative(folder).parent_path()) {
    const std::string part = part_of_name(step.string());
    const bool is_part = png.part.empty() && png.kind.empty() && !part.empty();
    (is_part ? png.part : png.kind) = is_part ? part : step.string();
  }
  return png;
}

// The pictures of one part as one array.
class PngPart {
 public:
  explicit PngPart(const DatasetOptions& options) : options_(options) {}

  void add(const Png& png, std::int64_t kind) {
    RawImages one = read_gray_png(png.path);
    if (options_.height > 0) resize(one, options_.height, options_.width);
    if (first_.empty()) {
      first_ = png.path.string();
      rows_ = one.rows;
      cols_ = one.cols;
    } else if (one.rows != rows_ || one.cols != cols_) {
      throw_io(png.path,
               fmt::format("is {} x {} pixels large, but {} is {} x {}: images of one size are "
                           "accepted, or --resize {}x{} to make them so",
                           one.cols, one.rows, first_, cols_, rows_, cols_, rows_));
    }
    const auto values = one.pixels.values<float>();
    pixels_.insert(pixels_.end(), values.begin(), values.end());
    kinds_.push_back(kind);
  }
  RawImages take(const std::string& where, const std::string& part, bool with_kinds) {
    RawImages raw{.where = where, .part = part, .rows = rows_, .cols = cols_};
    const auto n = static_cast<std::int64_t>(kinds_.size());
    raw.pixels = Array::from<float>(pixels_, {n, rows_ * cols_});
    if (with_kinds) raw.labels = Array::from<std::int64_t>(kinds_);
    return raw;
  }

 private:
  const DatasetOptions& options_;
  std::string first_;
  std::int64_t rows_ = 0, cols_ = 0;
  std::vector<float> pixels_;
  std::vector<std::int64_t> kinds_;
};

std::vector<RawImages> read_pngs(const fs::path& folder, const std::vector<fs::path>& files,
                                 const DatasetOptions& options, std::vector<std::string>& notes) {
  std::vector<Png> pngs;
  std::vector<std::string> kinds;
  for (const fs::path& file : files) {
    if (!is_png(file)) continue;
    pngs.push_back(sorted_in(file, folder));
    kinds.push_back(pngs.back().kind);
  }
  std::sort(kinds.begin(), kinds.end(), in_order);
  kinds.erase(std::unique(kinds.begin(), kinds.end()), kinds.end());
  const bool with_kinds = kinds.size() > 1 && !kinds.front().empty();
  std::map<std::string, PngPart> parts;
  for (const Png& png : pngs) {
    const auto kind = std::find(kinds.begin(), kinds.end(), png.kind) - kinds.begin();
    parts.try_emplace(png.part, options).first->second.add(png, kind);
  }
  notes.push_back(fmt::format("{} PNG images read", pngs.size()));
  if (with_kinds)
    notes.push_back(fmt::format("{} classes, by folder: {}", kinds.size(), fmt::join(kinds, ", ")));
  std::vector<RawImages> raw;
  for (auto& [part, images] : parts) raw.push_back(images.take(folder.string(), part, with_kinds));
  return raw;
}

// A name without the words that tell parts and labels apart: files of one data set have it in
// common.
std::string set_name(const fs::path& path) {
  std::string name = lower(path.filename().string());
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  for (const char* word :
       {"training", "train", "validation", "valid", "val", "testing", "test", "t10k", "images",
        "image", "labels", "label", "targets", "data", "idx1", "idx2", "idx3", "idx4"}) {
    for (std::size_t at = name.find(word); at != std::string::npos; at = name.find(word))
      name.erase(at, std::strlen(word));
  }
  std::erase_if(name, [](char c) { return c == '-' || c == '_' || c == '.' || c == ' '; });
  return name;
}

void read_into(std::vector<RawImages>& all, const fs::path& path) {
  for (RawImages& raw : read_raw_images(path)) all.push_back(std::move(raw));
}

std::vector<RawImages> read_folder(const fs::path& folder, const DatasetOptions& options,
                                   std::vector<std::string>& notes) {
  const std::vector<fs::path> files = files_below(folder);
  if (std::any_of(files.begin(), files.end(), is_png))
    return read_pngs(folder, files, options, notes);
  std::map<std::string, std::vector<fs::path>> sets;
  for (const fs::path& file : files) {
    if (is_table(file)) sets[set_name(file)].push_back(file);
  }
  if (sets.size() > 1) {
    throw_io(folder, fmt::format("holds several data sets; name a file of one, such as {} or {}",
                                 sets.begin()->second.back().string(),
                                 std::next(sets.begin())->second.back().string()));
  }
  if (sets.empty()) {
    const bool others = std::any_of(files.begin(), files.end(), is_other_picture);
    throw_io(folder,
             fmt::format("there are no idx files nor other images in it that can be read: {}{}",
                         image_kinds(),
                         others ? "; its pictures are of other formats, which for example "
                                  "ImageMagick makes PNG: mogrify -format png *"
                                : ""));
  }
  std::vector<RawImages> all;
  for (const fs::path& file : sets.begin()->second) read_into(all, file);
  return all;
}

// The file and, where its name says that it is for training, those beside it for the rest.
std::vector<fs::path> with_siblings(const fs::path& file) {
  std::vector<fs::path> files{file};
  const std::string name = file.filename().string();
  const std::size_t at = name.find("train");
  if (at == std::string::npos) return files;
  std::set<fs::path> found;
  for (const char* word : {"valid", "val", "validation", "test", "t10k"}) {
    fs::path sibling = file.parent_path() / (name.substr(0, at) + word + name.substr(at + 5));
    std::error_code unreadable;
    if (fs::is_regular_file(sibling, unreadable)) found.insert(sibling);
  }
  files.insert(files.end(), found.begin(), found.end());
  // The classes of idx and npy images are files of their own.
  const std::vector<fs::path> images = files;
  for (const fs::path& path : images) {
    const std::string image_name = path.filename().string();
    const std::size_t word = image_name.find("images");
    if (word == std::string::npos) continue;
    std::string label_name = image_name;
    label_name.replace(word, 6, "labels");
    if (const std::size_t idx = label_name.find("idx3"); idx != std::string::npos)
      label_name.replace(idx, 4, "idx1");
    std::error_code unreadable;
    const fs::path labels = path.parent_path() / label_name;
    if (fs::is_regular_file(labels, unreadable)) files.push_back(labels);
  }
  return files;
}

}  // namespace

std::vector<RawImages> collect_images(const std::vector<fs::path>& paths,
                                      const DatasetOptions& options,
                                      std::vector<std::string>& notes) {
  std::vector<RawImages> all;
  for (const fs::path& path : paths) {
    std::error_code unreadable;
    if (fs::is_directory(path, unreadable)) {
      for (RawImages& raw : read_folder(path, options, notes)) all.push_back(std::move(raw));
    } else {
      const bool alone = paths.size() == 1;
      for (const fs::path& file : alone ? with_siblings(path) : std::vector<fs::path>{path}) {
        if (file != path) notes.push_back(fmt::format("{} is read too", file.string()));
        read_into(all, file);
      }
    }
  }
  return all;
}

}  // namespace damo::io
