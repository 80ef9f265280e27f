#pragma once
#include <filesystem>
#include <string>

namespace damo::test {

/// What a headless Chromium makes of a page.
struct BrowserPage {
  std::string dom;     ///< the document after its scripts have run
  std::string errors;  ///< what scripts failed with; empty when none did
};
/// Opens an HTML file; `fragment` is what follows '#'. Throws IoError when there is no Chromium or
/// it does not end well.
BrowserPage browse(const std::filesystem::path& page, const std::string& fragment = "");
/// The same after running a further script at the page's end, as a user's clicks would.
BrowserPage browse_and_run(const std::filesystem::path& page, const std::string& script);

/// The text of the first element with that id, without tags; empty when there is none.
std::string text_of_element(const std::string& dom, const std::string& id);
/// The value of an attribute of the body.
std::string body_attribute(const std::string& dom, const std::string& name);

}  // namespace damo::test
