#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <system_error>

#include <damo/graph/errors/error.hpp>
#include <damo/io/files/file.hpp>
#include <damo/io/files/gzip.hpp>
#include <damo/io/image_folder.hpp>
#include <damo/io/image_names.hpp>
#include <damo/io/pictures/png.hpp>

namespace damo::io {
namespace {

namespace fs = std::filesystem;

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with("."); }

bool has_extension(const fs::path& path, const std::vector<std::string>& extensions) {
  std::string name = lower_case(path.filename().string());
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  return std::any_of(extensions.begin(), extensions.end(),
                     [&](const std::string& e) { return name.ends_with(e); });
}
bool is_png(const fs::path& path) { return lower_case(path.extension().string()) == ".png"; }
bool is_other_picture(const fs::path& path) {
  return has_extension(path, {".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".pgm"});
}
bool is_named_table(const fs::path& path) {
  return has_extension(path, {".csv", ".tsv", ".npy", ".npz", "-ubyte", ".idx", "ubyte"}) ||
         lower_case(path.filename().string()).find("-idx") != std::string::npos;
}

// What begins as idx or NumPy's files do, whatever its name.
bool begins_as_table(const fs::path& path) {
  try {
    std::byte start[6]{};
    const std::string_view head = as_text(std::span(start).first(InputFile(path).read(start)));
    if (head == "\x93NUMPY") return true;
    constexpr std::string_view types = "\x08\x09\x0b\x0c\x0d\x0e";
    return head.size() == 6 && head.starts_with(std::string_view("\0\0", 2)) &&
           types.find(head[2]) != std::string_view::npos && head[3] >= 1 && head[3] <= 4;
  } catch (const IoError&) {
    return false;
  }
}

// A file that lies beside its compressed copy is read once.
std::vector<fs::path> without_copies(std::vector<fs::path> files) {
  const std::set<fs::path> all(files.begin(), files.end());
  std::erase_if(files, [&](const fs::path& file) {
    fs::path plain = file;
    return lower_case(file.extension().string()) == ".gz" &&
           all.contains(plain.replace_extension());
  });
  return files;
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

// Pictures that are made to fill the memory are refused before any is read.
void require_bearable(const fs::path& folder, const std::vector<Png>& pngs) {
  std::uint64_t pixels = 0, bytes = 0;
  for (const Png& png : pngs) {
    pixels += declared_pixels(png.path);
    bytes += OpenFile(png.path).size();
  }
  if (pixels > most_inflated(bytes)) {
    throw_io(folder, fmt::format("its {} PNG images have {} pixels; at most {} are read ({})",
                                 pngs.size(), pixels, most_inflated(bytes), inflation_rule()));
  }
}

std::vector<RawImages> read_pngs(const fs::path& folder, const std::vector<fs::path>& files,
                                 const DatasetOptions& options, std::vector<std::string>& notes) {
  std::vector<Png> pngs;
  std::vector<std::string> kinds;
  for (const fs::path& file : files) {
    if (!is_png(file)) continue;
    pngs.push_back(sorted_in(file, folder));
    kinds.push_back(pngs.back().kind);
  }
  require_bearable(folder, pngs);
  require_fitting(folder.string(), static_cast<std::int64_t>(pngs.size()), options.height,
                  options.width);
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

void read_into(std::vector<RawImages>& all, const fs::path& path) {
  for (RawImages& raw : read_raw_images(path)) all.push_back(std::move(raw));
}

// The files of each data set, by what their names have in common. Where one set has images, files
// of classes are of it, whatever their names.
std::map<std::string, std::vector<fs::path>> sets_of(const std::vector<fs::path>& files) {
  std::map<std::string, std::vector<fs::path>> sets;
  for (const fs::path& file : without_copies(files)) {
    if (is_named_table(file) || begins_as_table(file)) sets[set_name(file)].push_back(file);
  }
  const auto has_images = [](const auto& set) {
    return !std::all_of(set.second.begin(), set.second.end(), [](const fs::path& file) {
      return names_labels(file.filename().string());
    });
  };
  if (std::count_if(sets.begin(), sets.end(), has_images) != 1) return sets;
  const auto images = std::find_if(sets.begin(), sets.end(), has_images);
  std::vector<fs::path> together = images->second;
  for (const auto& [name, set] : sets) {
    if (name != images->first) together.insert(together.end(), set.begin(), set.end());
  }
  return {{images->first, together}};
}

std::vector<RawImages> read_image_folder(const fs::path& folder, const DatasetOptions& options,
                                         std::vector<std::string>& notes) {
  const std::vector<fs::path> files = files_below(folder);
  if (std::any_of(files.begin(), files.end(), is_png))
    return read_pngs(folder, files, options, notes);
  std::map<std::string, std::vector<fs::path>> sets = sets_of(files);
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

// The file and those beside it that go with it by their names: the classes of its images and, where
// it says that it is for training, the other parts.
std::vector<fs::path> with_siblings(const fs::path& file) {
  const std::string own = file.filename().string(), part = part_of_name(own);
  std::set<fs::path> found;
  std::error_code error;
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    std::error_code unreadable;
    if (name == own || is_hidden(name) || !is_named_table(name) ||
        !entry.is_regular_file(unreadable))
      continue;
    const std::string other = part_of_name(name);
    const bool goes_along = other == part ? names_labels(name) : part == "train" && !other.empty();
    if (goes_along && set_name(name) == set_name(own) && !names_labels(own))
      found.insert(file.has_parent_path() ? entry.path() : fs::path(name));
  }
  std::vector<fs::path> files{file};
  files.insert(files.end(), found.begin(), found.end());
  return without_copies(files);
}

}  // namespace

std::vector<RawImages> collect_images(const std::vector<fs::path>& paths,
                                      const DatasetOptions& options,
                                      std::vector<std::string>& notes) {
  std::vector<RawImages> all;
  for (const fs::path& path : paths) {
    std::error_code unreadable;
    if (fs::is_directory(path, unreadable)) {
      for (RawImages& raw : read_image_folder(path, options, notes)) all.push_back(std::move(raw));
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
