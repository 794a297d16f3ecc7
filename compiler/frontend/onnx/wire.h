// Protobuf's wire format, read in place: a message is a row of (field number, wire type, payload).
//
// Strings, bytes and nested messages are views of the input, so that tensors of a mapped file need no copy;
// no library of the host's can clash with it. Every length is checked; what does not add up throws
// leat::Error (data_loss) with the message type and the byte. A reader is for one thread and borrows its
// bytes.
//
//   WireReader r(bytes, "NodeProto");
//   while (r.Next()) {
//     if (r.field() == 3) node.name = r.Bytes();     // unknown fields are skipped
//   }
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace leat::onnx {

class WireReader {
 public:
  /// `base` is where the input begins in the file, for messages.
  WireReader(std::string_view bytes, std::string_view message, const char* base = nullptr)
      : rest_(bytes), message_(message), base_(base != nullptr ? base : bytes.data()) {}

  /// Moves to the next field; false at the end.
  bool Next();
  std::uint32_t field() const { return field_; }

  // The payload of the field at hand; throws where the wire type is another one.
  std::string_view Bytes() const;
  std::int64_t Integer() const;
  float Float() const;
  double Double() const;
  WireReader Message(std::string_view name) const { return {Bytes(), name, base_}; }

  // Appends the elements of a repeated field, packed or one by one.
  void Append(std::vector<std::int64_t>* to) const;
  void Append(std::vector<float>* to) const;
  void Append(std::vector<double>* to) const;

  [[noreturn]] void Fail(std::string_view what) const;

 private:
  enum class Type : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };
  static bool ReadVarint(std::string_view& from, std::uint64_t* value);
  void Expect(Type type) const;
  template <class T>
  void AppendFixed(std::vector<T>* to, Type type) const;

  std::string_view rest_;
  std::string_view message_;
  const char* base_;
  std::uint32_t field_ = 0;
  Type type_ = Type::varint;
  std::uint64_t number_ = 0;  // varint, fixed32, fixed64
  std::string_view bytes_;
};

}  // namespace leat::onnx
