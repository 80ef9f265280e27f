#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include <damo/graph/errors/error.hpp>
#include <damo/io/files/gzip.hpp>

namespace damo::io {
namespace {

constexpr int gzip_window = 15 + 16;  // zlib's way of asking for a gzip header and trailer
constexpr std::uint64_t always_allowed = std::uint64_t{64} << 20U, largest_ratio = 200;

bool is_gzip(std::span<const std::byte> bytes) {
  return bytes.size() >= 2 && bytes[0] == std::byte{0x1f} && bytes[1] == std::byte{0x8b};
}

uInt chunk(std::size_t size) {
  return static_cast<uInt>(std::min<std::size_t>(size, std::numeric_limits<uInt>::max()));
}

}  // namespace

struct InputFile::State {
  explicit State(const std::filesystem::path& p) : path(p), source(p) {}

  std::filesystem::path path;
  OpenFile source;
  Bytes file;  // what is compressed; the rest is read as it is asked for
  bool compressed = false;
  bool ended = false;
  std::uint64_t offset = 0;
  z_stream stream{};

  std::size_t position() const { return compressed ? file.size() - remaining() : offset; }
  std::size_t remaining() const {
    const auto* end = reinterpret_cast<const Bytef*>(file.data()) + file.size();
    return static_cast<std::size_t>(end - stream.next_in);
  }
  std::size_t copy(std::span<std::byte> out);
  std::size_t inflate_into(std::span<std::byte> out);
  void next_member();
};

InputFile::InputFile(const std::filesystem::path& path) : state_(std::make_unique<State>(path)) {
  State& s = *state_;
  std::byte magic[2];
  const std::span start = std::span(magic).first(std::min<std::size_t>(s.source.size(), 2));
  s.source.read_at(0, start);
  s.compressed = is_gzip(start);
  if (!s.compressed) return;
  s.file.resize(s.source.size());
  s.source.read_at(0, s.file);
  s.stream.next_in = reinterpret_cast<Bytef*>(s.file.data());
  if (inflateInit2(&s.stream, gzip_window) != Z_OK) throw_io(path, "cannot start decompressing");
}

InputFile::InputFile(InputFile&&) noexcept = default;

InputFile::~InputFile() {
  if (state_ && state_->compressed) inflateEnd(&state_->stream);
}

std::size_t InputFile::State::copy(std::span<std::byte> out) {
  const std::size_t n = std::min<std::size_t>(out.size(), source.size() - offset);
  source.read_at(offset, out.first(n));
  offset += n;
  return n;
}

// A gzip file may be several compressed members, one after the other.
void InputFile::State::next_member() {
  const std::size_t left = remaining();
  if (left == 0) {
    ended = true;
    return;
  }
  if (!is_gzip(std::span(file).last(left))) {
    throw_io(path, position(), fmt::format("{} stray bytes after the compressed data", left));
  }
  inflateReset(&stream);
}

std::size_t InputFile::State::inflate_into(std::span<std::byte> out) {
  std::size_t done = 0;
  while (done < out.size() && !ended) {
    const uInt room = chunk(out.size() - done);
    const uInt fed = chunk(remaining());
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + done);
    stream.avail_out = room;
    stream.avail_in = fed;
    const int status = inflate(&stream, Z_NO_FLUSH);
    const uInt produced = room - stream.avail_out;
    done += produced;
    offset += produced;
    if (status == Z_STREAM_END) {
      next_member();
    } else if (status == Z_BUF_ERROR || (status == Z_OK && produced == 0 && remaining() == 0)) {
      throw_io(path, file.size(), "the compressed data is truncated");
    } else if (status != Z_OK) {
      throw_io(path, position(),
               fmt::format("the compressed data is corrupt ({})",
                           stream.msg != nullptr ? stream.msg : zError(status)));
    }
  }
  return done;
}

std::size_t InputFile::read(std::span<std::byte> out) {
  return state_->compressed ? state_->inflate_into(out) : state_->copy(out);
}

void InputFile::read_exactly(std::span<std::byte> out, std::string_view what) {
  const std::uint64_t start = offset();
  const std::size_t n = read(out);
  if (n == out.size()) return;
  throw_io(path(), start + n,
           fmt::format("the file ends within {}: {} of {} bytes are there", what, n, out.size()));
}

std::uint64_t InputFile::offset() const { return state_->offset; }

std::uint64_t InputFile::largest_size() const {
  return state_->compressed ? most_inflated(state_->file.size()) : state_->source.size();
}

std::string InputFile::limit_text() const {
  if (!state_->compressed) return fmt::format("at most {} bytes", largest_size());
  return fmt::format("at most {} bytes ({})", largest_size(), inflation_rule());
}

Bytes InputFile::read_all() {
  Bytes all;
  for (std::size_t n = 1; n > 0;) {
    constexpr std::size_t piece = std::size_t{1} << 20U;
    const std::size_t before = all.size();
    all.resize(before + piece);
    n = read(std::span(all).subspan(before));
    all.resize(before + n);
    if (offset() > largest_size()) {
      throw_io(path(), offset(),
               fmt::format("the content is longer than is read here: {}", limit_text()));
    }
  }
  return all;
}

void InputFile::expect_end() {
  std::byte extra[1];
  const std::uint64_t end = offset();
  if (read(extra) != 0) throw_io(path(), end, "the file goes on after its declared end");
}

const std::filesystem::path& InputFile::path() const { return state_->path; }

std::uint64_t most_inflated(std::uint64_t compressed) {
  return std::max(always_allowed, compressed * largest_ratio);
}

std::string_view inflation_rule() { return "64 MiB, or 200 times the compressed size"; }

std::uint32_t checksum(std::uint32_t before, std::span<const std::byte> bytes) {
  return static_cast<std::uint32_t>(
      crc32_z(before, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

Bytes gzip(std::span<const std::byte> bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, gzip_window, 8,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    throw IoError("gzip: cannot start compressing");
  }
  Bytes out(deflateBound(&stream, bytes.size()));
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data()));
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  const Bytef* in_end = stream.next_in + bytes.size();
  const Bytef* out_end = stream.next_out + out.size();
  int status = Z_OK;
  while (status == Z_OK) {
    stream.avail_in = chunk(static_cast<std::size_t>(in_end - stream.next_in));
    stream.avail_out = chunk(static_cast<std::size_t>(out_end - stream.next_out));
    const bool last = stream.next_in + stream.avail_in == in_end;
    status = deflate(&stream, last ? Z_FINISH : Z_NO_FLUSH);
  }
  const std::size_t size = out.size() - static_cast<std::size_t>(out_end - stream.next_out);
  deflateEnd(&stream);
  if (status != Z_STREAM_END) throw IoError("gzip: compression failed");
  out.resize(size);
  return out;
}

}  // namespace damo::io
