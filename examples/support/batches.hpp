#pragma once
#include <cstdint>

#include <damo/graph/variables.hpp>
#include <damo/io/runs/record.hpp>

#include "support/training_options.hpp"

namespace damo::examples {

/// Training images, and their classes where there are any, as batches of one size that use every
/// image: the last batch of an epoch is filled up with the epoch's first images. With --shuffle
/// each epoch has an order of its own, which seed and epoch decide. Gray levels that are whole
/// numbers of 1/256, as the data sets have them, or 0 and 1, are held in bytes, a quarter of the
/// memory, and made floats again batch by batch, bit for bit.
class Batches {
 public:
  /// `images` (n, pixels), `labels` (n,) or without an element. Throws ShapeError when there are
  /// fewer images than a batch has.
  Batches(Array images, const Array& labels, const TrainingOptions& options);

  /// Batches in an epoch.
  std::int64_t count() const { return count_; }
  /// The images of batch number `index`, an int64 scalar: (batch, pixels), and their classes.
  Var images(const Var& index) const;
  Var labels(const Var& index) const;
  /// All images, each once, in the order of the data.
  Var all_images() const;
  /// To be called before the batches of an epoch (from 0).
  void set_epoch(std::int64_t epoch);
  /// What run.json says: batches, order, how the last one is filled.
  io::Record info() const;

 private:
  Var rows(const SharedVar& of, const Var& index) const;

  Var as_floats(const Var& images) const;

  std::int64_t size_, batch_, count_;
  std::uint64_t seed_;
  bool shuffle_;
  std::int64_t epoch_ = -1;
  double unit_ = 0;  ///< of a byte; 0 where images are not held in bytes
  SharedVar images_, labels_, order_;
};

}  // namespace damo::examples
