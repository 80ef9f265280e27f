#include "support/report.hpp"

#include <fmt/format.h>

#include <damo/io/pictures/html_page.hpp>
#include <damo/optim/explain/explain_page.hpp>

#include "support/cli.hpp"
#include "support/pages/results.hpp"

namespace damo::examples {
namespace {

// The first calls plan buffers; those after them are profiled.
constexpr int first_profiled = 3, last_profiled = 60;
constexpr int refresh_seconds = 5;

/// Since its profile was started.
bool was_called(const Function& f) {
  return f.profile().find("no calls were profiled") == std::string::npos;
}

}  // namespace

void Report::end_profile() {
  if (function_ == nullptr || calls_ <= first_profiled || calls_ > last_profiled) return;
  if (was_called(*function_)) profile_ = function_->profile();
  function_->set_profiling(false);
}

void Report::next_batch() {
  if (function_ == nullptr || calls_ > last_profiled) return;
  if (calls_ == last_profiled) {
    if (was_called(*function_)) {
      end_profile();
    } else {  // other parts of the model are trained first
      calls_ = first_profiled + 1;
    }
  }
  if (calls_++ == first_profiled) function_->set_profiling(true);
}

void Report::write(const RunFolder& folder, bool live) {
  if (!live) end_profile();
  const io::Record info = folder.info();
  io::HtmlPage page(title_of(info));
  page.paragraph(text_of(info, "command"));
  if (live) {
    page.refresh(refresh_seconds);
    page.paragraph(fmt::format(
        "The run goes on: this page has its first {}, and is read again every {} seconds.",
        counted(info.integer("epochs_done"), "epoch"), refresh_seconds));
  }
  add_results(page, folder.path(), folder.path());
  page.heading("Settings");
  page.table(info);
  if (function_ != nullptr) {
    if (explained_.empty()) {
      explained_ = explain_page(function_->asked(), function_->graph(), function_->rewrites());
    }
    page.heading("The training function");
    page.folded_page("Its graph before and after rewriting, and each rule between", explained_);
    if (!profile_.empty()) page.folded_text("Where its time goes", profile_);
  }
  page.write(folder.output("report.html"));
}

}  // namespace damo::examples
