#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include <damo/graph/errors/error.hpp>
#include <damo/io/files/atomic_file.hpp>
#include <damo/io/files/file.hpp>
#include <damo/io/formats/note_json.hpp>

namespace damo::io {
namespace {

constexpr int pitches = 128;
constexpr std::int64_t most_parts = 1000;

/// Builds the sets while the text is parsed, so that no document tree is ever in memory and nesting
/// deeper than a note's is refused at once.
class NoteHandler : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit NoteHandler(const std::filesystem::path& path) : path_(path) {}
  NoteSets take() { return std::move(sets_); }

  bool null() override { fail("null"); }
  bool boolean(bool) override { fail("true or false"); }
  bool number_integer(number_integer_t value) override { return pitch(value); }
  bool number_unsigned(number_unsigned_t value) override {
    return pitch(value < pitches ? static_cast<std::int64_t>(value) : pitches);
  }
  // Python writes pitches that were floats as 73.0.
  bool number_float(number_float_t value, const string_t& text) override {
    if (value != std::floor(value)) fail("the number " + text);
    return pitch(value >= 0 && value < pitches ? static_cast<std::int64_t>(value) : pitches);
  }
  bool string(string_t&) override { fail("a string"); }
  bool binary(binary_t&) override { fail("binary data"); }
  bool start_object(std::size_t) override {
    if (in_object_) fail("an object");
    return in_object_ = true;
  }
  bool end_object() override { return true; }
  bool key(string_t& name) override {
    set_ = &sets_[name];
    name_ = name;
    count(static_cast<std::int64_t>(sets_.size()), most_parts, "parts");
    return true;
  }
  bool start_array(std::size_t) override {
    if (set_ == nullptr) fail("a list instead of an object");
    if (depth_ == 1) {
      set_->emplace_back();
      count(++pieces_, most_pieces, "pieces");
    }
    if (depth_ == 2) {
      set_->back().emplace_back();
      count(++frames_, most_frames, "frames");
    }
    if (++depth_ > 3) fail("a list within a frame");
    return true;
  }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool parse_error(std::size_t offset, const std::string&,
                   const nlohmann::json::exception& error) override {
    throw_io(path_, offset, fmt::format("not JSON: {}", error.what()));
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    std::string place = name_.empty() ? "" : fmt::format(" in '{}'", name_);
    if (set_ != nullptr && !set_->empty()) {
      place += fmt::format(", piece {}, frame {}", set_->size(), set_->back().size());
    }
    throw_io(path_, fmt::format("{} stands{} where lists of lists of lists of pitches belong", what,
                                place));
  }
  void count(std::int64_t n, std::int64_t most, const char* what) const {
    if (n <= most) return;
    throw_io(path_,
             fmt::format("more than {} {}; so many are read from one file at most", most, what));
  }
  bool pitch(std::int64_t value) {
    if (depth_ != 3) fail(fmt::format("the number {}", value));
    if (value < 0 || value >= pitches) fail("a pitch outside 0 to 127");
    std::vector<int>& frame = set_->back().back();
    if (frame.size() == pitches) fail("a frame of more than 128 pitches");
    frame.push_back(static_cast<int>(value));
    return true;
  }

  const std::filesystem::path& path_;
  NoteSets sets_;
  std::vector<NoteFrames>* set_ = nullptr;
  std::string name_;
  int depth_ = 0;
  std::int64_t frames_ = 0, pieces_ = 0;
  bool in_object_ = false;
};

}  // namespace

NoteSets read_note_json(const std::filesystem::path& path) {
  const Bytes bytes = read_file(path);
  // The parser takes a zero byte for the end of the text.
  if (const auto zero = as_text(bytes).find('\0'); zero != std::string_view::npos)
    throw_io(path, zero, "not JSON: a zero byte");
  NoteHandler handler(path);
  nlohmann::json::sax_parse(as_text(bytes), &handler);
  return handler.take();
}

void write_note_json(const std::filesystem::path& path, const NoteSets& sets) {
  write_file(path, nlohmann::json(sets).dump() + "\n");
}

Array to_piano_roll(const NoteFrames& frames, const RollOptions& options) {
  const std::int64_t width = options.high - options.low;
  Array roll(DType::float32, Shape{static_cast<std::int64_t>(frames.size()), width});
  for (std::size_t t = 0; t < frames.size(); ++t) {
    for (const int pitch : frames[t]) {
      if (pitch < options.low || pitch >= options.high) continue;
      roll.data<float>()[static_cast<std::int64_t>(t) * width + pitch - options.low] = 1;
    }
  }
  return roll;
}

NoteFrames to_note_frames(const Array& roll, const RollOptions& options) {
  const std::int64_t width = options.high - options.low;
  if (roll.rank() != 2 || roll.shape()[1] != width || roll.dtype() != DType::float32) {
    throw ShapeError(fmt::format("to_note_frames: {} {} given, float32 (frames, {}) expected",
                                 name(roll.dtype()), to_string(roll.shape()), width));
  }
  NoteFrames frames(static_cast<std::size_t>(roll.shape()[0]));
  for (std::int64_t i = 0; i < roll.elements(); ++i) {
    if (roll.data<float>()[i] > 0.5F) {
      frames[static_cast<std::size_t>(i / width)].push_back(options.low +
                                                            static_cast<int>(i % width));
    }
  }
  return frames;
}

}  // namespace damo::io
