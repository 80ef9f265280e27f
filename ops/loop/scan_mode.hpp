#pragma once
#include <concepts>
#include <memory>
#include <string>
#include <typeinfo>

namespace damo {

/// How a loop's body is rewritten in place of how the function is: a `Mode` as a value, of which
/// ops know its text and which others equal it. One that was read from the text of a graph is only
/// that text, and equal to all that have it.
class ScanMode {
 public:
  ScanMode() = default;
  explicit ScanMode(std::string text) : text_(std::move(text)) {}
  template <class M>
  requires std::equality_comparable<M> && requires(const M& m) {
    { m.text() } -> std::convertible_to<std::string>;
  }
  ScanMode(const M& mode)
      : text_(mode.text()),
        value_(std::make_shared<const M>(mode)),
        type_(&typeid(M)),
        equal_([](const void* a, const void* b) {
          return *static_cast<const M*>(a) == *static_cast<const M*>(b);
        }) {}

  /// None: the body is rewritten as the function is.
  bool empty() const { return text_.empty(); }
  const std::string& text() const { return text_; }
  /// The value, or null when there is only its text.
  template <class M>
  const M* get() const {
    return value_ != nullptr && *type_ == typeid(M) ? static_cast<const M*>(value_.get()) : nullptr;
  }

  friend bool operator==(const ScanMode& a, const ScanMode& b) {
    if (a.text_ != b.text_) return false;
    if (a.value_ == nullptr || b.value_ == nullptr) return true;
    return *a.type_ == *b.type_ && a.equal_(a.value_.get(), b.value_.get());
  }

 private:
  std::string text_{};
  std::shared_ptr<const void> value_{};
  const std::type_info* type_ = nullptr;
  bool (*equal_)(const void*, const void*) = nullptr;
};

}  // namespace damo
