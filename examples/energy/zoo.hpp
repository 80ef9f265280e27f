#pragma once
#include <functional>
#include <string>
#include <vector>

#include <damo/core.hpp>
#include <damo/io.hpp>

// What an entry of the zoo is. Every file of this folder needs Damo as it is installed, and the
// headers beside it: copy one with them, and go on from there.
namespace damo::zoo {

/// A model small enough to be checked by enumeration.
struct SmallModel {
  energy::EnergyModel model;
  /// Values for inputs other than units.
  std::vector<std::pair<Var, Array>> inputs{};
};

/// Where digits come from: MNIST where it is found and made ones elsewhere, MNIST or an error,
/// made.
enum class DigitsOf { found, mnist, made };

/// How a model is to be trained.
struct Setting {
  /// On little, made data for a second or two, as the tests do.
  bool quick = false;
  DigitsOf digits = DigitsOf::found;
  std::uint64_t seed = 1;
  std::int64_t steps(std::int64_t full, std::int64_t few) const { return quick ? few : full; }
};

/// A number that training is held to, and the one it has to be compared with.
struct Figure {
  std::string what;
  double value;
  std::string beside_what;  ///< "untrained", "chance"
  double beside;
};

/// What training leaves.
struct Learnt {
  std::string data;  ///< what it learnt from
  std::vector<Figure> figures;
  io::Picture picture;
  double compile_ms = 0;  ///< processor time from the energy to the training function
  std::string note{};     ///< how sure the first figure is, where it is an estimate
};

/// A model that the literature knows, under the name by which the program knows it.
struct Entry {
  std::string name;
  std::string what;  ///< in a line, with its source
  SmallModel (*small)(DType dtype);
  Learnt (*learn)(const Setting& setting);
  /// Of a model that has no conditionals to check: a check of its own.
  energy::Report (*own_check)(const SmallModel& small) = nullptr;
};

/// Holds an entry's small model against its energy.
energy::Report check(const Entry& entry, DType dtype);

/// All of them.
std::vector<Entry> entries();

}  // namespace damo::zoo
