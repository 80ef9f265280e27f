#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace damo::io {

/// A flat JSON object in the order it was filled: what run.json and a checkpoint's metadata hold.
class Record {
 public:
  using Value = std::variant<bool, std::int64_t, double, std::string>;

  /// Adds a value or replaces the one of that name.
  template <class T>
  Record& set(std::string_view name, const T& value) {
    if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, double>) {
      put(name, value);
    } else if constexpr (std::is_integral_v<T>) {
      put(name, static_cast<std::int64_t>(value));
    } else if constexpr (std::is_floating_point_v<T>) {
      put(name, static_cast<double>(value));
    } else {
      put(name, std::string(value));
    }
    return *this;
  }
  /// Sets all values of another record.
  Record& add(const Record& other);
  /// Takes a value out, if it is there.
  Record& remove(std::string_view name);
  bool has(std::string_view name) const { return find(name) != nullptr; }
  /// Throw IoError naming the value when it is missing or of another kind. A whole number also
  /// reads as a double.
  bool boolean(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;
  double number(std::string_view name) const;
  const std::string& text(std::string_view name) const;

  const std::vector<std::pair<std::string, Value>>& values() const { return values_; }

  /// JSON, a name a line. Infinities and NaN are written as strings, which JSON's numbers lack.
  std::string to_json() const;
  /// Parses a flat JSON object; of a name that stands twice the last value holds. Anything else,
  /// also text after the object and whole numbers beyond 63 bits, is an IoError whose message
  /// begins with `where`.
  static Record parse(std::string_view json, std::string_view where);

 private:
  void put(std::string_view name, Value value);
  const Value* find(std::string_view name) const;
  template <class T>
  const T& get(std::string_view name, std::string_view kind) const;

  std::vector<std::pair<std::string, Value>> values_;
  std::map<std::string, std::size_t, std::less<>> index_;  // of a name in values_
};

}  // namespace damo::io
