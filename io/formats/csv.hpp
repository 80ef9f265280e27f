#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace damo::io {

/// A table of numbers that grows by a line at a time, such as metrics.csv. Each row is on its way
/// to the disk when `row` returns; failures are IoErrors with the path.
class CsvWriter {
 public:
  /// Starts the file with a line of column names. With `keep_rows`, an existing file of the same
  /// columns keeps that many rows and is continued: a resumed run drops the rows that were written
  /// after its checkpoint.
  CsvWriter(std::filesystem::path path, std::vector<std::string> columns,
            std::size_t keep_rows = 0);
  CsvWriter(const CsvWriter&) = delete;
  CsvWriter& operator=(const CsvWriter&) = delete;
  ~CsvWriter();

  /// Appends a row; throws ShapeError when the number of values is not that of the columns.
  /// Numbers are written with as many digits as give the same number back.
  void row(std::span<const double> values);
  void row(std::initializer_list<double> values) { row(std::span(values.begin(), values.size())); }

 private:
  void append(std::string_view text);

  std::filesystem::path path_;
  std::size_t columns_;
  int fd_ = -1;
};

/// A table read back: `rows[i][c]` is the number in row i under `columns[c]`.
struct CsvTable {
  std::vector<std::string> columns;
  std::vector<std::vector<double>> rows;
  /// The values under a name; throws IoError when there is no such column.
  std::vector<double> column(std::string_view name) const;
};

/// Reads what CsvWriter writes; throws IoError with path and line for anything else.
CsvTable read_csv(const std::filesystem::path& path);

/// Rows of numbers of one length.
struct NumberTable {
  std::vector<std::string> columns;  ///< where the first line has names, else empty
  std::int64_t rows = 0;
  std::int64_t width = 0;
  std::vector<float> values;  ///< row by row
};

/// Reads a text of numbers, plain or gzipped: parted by commas, semicolons, tabs or spaces, with or
/// without a first line of names. Throws IoError with path, line and reason for anything else.
NumberTable read_numbers(const std::filesystem::path& path);

}  // namespace damo::io
