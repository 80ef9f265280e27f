#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include <damo/graph/errors/error.hpp>
#include <damo/io/runs/record.hpp>

namespace damo::io {

namespace {

/// Fills a record while the text is parsed, so that nesting is refused at once and no document is
/// in memory.
class FlatObject : public nlohmann::json_sax<nlohmann::json> {
 public:
  FlatObject(Record& record, std::string_view where) : record_(record), where_(where) {}

  bool null() override { fail_value("null"); }
  bool boolean(bool value) override { return set(value); }
  bool number_integer(number_integer_t value) override { return set(value); }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max()))
      fail_value(fmt::format("{}, which does not fit in 63 bits", value));
    return set(static_cast<std::int64_t>(value));
  }
  bool number_float(number_float_t value, const string_t&) override { return set(value); }
  bool string(string_t& value) override { return set(value); }
  bool binary(binary_t&) override { fail("not a flat JSON object"); }
  bool start_object(std::size_t) override {
    if (open_) fail("not a flat JSON object");
    return open_ = true;
  }
  bool key(string_t& name) override {
    name_ = name;
    return true;
  }
  bool end_object() override { return true; }
  bool start_array(std::size_t) override { fail("not a flat JSON object"); }
  bool end_array() override { return true; }
  bool parse_error(std::size_t, const std::string&,
                   const nlohmann::json::exception& error) override {
    fail(fmt::format("not JSON: {}", error.what()));
  }

 private:
  [[noreturn]] void fail(const std::string& reason) const {
    throw IoError(fmt::format("{}: {}", where_, reason));
  }
  [[noreturn]] void fail_value(const std::string& what) const {
    if (!open_) fail("not a flat JSON object");
    fail(fmt::format("'{}' is {}; a number, a text, true or false are possible", name_, what));
  }
  template <class T>
  bool set(const T& value) {
    if (!open_) fail("not a flat JSON object");
    record_.set(name_, value);
    return true;
  }

  Record& record_;
  std::string_view where_;
  std::string name_;
  bool open_ = false;
};

}  // namespace

void Record::put(std::string_view name, Value value) {
  const auto [at, is_new] = index_.try_emplace(std::string(name), values_.size());
  if (is_new) {
    values_.emplace_back(std::string(name), std::move(value));
  } else {
    values_[at->second].second = std::move(value);
  }
}

Record& Record::add(const Record& other) {
  if (&other == this) return *this;
  for (const auto& [name, value] : other.values_) put(name, value);
  return *this;
}

Record& Record::remove(std::string_view name) {
  const auto found = index_.find(name);
  if (found == index_.end()) return *this;
  const std::size_t at = found->second;
  index_.erase(found);
  values_.erase(values_.begin() + static_cast<std::ptrdiff_t>(at));
  for (auto& [key, position] : index_) position -= position > at ? 1 : 0;
  return *this;
}

const Record::Value* Record::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &values_[found->second].second;
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
  // Written member by member: nlohmann's object in insertion order is quadratic in its keys.
  const auto text = [](const auto& value) {
    // File names need not be UTF-8; what is not is replaced.
    return nlohmann::json(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  };
  std::string json = "{";
  for (const auto& [name, value] : values_) {
    json += fmt::format("{}\n  {}: ", json.size() > 1 ? "," : "", text(name));
    json += std::visit(
        [&](const auto& v) {
          if constexpr (std::is_same_v<std::decay_t<decltype(v)>, double>) {
            if (!std::isfinite(v)) return text(fmt::format("{}", v));
          }
          return text(v);
        },
        value);
  }
  return json + (values_.empty() ? "}\n" : "\n}\n");
}

Record Record::parse(std::string_view json, std::string_view where) {
  // The parser takes a zero byte for the end of the text.
  if (json.find('\0') != std::string_view::npos)
    throw IoError(fmt::format("{}: not JSON: there is a zero byte in it", where));
  Record record;
  FlatObject handler(record, where);
  nlohmann::json::sax_parse(json, &handler);
  return record;
}

}  // namespace damo::io
