#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <damo/io/files/file.hpp>
#include <damo/io/pictures/pictures.hpp>
#include <damo/io/pictures/tune_figure.hpp>
#include <damo/io/runs/record.hpp>

namespace damo::io {

/// A page of results in one HTML file that needs nothing else: pictures, curves and further pages
/// are inside it.
class HtmlPage {
 public:
  explicit HtmlPage(std::string title) : title_(std::move(title)) {}

  void heading(std::string_view text);
  void paragraph(std::string_view text);
  /// Names and values, in columns.
  void table(const Record& record);
  /// Curves over axes, as `plot` draws them, but as lines that stay sharp; their numbers show under
  /// the pointer.
  void curves(const std::vector<Series>& series, const PlotOptions& options);
  /// A picture; of several, such as one an epoch, one at a time: a slider chooses, the last is
  /// first.
  void pictures(std::string_view caption, const std::vector<std::filesystem::path>& files);
  /// A sound (WAV) to listen to.
  void sound(const std::filesystem::path& file);
  /// One that stays a file of its own, where a page in `page_folder` finds it.
  void sound_beside(const std::filesystem::path& file, const std::filesystem::path& page_folder);
  /// Pieces of music as piano-rolls at one scale, which the page itself plays.
  void tunes(std::string_view caption, const std::vector<Tune>& tunes);
  /// Rows of texts under heads that sort them when pressed, by number where there is one.
  void sorted_table(const std::vector<std::string>& head,
                    const std::vector<std::vector<std::string>>& rows);
  /// Lets a browser read the page again every so many seconds, unless its reader plays or moves
  /// something.
  void refresh(int seconds);
  /// A file to take out of the page again.
  void download(const std::filesystem::path& file);
  /// Text as it is, folded up under its title.
  void folded_text(std::string_view title, std::string_view text);
  /// Another whole page, shown when its title is opened.
  void folded_page(std::string_view title, std::string_view html);

  std::string html() const;
  /// Writes it atomically; throws IoError.
  void write(const std::filesystem::path& path) const;

 private:
  std::string title_;
  std::string body_;
  int refresh_ = 0;
};

/// The curves as an SVG element.
std::string svg_plot(const std::vector<Series>& series, const PlotOptions& options);

/// Which curve is which, a span of HTML for each.
std::string svg_legend(const std::vector<Series>& series);

std::string base64(std::span<const std::byte> bytes);
/// The text with what HTML would take for markup escaped.
std::string html_escaped(std::string_view text);

}  // namespace damo::io
