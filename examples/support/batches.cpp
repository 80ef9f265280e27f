#include "support/batches.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <utility>

#include <damo/damo.hpp>
#include <damo/graph/errors/error.hpp>
#include <damo/models/rnn_rbm.hpp>

namespace damo::examples {
namespace {

// `rows` rows: those of `array`, then its first ones again.
Array filled_up(Array array, std::int64_t rows) {
  const std::int64_t n = array.shape()[0];
  if (n == rows) return array;
  Shape shape = array.shape();
  shape[0] = rows;
  Array filled(array.dtype(), shape);
  std::memcpy(filled.raw(), array.raw(), array.bytes());
  std::memcpy(filled.raw() + array.bytes(), array.raw(), filled.bytes() - array.bytes());
  return filled;
}

/// Images in whole numbers of `unit`, where these are bytes.
std::optional<Array> in_bytes(const Array& images, double unit) {
  if (images.dtype() != float32) return std::nullopt;
  Array bytes(uint8, images.shape());
  auto* to = bytes.data<std::uint8_t>();
  const float* from = images.data<float>();
  for (std::int64_t i = 0; i < images.elements(); ++i) {
    const double units = from[i] / unit;
    if (!(units >= 0 && units <= 255 && units == std::floor(units)) || std::signbit(from[i]))
      return std::nullopt;
    to[i] = static_cast<std::uint8_t>(units);
  }
  return bytes;
}

std::int64_t checked_count(std::int64_t images, std::int64_t batch) {
  if (images < batch) {
    throw ShapeError(
        fmt::format("training: there is not a single full batch of data: --batch {} "
                    "is more than the {} {}",
                    batch, images, images == 1 ? "image" : "images"));
  }
  return (images + batch - 1) / batch;
}

}  // namespace

Batches::Batches(Array images, const Array& labels, const TrainingOptions& o)
    : size_(images.shape()[0]),
      batch_(o.batch),
      count_(checked_count(size_, o.batch)),
      seed_(static_cast<std::uint64_t>(o.seed)),
      shuffle_(o.shuffle) {
  const std::int64_t rows = shuffle_ ? size_ : count_ * batch_;
  for (const double unit : {1.0 / 256, 1.0}) {
    if (auto bytes = in_bytes(images, unit)) {
      images = *std::move(bytes);
      unit_ = unit;
      break;
    }
  }
  images_ = shared(filled_up(std::move(images), rows), "train_x");
  if (labels.rank() == 1 && labels.elements() > 0)
    labels_ = shared(filled_up(labels, rows), "train_y");
  if (shuffle_) order_ = shared(Array(int64, Shape{count_ * batch_}), "order");
}

Var Batches::rows(const SharedVar& of, const Var& index) const {
  const auto batch = range(index * batch_, (index + 1) * batch_);
  if (shuffle_) return of[order_[batch]];
  return of.ndim() == 1 ? of[batch] : of(batch, all());
}

Var Batches::as_floats(const Var& images) const {
  return unit_ == 0 ? images : cast(images, float32) * unit_;
}

Var Batches::images(const Var& index) const { return as_floats(rows(images_, index)); }
Var Batches::labels(const Var& index) const { return rows(labels_, index); }

Var Batches::all_images() const {
  const bool filled = images_.value().shape()[0] > size_;
  return as_floats(filled ? images_[range(0, size_)] : Var(images_));
}

void Batches::set_epoch(std::int64_t epoch) {
  if (!shuffle_ || epoch == epoch_) return;
  epoch_ = epoch;
  const std::vector<std::size_t> shuffled =
      models::epoch_order(static_cast<std::size_t>(size_), seed_, epoch);
  Array order(int64, Shape{count_ * batch_});
  for (std::int64_t i = 0; i < count_ * batch_; ++i) {
    order.data<std::int64_t>()[i] =
        static_cast<std::int64_t>(shuffled[static_cast<std::size_t>(i % size_)]);
  }
  order_.set_array(std::move(order));
}

io::Record Batches::info() const {
  io::Record record;
  record.set("batches", count_).set("order", shuffle_ ? "shuffled" : "as in the data");
  const std::int64_t again = count_ * batch_ - size_;
  if (again > 0) {
    record.set("last_batch", fmt::format("filled up with the first {} {}", again,
                                         again == 1 ? "image" : "images"));
  }
  return record;
}

}  // namespace damo::examples
