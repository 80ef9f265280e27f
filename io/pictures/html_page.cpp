#include <fmt/format.h>

#include <damo/io/files/atomic_file.hpp>
#include <damo/io/pictures/html_page.hpp>

namespace damo::io {
namespace {

constexpr const char* head = R"html(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{}</title><style>
:root {{ color-scheme: light dark; --back: #fff; --soft: #f3f4f6; --line: #cfd4dc; --text: #1d2430; --faint: #667085; }}
@media (prefers-color-scheme: dark) {{ :root {{ --back: #14181f; --soft: #1e242e; --line: #3a4352; --text: #e6e9ef; --faint: #98a2b3; }} }}
body {{ font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back); max-width: 64rem; margin: 0 auto; padding: 1.2rem 1.5rem 4rem; }}
h1 {{ font-size: 1.6rem; margin: 0 0 .2rem; }} h2 {{ font-size: 1.15rem; margin: 2rem 0 .6rem; padding-top: .8rem; border-top: 1px solid var(--line); }}
.faint {{ color: var(--faint); }}
dl {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(19rem, 1fr)); gap: 0 1.6rem; margin: 0; }}
dl div {{ display: flex; justify-content: space-between; gap: 1rem; border-bottom: 1px solid var(--soft); padding: .15rem 0; }}
dt {{ color: var(--faint); white-space: nowrap; }} dd {{ margin: 0; text-align: right; overflow-wrap: anywhere; }}
.wide {{ grid-column: 1 / -1; }}
figure {{ margin: .6rem 0; }} figcaption {{ color: var(--faint); font-size: .9rem; margin: .2rem 0; }}
.row {{ display: flex; flex-wrap: wrap; gap: 1.2rem; align-items: flex-start; }}
img {{ max-width: 100%; border-radius: 4px; }} input[type=range] {{ width: 16rem; vertical-align: middle; }}
svg {{ width: 100%; max-width: 56rem; height: auto; }} svg text {{ fill: var(--text); font-size: 13px; }}
svg .grid {{ stroke: var(--line); stroke-width: .6; }} svg .axis {{ stroke: var(--faint); }} svg polyline {{ fill: none; stroke-width: 2; }}
summary {{ cursor: pointer; padding: .4rem 0; }} pre {{ background: var(--soft); border-radius: 6px; padding: .8rem; overflow: auto; font-size: 12.5px; line-height: 1.45; }}
iframe {{ width: 100%; height: 46rem; border: 1px solid var(--line); border-radius: 6px; }}
a {{ color: inherit; }}
</style></head><body>
<h1>{}</h1>
)html";

constexpr const char* tail = R"html(<script>
'use strict';
window.onerror = message => { document.body.dataset.error = message; };
// Of several pictures the slider's is shown.
document.querySelectorAll('figure[data-several]').forEach(figure => {
  const images = figure.querySelectorAll('img'), slider = figure.querySelector('input'), name = figure.querySelector('output');
  const show = () => { images.forEach((image, i) => { image.hidden = i !== +slider.value; }); name.textContent = images[+slider.value].alt; };
  slider.oninput = show;
  show();
});
// A page within the page is made when it is wanted.
document.querySelectorAll('details[data-page]').forEach(details => {
  details.ontoggle = () => {
    if (!details.open || details.querySelector('iframe')) return;
    const bytes = Uint8Array.from(atob(details.querySelector('script').textContent), c => c.charCodeAt(0));
    const frame = document.createElement('iframe');
    frame.srcdoc = new TextDecoder().decode(bytes);
    frame.title = details.querySelector('summary').textContent;
    details.append(frame);
  };
});
document.body.dataset.ready = 'yes';
</script></body></html>
)html";

constexpr std::size_t long_value = 28;  // such a one has a line of its own

std::string data_address(const std::filesystem::path& file, std::string_view type) {
  return fmt::format("data:{};base64,{}", type, base64(read_file(file)));
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
  body_ += fmt::format("<figure>{}</figure>\n", svg_plot(series, options));
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
    body_ += fmt::format("<img alt=\"{}\" src=\"{}\">\n", name_of(file),
                         data_address(file, "image/png"));
  }
  body_ += "</figure>\n";
}

void HtmlPage::sound(const std::filesystem::path& file) {
  body_ += fmt::format(
      "<figure><figcaption>{}</figcaption><audio controls src=\"{}\"></audio>"
      "</figure>\n",
      name_of(file), data_address(file, "audio/wav"));
}

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
  return fmt::format(fmt::runtime(head), title, title) + body_ + tail;
}

void HtmlPage::write(const std::filesystem::path& path) const { write_file(path, html()); }

}  // namespace damo::io
