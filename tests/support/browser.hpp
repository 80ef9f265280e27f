#pragma once
#include <filesystem>
#include <string>

namespace damo::test {

/// What a headless Chromium makes of a page.
struct BrowserPage {
  std::string dom;     ///< the document after its scripts have run
  std::string errors;  ///< what scripts failed with; empty when none did
};
/// What the page is shown on: so many pixels wide (0: a desktop's), by a reader who likes it dark.
struct BrowserView {
  int width = 0;
  bool dark = false;
};
/// Opens an HTML file; `fragment` is what follows '#'. Throws IoError when there is no Chromium or
/// it does not end well.
BrowserPage browse(const std::filesystem::path& page, const std::string& fragment = "",
                   const BrowserView& view = {});
/// The same after running a further script at the page's end, as a user's clicks would; what it
/// calls `tell(text)` with is the attribute data-answer of the document's body, which is that of a
/// frame around the page when it is not as wide as the window.
BrowserPage browse_and_run(const std::filesystem::path& page, const std::string& script,
                           const BrowserView& view = {});

/// The text of the first element with that id, without tags; empty when there is none.
std::string text_of_element(const std::string& dom, const std::string& id);
/// The value of an attribute of the body.
std::string body_attribute(const std::string& dom, const std::string& name);

}  // namespace damo::test
