#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include <damo/graph/errors/error.hpp>
#include <damo/io/files/atomic_file.hpp>
#include <damo/io/files/file.hpp>
#include <damo/io/formats/csv.hpp>

namespace damo::io {
namespace {

std::vector<std::string> split(std::string_view line, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t end = line.find(separator);
    parts.emplace_back(line.substr(0, end));
    if (end == std::string_view::npos) return parts;
    line.remove_prefix(end + 1);
  }
}

std::string kept_lines(const std::filesystem::path& path, const std::string& header,
                       std::size_t rows) {
  const Bytes bytes = read_file(path);
  const std::string_view text = as_text(bytes);
  if (!text.starts_with(header)) {
    throw_io(path, fmt::format("cannot be continued: its columns are not '{}'",
                               std::string_view(header).substr(0, header.size() - 1)));
  }
  std::size_t end = header.size();
  for (; rows > 0; --rows) {
    const std::size_t newline = text.find('\n', end);
    if (newline == std::string_view::npos) break;
    end = newline + 1;
  }
  return std::string(text.substr(0, end));
}

}  // namespace

CsvWriter::CsvWriter(std::filesystem::path path, std::vector<std::string> columns,
                     std::size_t keep_rows)
    : path_(std::move(path)), columns_(columns.size()) {
  const std::string header = fmt::format("{}\n", fmt::join(columns, ","));
  const bool continued = keep_rows > 0 && std::filesystem::exists(path_);
  write_file(path_, continued ? kept_lines(path_, header, keep_rows) : header);
  fd_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd_ < 0) throw_errno(path_, "cannot open");
}

CsvWriter::~CsvWriter() {
  if (fd_ >= 0) ::close(fd_);
}

void CsvWriter::append(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd_, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_errno(path_, "cannot write");
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

void CsvWriter::row(std::span<const double> values) {
  if (values.size() != columns_) {
    throw ShapeError(fmt::format("{}: a row of {} values under {} columns", path_.string(),
                                 values.size(), columns_));
  }
  append(fmt::format("{}\n", fmt::join(values, ",")));
}

std::vector<double> CsvTable::column(std::string_view name) const {
  const auto found = std::find(columns.begin(), columns.end(), name);
  if (found == columns.end()) throw IoError(fmt::format("no column '{}' in the table", name));
  std::vector<double> values;
  for (const auto& row : rows)
    values.push_back(row[static_cast<std::size_t>(found - columns.begin())]);
  return values;
}

CsvTable read_csv(const std::filesystem::path& path) {
  const Bytes bytes = read_file(path);
  std::string_view text = as_text(bytes);
  if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  CsvTable table;
  std::size_t line_number = 0;
  for (const std::string& line : split(text, '\n')) {
    std::vector<std::string> cells = split(line, ',');
    if (++line_number == 1) {
      table.columns = std::move(cells);
      continue;
    }
    std::vector<double> row;
    for (const std::string& cell : cells) {
      char* end = nullptr;
      row.push_back(std::strtod(cell.c_str(), &end));
      if (cell.empty() || *end != '\0') {
        throw_io(path, fmt::format("line {}: '{}' is not a number", line_number, cell));
      }
    }
    if (row.size() != table.columns.size()) {
      throw_io(path, fmt::format("line {}: {} values under {} columns", line_number, row.size(),
                                 table.columns.size()));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace damo::io
