#include "support/images/classes.hpp"

#include <fmt/format.h>

#include <algorithm>

#include <damo/damo.hpp>
#include <damo/graph/errors/error.hpp>
#include <damo/io/formats/csv.hpp>

namespace damo::examples {

Examples::Examples(Array images, Array labels, const std::string& name)
    : x(shared(std::move(images), name + "_x")), y(shared(std::move(labels), name + "_y")) {}

void require_labels(const io::Dataset& data) {
  if (data.train_labels.elements() == data.train.shape()[0]) return;
  throw IoError(
      fmt::format("{}: the images have no classes, which this program learns: folders of PNG, a "
                  "column 'label', y in an npz or a file of labels beside the images have them; "
                  "rbm, da and new_energy_model do without",
                  data.source));
}

std::int64_t number_of_classes(const io::Dataset& data) {
  std::int64_t largest = 0;
  for (const Array* labels : {&data.train_labels, &data.valid_labels, &data.test_labels}) {
    for (const std::int64_t label : labels->values<std::int64_t>())
      largest = std::max(largest, label);
  }
  return largest + 1;
}

double error_percent(const Var& log_p, const Var& x, const Examples& examples) {
  const Var wrong = neq(argmax(log_p, 1), examples.y);
  Function f = function({}, {mean(cast(wrong, floatX()))}, {.givens = {{x, examples.x}}});
  return 100 * f().scalar<double>(0);
}

std::string best_errors(const std::filesystem::path& metrics, std::int64_t from_epoch) {
  const io::CsvTable table = io::read_csv(metrics);
  const std::vector<double> valid = table.column("validation_error");
  const std::int64_t from = std::min(from_epoch, static_cast<std::int64_t>(valid.size())) - 1;
  const auto best = std::min_element(valid.begin() + from, valid.end()) - valid.begin();
  const auto at = static_cast<std::size_t>(best);
  return fmt::format("best validation error {:.2f} % in epoch {}, with a test error of {:.2f} %",
                     valid[at], best + 1, table.column("test_error")[at]);
}

}  // namespace damo::examples
