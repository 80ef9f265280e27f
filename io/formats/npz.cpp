#include <fmt/format.h>
#include <zip.h>

#include <memory>

#include <damo/io/files/atomic_file.hpp>
#include <damo/io/files/gzip.hpp>
#include <damo/io/formats/npy.hpp>
#include <damo/io/formats/npz.hpp>

namespace damo::io {
namespace {

struct Discard {
  void operator()(zip_t* zip) const { zip_discard(zip); }
  void operator()(zip_file_t* file) const { zip_fclose(file); }
  void operator()(zip_source_t* source) const { zip_source_free(source); }
};
using Zip = std::unique_ptr<zip_t, Discard>;
using ZipFile = std::unique_ptr<zip_file_t, Discard>;
using Source = std::unique_ptr<zip_source_t, Discard>;

class ZipError {
 public:
  ZipError() { zip_error_init(&error_); }
  ~ZipError() { zip_error_fini(&error_); }
  ZipError(const ZipError&) = delete;
  ZipError& operator=(const ZipError&) = delete;
  zip_error_t* get() { return &error_; }
  const char* text() { return zip_error_strerror(&error_); }

 private:
  zip_error_t error_;
};

Zip open(Source& source, int flags, const std::filesystem::path& path) {
  ZipError error;
  Zip zip(zip_open_from_source(source.get(), flags, error.get()));
  if (!zip) throw_io(path, fmt::format("cannot open the zip archive: {}", error.text()));
  zip_source_keep(source.get());
  return zip;
}

Bytes read_member(zip_t* zip, zip_uint64_t index, const std::filesystem::path& path) {
  const char* name = zip_get_name(zip, index, ZIP_FL_ENC_RAW);
  const std::string member = name != nullptr ? name : "?";
  const auto fail = [&](std::string_view reason) {
    throw_io(path, fmt::format("member '{}': {}", member, reason));
  };
  zip_stat_t stat;
  if (zip_stat_index(zip, index, 0, &stat) != 0) fail(zip_strerror(zip));
  if ((stat.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 && stat.encryption_method != ZIP_EM_NONE) {
    fail("it is encrypted");
  }
  if (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE) {
    fail(fmt::format("compression method {} is not supported", stat.comp_method));
  }
  if (stat.comp_method == ZIP_CM_STORE && stat.size != stat.comp_size) {
    fail(fmt::format("{} bytes are said to be stored in {}", stat.size, stat.comp_size));
  }
  const ZipFile file(zip_fopen_index(zip, index, 0));
  if (!file) fail(zip_strerror(zip));
  Bytes bytes(stat.size);
  std::size_t done = 0;
  // The read past the declared size makes libzip compare the CRC.
  std::byte extra[1];
  for (zip_int64_t n = 1; n > 0;) {
    const bool full = done == bytes.size();
    n = full ? zip_fread(file.get(), extra, 1)
             : zip_fread(file.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0) fail(zip_file_strerror(file.get()));
    if (full && n > 0) fail("it is longer than declared");
    done += static_cast<std::size_t>(n);
  }
  if (done != bytes.size()) fail(fmt::format("{} of {} bytes are there", done, bytes.size()));
  return bytes;
}

void add_member(zip_t* zip, const std::string& name, const Bytes& bytes,
                const std::filesystem::path& path) {
  Source source(zip_source_buffer(zip, bytes.data(), bytes.size(), 0));
  const zip_int64_t index =
      source ? zip_file_add(zip, name.c_str(), source.get(), ZIP_FL_ENC_UTF_8) : -1;
  if (index < 0) throw_io(path, fmt::format("cannot add '{}': {}", name, zip_strerror(zip)));
  static_cast<void>(source.release());  // now the archive's
  zip_set_file_compression(zip, static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0);
  // A fixed time: equal contents give equal files.
  zip_file_set_dostime(zip, static_cast<zip_uint64_t>(index), 0, (1U << 5U) | 1U, 0);
}

Bytes content(zip_source_t* source, const std::filesystem::path& path) {
  zip_stat_t stat;
  Bytes bytes;
  if (zip_source_stat(source, &stat) != 0 || zip_source_open(source) != 0) {
    throw_io(path, fmt::format("cannot build the zip archive: {}",
                               zip_error_strerror(zip_source_error(source))));
  }
  bytes.resize(stat.size);
  const zip_int64_t n = zip_source_read(source, bytes.data(), bytes.size());
  zip_source_close(source);
  if (n != static_cast<zip_int64_t>(bytes.size())) throw_io(path, "cannot build the zip archive");
  return bytes;
}

}  // namespace

std::map<std::string, Bytes> read_zip(const std::filesystem::path& path) {
  const Bytes file = read_file(path);
  if (file.empty()) throw_io(path, "the file is empty");
  ZipError error;
  Source source(zip_source_buffer_create(file.data(), file.size(), 0, error.get()));
  if (!source) throw_io(path, error.text());
  const Zip zip = open(source, ZIP_RDONLY | ZIP_CHECKCONS, path);
  std::map<std::string, Bytes> members;
  const zip_int64_t count = zip_get_num_entries(zip.get(), 0);
  // Members that overlap in the file could add up to more than it holds.
  std::uint64_t total = 0, inflated = 0;
  for (zip_int64_t i = 0; i < count; ++i) {
    zip_stat_t stat;
    const auto index = static_cast<zip_uint64_t>(i);
    if (zip_stat_index(zip.get(), index, 0, &stat) == 0) {
      if (stat.comp_size > file.size() - total) {
        throw_io(path, "the members are larger than the archive");
      }
      total += stat.comp_size;
      if (stat.size > most_inflated(file.size()) - inflated) {
        throw_io(path, fmt::format("its members would have more than {} bytes ({})",
                                   most_inflated(file.size()), inflation_rule()));
      }
      inflated += stat.size;
    }
    const char* name = zip_get_name(zip.get(), index, ZIP_FL_ENC_RAW);
    members[name != nullptr ? name : ""] = read_member(zip.get(), index, path);
  }
  return members;
}

Bytes format_zip(const std::map<std::string, Bytes>& members, const std::filesystem::path& path) {
  ZipError error;
  Source source(zip_source_buffer_create(nullptr, 0, 0, error.get()));
  if (!source) throw_io(path, error.text());
  Zip zip = open(source, ZIP_CREATE | ZIP_TRUNCATE, path);
  for (const auto& [name, bytes] : members) add_member(zip.get(), name, bytes, path);
  if (zip_close(zip.get()) != 0) {
    throw_io(path, fmt::format("cannot build the zip archive: {}", zip_strerror(zip.get())));
  }
  static_cast<void>(zip.release());  // closed and freed
  return content(source.get(), path);
}

std::map<std::string, Array> read_npz(const std::filesystem::path& path) {
  std::map<std::string, Array> arrays;
  for (const auto& [name, bytes] : read_zip(path)) {
    if (!name.ends_with(".npy")) continue;
    arrays.emplace(name.substr(0, name.size() - 4),
                   parse_npy(bytes, std::filesystem::path(path.string() + ":" + name)));
  }
  return arrays;
}

void write_npz(const std::filesystem::path& path, const std::map<std::string, Array>& arrays) {
  std::map<std::string, Bytes> members;
  for (const auto& [name, array] : arrays) members.emplace(name + ".npy", format_npy(array));
  write_file(path, format_zip(members, path));
}

}  // namespace damo::io
