#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

#include <damo/graph/variables.hpp>
#include <damo/io/dataset.hpp>

namespace damo::examples {

/// Images in rows and their classes, as shared variables.
struct Examples {
  Examples(Array images, Array labels, const std::string& name);
  std::int64_t size() const { return y.value().elements(); }
  SharedVar x, y;
};

/// Throws IoError where the images have no classes.
void require_labels(const io::Dataset& data);
/// One more than the largest class of any part.
std::int64_t number_of_classes(const io::Dataset& data);
/// The part of `examples` whose most likely class is not theirs, in percent. `log_p` (n, classes)
/// is an expression of the images `x`.
double error_percent(const Var& log_p, const Var& x, const Examples& examples);
/// "best validation error 1.84 % in epoch 25, with a test error of 1.83 %", of a run's metrics.csv
/// from an epoch on: before it the classes were not trained.
std::string best_errors(const std::filesystem::path& metrics, std::int64_t from_epoch);

/// What the metrics of classifiers mean.
inline constexpr const char* validation_error_caption =
    "Per cent of validation images in a wrong class; lower is better. The best epoch by it is "
    "kept.";
inline constexpr const char* test_error_caption =
    "Per cent of test images in a wrong class; lower is better.";

}  // namespace damo::examples
