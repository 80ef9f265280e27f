#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <system_error>

#include <damo/graph/errors/error.hpp>
#include <damo/io/files/atomic_file.hpp>
#include <damo/io/files/file.hpp>
#include <damo/io/files/gzip.hpp>
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

namespace {

// The line at the front of `text`, which it leaves; without its end, "\n" or "\r\n".
std::string_view next_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string_view trimmed(std::string_view cell) {
  while (!cell.empty() && (cell.front() == ' ' || cell.front() == '\t')) cell.remove_prefix(1);
  while (!cell.empty() && (cell.back() == ' ' || cell.back() == '\t')) cell.remove_suffix(1);
  if (cell.size() >= 2 && cell.front() == '"' && cell.back() == '"')
    return cell.substr(1, cell.size() - 2);
  return cell;
}

template <class T>
bool parse_number(std::string_view cell, T& value) {
  if (cell.starts_with('+')) cell.remove_prefix(1);
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  return error == std::errc() && end == cell.data() + cell.size() && !cell.empty();
}

// What a line's values are parted by; ' ' stands for any number of spaces and tabs.
char separator_of(std::string_view line) {
  for (const char c : {',', ';', '\t'}) {
    if (line.find(c) != std::string_view::npos) return c;
  }
  return ' ';
}

template <class F>
void each_cell(std::string_view line, char separator, F&& f) {
  if (separator == ' ') line = trimmed(line);
  for (;;) {
    const std::size_t end = line.find(separator);
    f(trimmed(line.substr(0, end)));
    if (end == std::string_view::npos) return;
    line.remove_prefix(end + 1);
    if (separator == ' ') line = trimmed(line);
  }
}

class NumberReader {
 public:
  explicit NumberReader(const std::filesystem::path& path) : path_(path) {}

  NumberTable read(std::string_view text) {
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // a mark of UTF-8
    while (!text.empty()) {
      const std::string_view line = next_line(text);
      ++line_;
      if (trimmed(line).empty()) continue;
      if (table_.width == 0 && is_header(line)) continue;
      row(line);
    }
    if (table_.rows == 0) throw_io(path_, "there are no rows of numbers in it");
    return std::move(table_);
  }

 private:
  // Of the first line that is not empty: names when none of its cells is a number.
  bool is_header(std::string_view line) {
    separator_ = separator_of(line);
    std::vector<std::string> names;
    bool numbers = false;
    each_cell(line, separator_, [&](std::string_view cell) {
      float value = 0;
      numbers |= parse_number(cell, value);
      names.emplace_back(cell);
    });
    table_.width = static_cast<std::int64_t>(names.size());
    if (numbers) return false;
    table_.columns = std::move(names);
    return true;
  }
  void row(std::string_view line) {
    std::int64_t n = 0;
    each_cell(line, separator_, [&](std::string_view cell) {
      float value = 0;
      if (!parse_number(cell, value)) {
        throw_io(path_, fmt::format("line {}, value {}: '{}' is not a number", line_, n + 1,
                                    cell.substr(0, 40)));
      }
      table_.values.push_back(value);
      ++n;
    });
    if (n != table_.width) {
      throw_io(path_,
               fmt::format("line {}: {} values, but {} in the first", line_, n, table_.width));
    }
    ++table_.rows;
  }

  const std::filesystem::path& path_;
  NumberTable table_;
  char separator_ = ',';
  std::size_t line_ = 0;
};

}  // namespace

CsvTable read_csv(const std::filesystem::path& path) {
  const Bytes bytes = read_file(path);
  std::string_view text = as_text(bytes);
  if (text.empty()) throw_io(path, "the file is empty");
  CsvTable table;
  table.columns = split(next_line(text), ',');
  for (std::size_t line = 2; !text.empty(); ++line) {
    std::vector<double> row;
    each_cell(next_line(text), ',', [&](std::string_view cell) {
      if (!parse_number(cell, row.emplace_back()))
        throw_io(path, fmt::format("line {}: '{}' is not a number", line, cell));
    });
    if (row.size() != table.columns.size()) {
      throw_io(path, fmt::format("line {}: {} values under {} columns", line, row.size(),
                                 table.columns.size()));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

NumberTable read_numbers(const std::filesystem::path& path) {
  const Bytes bytes = InputFile(path).read_all();
  return NumberReader(path).read(as_text(bytes));
}

}  // namespace damo::io
