#include <fmt/format.h>

#include <damo/io/files/atomic_file.hpp>
#include <damo/io/pictures/html_page.hpp>
#include <damo/io/pictures/page_frame.hpp>

namespace damo::io {
namespace {

constexpr std::size_t long_value = 28;  // such a one has a line of its own

std::string data_address(const std::filesystem::path& file, std::string_view type) {
  return fmt::format("data:{};base64,{}", type, base64(read_file(file)));
}

// An address of a file as a link has it.
std::string url_escaped(std::string_view path) {
  std::string out;
  for (const char c : path) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       std::string_view("-_.~/").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c)
                 : fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
  }
  return out;
}

std::string name_of(const std::filesystem::path& file) {
  return html_escaped(file.filename().string());
}

}  // namespace

std::string html_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else {
      out += c;
    }
  }
  return out;
}

std::string base64(std::span<const std::byte> bytes) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t n = std::min<std::size_t>(3, bytes.size() - i);
    unsigned group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8U | (k < n ? std::to_integer<unsigned>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k) out += k <= n ? digits[group >> (18 - 6 * k) & 63U] : '=';
  }
  return out;
}

void HtmlPage::heading(std::string_view text) {
  body_ += fmt::format("<h2>{}</h2>\n", html_escaped(text));
}

void HtmlPage::paragraph(std::string_view text) {
  body_ += fmt::format("<p class=\"faint\">{}</p>\n", html_escaped(text));
}

void HtmlPage::table(const Record& record) {
  body_ += "<dl>\n";
  for (const auto& [name, value] : record.values()) {
    const std::string text = std::visit([](const auto& v) { return fmt::format("{}", v); }, value);
    body_ += fmt::format("<div{}><dt>{}</dt><dd>{}</dd></div>\n",
                         text.size() > long_value ? " class=\"wide\"" : "", html_escaped(name),
                         html_escaped(text));
  }
  body_ += "</dl>\n";
}

void HtmlPage::curves(const std::vector<Series>& series, const PlotOptions& options) {
  body_ += "<figure>";
  if (!options.caption.empty())
    body_ += fmt::format("<figcaption>{}</figcaption>\n", html_escaped(options.caption));
  body_ += fmt::format("<div class=\"scroll\">{}</div>", svg_plot(series, options));
  if (series.size() > 2) body_ += svg_legend(series);
  body_ += "</figure>\n";
}

void HtmlPage::pictures(std::string_view caption, const std::vector<std::filesystem::path>& files) {
  if (files.empty()) return;
  const bool several = files.size() > 1;
  body_ += fmt::format("<figure{}><figcaption>{}", several ? " data-several" : "",
                       html_escaped(caption));
  if (several) {
    body_ += fmt::format(
        " <input type=\"range\" min=\"0\" max=\"{0}\" value=\"{0}\" aria-label=\"{1}\"> "
        "<output></output>",
        files.size() - 1, html_escaped(caption));
  }
  body_ += "</figcaption>\n";
  for (const std::filesystem::path& file : files) {
    body_ += fmt::format("<img alt=\"{0}: {1}\" data-name=\"{0}\" src=\"{2}\">\n", name_of(file),
                         html_escaped(caption), data_address(file, "image/png"));
  }
  body_ += "</figure>\n";
}

void HtmlPage::sound(const std::filesystem::path& file) {
  body_ += fmt::format(
      "<figure><figcaption>{}</figcaption><audio controls src=\"{}\"></audio>"
      "</figure>\n",
      name_of(file), data_address(file, "audio/wav"));
}

void HtmlPage::sound_beside(const std::filesystem::path& file,
                            const std::filesystem::path& page_folder) {
  const std::string address =
      url_escaped(std::filesystem::proximate(file, page_folder).generic_string());
  body_ += fmt::format(
      "<figure><figcaption>{0} ({1} MB, too large to be inside this page: it is played from "
      "<a href=\"{2}\">{3}</a>)</figcaption><audio controls preload=\"none\" src=\"{2}\">"
      "</audio></figure>\n",
      name_of(file), std::filesystem::file_size(file) >> 20U, address,
      html_escaped(std::filesystem::proximate(file, page_folder).generic_string()));
}

void HtmlPage::tunes(std::string_view caption, const std::vector<Tune>& tunes) {
  body_ += fmt::format("<p class=\"faint\">{}</p>\n", html_escaped(caption)) + tune_figure(tunes);
}

void HtmlPage::sorted_table(const std::vector<std::string>& head,
                            const std::vector<std::vector<std::string>>& rows) {
  body_ += "<div class=\"scroll\"><table data-sorted><thead><tr>";
  for (const std::string& text : head) {
    body_ += fmt::format("<th><button type=\"button\">{}</button></th>", html_escaped(text));
  }
  body_ += "</tr></thead><tbody>\n";
  for (const std::vector<std::string>& row : rows) {
    body_ += "<tr>";
    for (const std::string& text : row) body_ += fmt::format("<td>{}</td>", html_escaped(text));
    body_ += "</tr>\n";
  }
  body_ += "</tbody></table></div>\n";
}

void HtmlPage::refresh(int seconds) { refresh_ = seconds; }

void HtmlPage::download(const std::filesystem::path& file) {
  body_ += fmt::format("<p><a download=\"{0}\" href=\"{1}\">{0}</a></p>\n", name_of(file),
                       data_address(file, "application/octet-stream"));
}

void HtmlPage::folded_text(std::string_view title, std::string_view text) {
  body_ += fmt::format("<details><summary>{}</summary><pre>{}</pre></details>\n",
                       html_escaped(title), html_escaped(text));
}

void HtmlPage::folded_page(std::string_view title, std::string_view html) {
  body_ += fmt::format(
      "<details data-page><summary>{}</summary><script type=\"text/plain\">{}</script></details>\n",
      html_escaped(title), base64(as_bytes(html)));
}

std::string HtmlPage::html() const {
  const std::string title = html_escaped(title_);
  const std::string attributes =
      refresh_ > 0 ? fmt::format(" data-refresh=\"{}\"", refresh_) : std::string();
  return fmt::format(fmt::runtime(page_head), title, attributes, title) + body_ + page_tail;
}

void HtmlPage::write(const std::filesystem::path& path) const { write_file(path, html()); }

}  // namespace damo::io
