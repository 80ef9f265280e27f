#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include <damo/io/formats/csv.hpp>
#include <damo/io/pictures/html_page.hpp>
#include <damo/io/runs/record.hpp>

namespace damo::examples {

/// What a run's pictures show, by their names without the number at the end, and what its metrics
/// mean, by name: captions.json in its folder. Empty where there is none.
io::Record captions_of(const std::filesystem::path& run);
inline constexpr const char* captions_name = "captions.json";
/// The caption of that name; of one that has none, the name with spaces.
std::string caption_of(const io::Record& captions, const std::string& name);

/// What a run has learnt, from the files in its folder: curves, pictures, music. The page will
/// stand in `page_folder`.
void add_results(io::HtmlPage& page, const std::filesystem::path& run,
                 const std::filesystem::path& page_folder);

/// "rbm on fashion".
std::string title_of(const io::Record& run);
/// The text of that name in run.json, or nothing.
std::string text_of(const io::Record& run, std::string_view name);

}  // namespace damo::examples
