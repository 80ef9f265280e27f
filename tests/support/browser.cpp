#include <fmt/format.h>
#include <cstdio>
#include <memory>
#include <regex>

#include <damo/graph/errors/error.hpp>
#include <damo/io/files/atomic_file.hpp>
#include <damo/io/files/file.hpp>
#include "tests/support/browser.hpp"
#include "tests/support/files.hpp"

namespace damo::test {
namespace {

std::string file_text(const std::filesystem::path& path) {
  return std::string(io::as_text(io::read_file(path)));
}

std::string chromium() {
  for (const char* name : {"chromium", "chromium-browser", "google-chrome"}) {
    if (shell(fmt::format("command -v {} > /dev/null", name))) return name;
  }
  throw IoError("there is no Chromium here: install the package chromium");
}

std::string lines_with(const std::string& text, const std::string& mark) {
  std::string found;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    const std::string line = text.substr(from, end - from);
    if (line.find(mark) != std::string::npos) found += line + "\n";
    from = end + 1;
  }
  return found;
}

}  // namespace

BrowserPage browse(const std::filesystem::path& page, const std::string& fragment,
                   const BrowserView& view) {
  const TemporaryFolder folder;
  const std::string command = fmt::format(
      "timeout 120 {} --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run "
      "--user-data-dir='{}' --blink-settings=preferredColorScheme={} "
      "--host-resolver-rules='MAP * ~NOTFOUND' --enable-logging=stderr --virtual-time-budget=20000 "
      "--autoplay-policy=no-user-gesture-required "
      "--dump-dom 'file://{}#{}' > '{}' 2> '{}'",
      chromium(), (folder / "profile").string(), view.dark ? 0 : 1,
      std::filesystem::absolute(page).string(), fragment, (folder / "dom").string(),
      (folder / "log").string());
  if (!shell(command)) throw IoError("chromium: " + file_text(folder / "log"));
  return {file_text(folder / "dom"), lines_with(file_text(folder / "log"), "CONSOLE")};
}

BrowserPage browse_and_run(const std::filesystem::path& page, const std::string& script,
                           const BrowserView& view) {
  const TemporaryFolder folder;
  std::string text = file_text(page);
  const std::size_t end = text.rfind("</body>");
  if (end == std::string::npos) throw IoError(page.string() + ": has no </body>");
  text.insert(end,
              "<script>\nfunction tell(answer) { document.body.dataset.answer = answer; "
              "parent.postMessage(answer, '*'); }\n" +
                  script + "\n</script>");
  io::write_file(folder / "page.html", text);
  if (view.width == 0) return browse(folder / "page.html", "", view);
  io::write_file(
      folder / "frame.html",
      fmt::format("<body><iframe src=\"page.html\" style=\"width: {}px; height: 700px; border: 0\">"
                  "</iframe><script>onmessage = event => {{ document.body.dataset.answer = "
                  "event.data; }};</script></body>",
                  view.width));
  return browse(folder / "frame.html", "", view);
}

std::string text_of_element(const std::string& dom, const std::string& id) {
  const std::size_t open = dom.find(" id=\"" + id + "\"");
  if (open == std::string::npos) return "";
  const std::size_t name = dom.rfind('<', open) + 1;
  const std::string tag = dom.substr(name, dom.find_first_of(" >", name) - name);
  const std::size_t begin = dom.find('>', open) + 1;
  std::size_t end = begin;
  for (int depth = 1; depth > 0; ++end) {
    end = dom.find('<', end);
    if (end == std::string::npos) return "";
    if (dom.compare(end, tag.size() + 1, "<" + tag) == 0) ++depth;
    if (dom.compare(end, tag.size() + 2, "</" + tag) == 0) --depth;
  }
  return std::regex_replace(dom.substr(begin, end - 1 - begin), std::regex("<[^>]*>"), "");
}

std::string body_attribute(const std::string& dom, const std::string& name) {
  const std::size_t body = dom.find("<body");
  if (body == std::string::npos) return "";
  const std::string tag = dom.substr(body, dom.find('>', body) - body);
  const std::size_t at = tag.find(" " + name + "=\"");
  if (at == std::string::npos) return "";
  const std::size_t begin = at + name.size() + 3;
  return tag.substr(begin, tag.find('"', begin) - begin);
}

}  // namespace damo::test
