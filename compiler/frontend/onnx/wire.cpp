#include "compiler/frontend/onnx/wire.h"

#include <bit>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "leat/status.h"

namespace leat::onnx {

bool WireReader::ReadVarint(std::string_view& from, std::uint64_t* value) {
  std::uint64_t v = 0;
  for (int i = 0; i < 10 && static_cast<std::size_t>(i) < from.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(from[static_cast<std::size_t>(i)]);
    v |= static_cast<std::uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      from.remove_prefix(static_cast<std::size_t>(i) + 1);
      *value = v;
      return true;
    }
  }
  return false;
}

bool WireReader::Next() {
  if (rest_.empty()) return false;
  std::uint64_t tag = 0;
  if (!ReadVarint(rest_, &tag) || (tag >> 3) == 0 || (tag >> 3) > 0x1fffffff) Fail("a broken field number");
  field_ = static_cast<std::uint32_t>(tag >> 3);
  const auto type = static_cast<std::uint32_t>(tag & 7);
  if (type != 0 && type != 1 && type != 2 && type != 5) {
    Fail(absl::StrCat("field ", field_, " has the unknown wire type ", type));
  }
  type_ = static_cast<Type>(type);
  if (type_ == Type::varint) {
    if (!ReadVarint(rest_, &number_)) Fail(absl::StrCat("field ", field_, " is cut off"));
    return true;
  }
  std::uint64_t length = type_ == Type::fixed32 ? 4 : 8;
  if (type_ == Type::bytes && !ReadVarint(rest_, &length))
    Fail(absl::StrCat("field ", field_, " is cut off"));
  if (length > rest_.size()) {
    Fail(absl::StrCat("field ", field_, " of ", length, " bytes is cut off after ", rest_.size()));
  }
  bytes_ = rest_.substr(0, length);
  rest_.remove_prefix(length);
  if (type_ != Type::bytes) {
    number_ = 0;
    std::memcpy(&number_, bytes_.data(), length);
  }
  return true;
}

void WireReader::Expect(Type type) const {
  if (type_ != type) {
    Fail(absl::StrCat("field ", field_, " has wire type ", static_cast<int>(type_), ", not ",
                      static_cast<int>(type)));
  }
}

std::string_view WireReader::Bytes() const {
  Expect(Type::bytes);
  return bytes_;
}
std::int64_t WireReader::Integer() const {
  Expect(Type::varint);
  return static_cast<std::int64_t>(number_);
}
float WireReader::Float() const {
  Expect(Type::fixed32);
  return std::bit_cast<float>(static_cast<std::uint32_t>(number_));
}
double WireReader::Double() const {
  Expect(Type::fixed64);
  return std::bit_cast<double>(number_);
}

void WireReader::Append(std::vector<std::int64_t>* to) const {
  if (type_ != Type::bytes) {
    to->push_back(Integer());
    return;
  }
  std::string_view rest = bytes_;
  while (!rest.empty()) {
    std::uint64_t v = 0;
    if (!ReadVarint(rest, &v)) Fail(absl::StrCat("the packed field ", field_, " is cut off"));
    to->push_back(static_cast<std::int64_t>(v));
  }
}

template <class T>
void WireReader::AppendFixed(std::vector<T>* to, Type type) const {
  if (type_ != Type::bytes) {
    Expect(type);
    T v;
    std::memcpy(&v, bytes_.data(), sizeof v);
    to->push_back(v);
    return;
  }
  if (bytes_.size() % sizeof(T) != 0) Fail(absl::StrCat("the packed field ", field_, " is cut off"));
  const std::size_t before = to->size();
  to->resize(before + bytes_.size() / sizeof(T));
  if (!bytes_.empty()) std::memcpy(to->data() + before, bytes_.data(), bytes_.size());
}
void WireReader::Append(std::vector<float>* to) const { AppendFixed(to, Type::fixed32); }
void WireReader::Append(std::vector<double>* to) const { AppendFixed(to, Type::fixed64); }

void WireReader::Fail(std::string_view what) const {
  throw Error(Status(Code::data_loss,
                     absl::StrCat("not a valid ONNX file: ", absl::string_view(what.data(), what.size()),
                                  " (", absl::string_view(message_.data(), message_.size()), " at byte ",
                                  rest_.data() - base_, ")")));
}

}  // namespace leat::onnx
