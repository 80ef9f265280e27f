#pragma once
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include <damo/graph/op.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/indexing/index_spec.hpp>
#include <damo/ops/kernels/movement/gather.hpp>

// What reading and changing the elements that index tensors name have in common.
namespace damo {

/// An index with tensors, and without elements.
IndexSpec read_advanced_index(OpText& text);

/// The type of what is selected of `x`, whose bounds and index tensors are `rest`.
TensorType infer_selected(const IndexSpec& index, const TensorType& x,
                          std::span<const TensorType> rest);

/// The sizes of what is selected, by those of the node's inputs, of which the bounds begin at
/// `first_bound`.
Vars selected_sizes(const IndexSpec& index, const Apply& node, const std::vector<Vars>& shapes,
                    std::size_t first_bound);

/// That positions are inside, and index tensors of one shape.
std::vector<Demand> selection_demands(const IndexSpec& index, const Apply& node,
                                      const std::vector<Vars>& shapes, std::size_t first_bound);

/// What a run works on: the named elements of `x`.
struct Selection {
  Selection(const IndexSpec& index, const Apply& node, const Tensor& x, TensorsIn in,
            std::size_t first);
  Selection(const Selection&) = delete;
  Selection& operator=(const Selection&) = delete;

  /// Throws ShapeError where `y` has not the shape of what is selected.
  void check_part(const Tensor& y) const;

  std::vector<std::size_t> axes;
  std::vector<Tensor> indices;
  Gathering gathering;
};

/// `op` of `operands` and of the node's inputs from `first` on.
Var apply_with_rest(std::shared_ptr<const Op> op, Vars operands, const Apply& node,
                    std::size_t first);

}  // namespace damo
