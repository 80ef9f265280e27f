#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include <damo/graph/errors/error.hpp>
#include <damo/io/runs/record.hpp>

namespace damo::io {

void Record::put(std::string_view name, Value value) {
  for (auto& [key, old] : values_) {
    if (key == name) {
      old = std::move(value);
      return;
    }
  }
  values_.emplace_back(std::string(name), std::move(value));
}

Record& Record::add(const Record& other) {
  for (const auto& [name, value] : other.values_) put(name, value);
  return *this;
}

const Record::Value* Record::find(std::string_view name) const {
  for (const auto& [key, value] : values_) {
    if (key == name) return &value;
  }
  return nullptr;
}

template <class T>
const T& Record::get(std::string_view name, std::string_view kind) const {
  const Value* value = find(name);
  if (value == nullptr) throw IoError(fmt::format("'{}' is missing", name));
  if (!std::holds_alternative<T>(*value)) throw IoError(fmt::format("'{}' is not {}", name, kind));
  return std::get<T>(*value);
}

bool Record::boolean(std::string_view name) const { return get<bool>(name, "true or false"); }
std::int64_t Record::integer(std::string_view name) const {
  return get<std::int64_t>(name, "a whole number");
}
double Record::number(std::string_view name) const {
  const Value* value = find(name);
  if (value != nullptr && std::holds_alternative<std::int64_t>(*value)) {
    return static_cast<double>(std::get<std::int64_t>(*value));
  }
  return get<double>(name, "a number");
}
const std::string& Record::text(std::string_view name) const {
  return get<std::string>(name, "a text");
}

std::string Record::to_json() const {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const auto& [name, value] : values_) {
    std::visit(
        [&json, &key = name](const auto& v) {
          if constexpr (std::is_same_v<std::decay_t<decltype(v)>, double>) {
            if (!std::isfinite(v)) {
              json[key] = fmt::format("{}", v);
              return;
            }
          }
          json[key] = v;
        },
        value);
  }
  // File names need not be UTF-8; what is not is replaced.
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

Record Record::parse(std::string_view json, std::string_view where) {
  constexpr int deepest = 1;
  bool nested = false;
  const auto shallow = [&](int depth, nlohmann::ordered_json::parse_event_t event,
                           nlohmann::ordered_json&) {
    using Event = nlohmann::ordered_json::parse_event_t;
    nested |= (event == Event::object_start || event == Event::array_start) && depth >= deepest;
    return !nested;
  };
  Record record;
  try {
    const auto tree = nlohmann::ordered_json::parse(json, shallow);
    if (nested || !tree.is_object())
      throw IoError(fmt::format("{}: not a flat JSON object", where));
    for (const auto& [name, value] : tree.items()) {
      if (value.is_boolean()) {
        record.set(name, value.get<bool>());
      } else if (value.is_number_integer()) {
        record.set(name, value.get<std::int64_t>());
      } else if (value.is_number()) {
        record.set(name, value.get<double>());
      } else if (value.is_string()) {
        record.set(name, value.get<std::string>());
      } else {
        throw IoError(
            fmt::format("{}: '{}' is neither number, text nor true or false", where, name));
      }
    }
  } catch (const nlohmann::json::exception& error) {
    throw IoError(fmt::format("{}: not JSON: {}", where, error.what()));
  }
  return record;
}

}  // namespace damo::io
