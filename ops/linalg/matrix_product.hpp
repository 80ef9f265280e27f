#pragma once

namespace damo {

/// What ops have for a second base that multiply matrices: profiles count their time together.
struct MatrixProduct {
  friend bool operator==(const MatrixProduct&, const MatrixProduct&) = default;
};

}  // namespace damo
