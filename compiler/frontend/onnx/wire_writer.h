// Protobuf's wire format, written: the other side of wire.h.
//
//   WireWriter node;
//   node.Bytes(4, "Relu").Message(5, attribute);
//   std::string bytes = std::move(node).Take();
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace leat::onnx {

class WireWriter {
 public:
  WireWriter& Integer(std::uint32_t field, std::int64_t value) {
    Varint(field << 3);
    Varint(static_cast<std::uint64_t>(value));
    return *this;
  }
  WireWriter& Bytes(std::uint32_t field, std::string_view bytes) {
    Varint(field << 3 | 2);
    Varint(bytes.size());
    bytes_.append(bytes);
    return *this;
  }
  WireWriter& Message(std::uint32_t field, const WireWriter& message) { return Bytes(field, message.bytes_); }
  std::size_t size() const { return bytes_.size(); }
  std::string Take() && { return std::move(bytes_); }

 private:
  void Varint(std::uint64_t v) {
    for (; v >= 0x80; v >>= 7) bytes_.push_back(static_cast<char>(v | 0x80));
    bytes_.push_back(static_cast<char>(v));
  }
  std::string bytes_;
};

}  // namespace leat::onnx
