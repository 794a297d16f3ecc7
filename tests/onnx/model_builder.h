// ONNX models as bytes, for tests: protobuf's wire format written by hand.
//
//   const std::string bytes = model({node("Relu", {"x"}, {"y"})}, {input("x", kF32, {"n", "2"})},
//   {output("y")});
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace leat::onnx::test {

class Message {
 public:
  Message& Int(std::uint32_t field, std::int64_t value) {
    Varint(field << 3);
    Varint(static_cast<std::uint64_t>(value));
    return *this;
  }
  Message& Text(std::uint32_t field, std::string_view text) {
    Varint(field << 3 | 2);
    Varint(text.size());
    bytes_ += text;
    return *this;
  }
  Message& Add(std::uint32_t field, const Message& m) { return Text(field, m.bytes_); }
  Message& Float(std::uint32_t field, float value) {
    Varint(field << 3 | 5);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  void Varint(std::uint64_t v) {
    for (; v >= 0x80; v >>= 7) bytes_ += static_cast<char>(v | 0x80);
    bytes_ += static_cast<char>(v);
  }
  std::string bytes_;
};

inline constexpr int kF32 = 1, kU8 = 2, kI32 = 6, kI64 = 7, kString = 8, kBool = 9;
using Names = std::vector<std::string>;

inline Message int_attribute(std::string_view name, std::int64_t value) {
  return Message().Text(1, name).Int(3, value).Int(20, 2);
}
inline Message ints_attribute(std::string_view name, const std::vector<std::int64_t>& values) {
  Message m;
  m.Text(1, name);
  for (const std::int64_t v : values) m.Int(8, v);
  return m.Int(20, 7);
}
inline Message float_attribute(std::string_view name, float value) {
  return Message().Text(1, name).Float(2, value).Int(20, 1);
}
inline Message text_attribute(std::string_view name, std::string_view value) {
  return Message().Text(1, name).Text(4, value).Int(20, 3);
}
inline Message graph_attribute(std::string_view name, const Message& graph) {
  return Message().Text(1, name).Add(6, graph).Int(20, 5);
}
inline Message tensor_attribute(std::string_view name, const Message& tensor) {
  return Message().Text(1, name).Add(5, tensor).Int(20, 4);
}

inline Message node(std::string_view op, const Names& inputs, const Names& outputs,
                    const std::vector<Message>& attributes = {}, std::string_view name = "",
                    std::string_view domain = "") {
  Message m;
  for (const std::string& i : inputs) m.Text(1, i);
  for (const std::string& o : outputs) m.Text(2, o);
  if (!name.empty()) m.Text(3, name);
  m.Text(4, op);
  for (const Message& a : attributes) m.Add(5, a);
  if (!domain.empty()) m.Text(7, domain);
  return m;
}

template <class T>
Message tensor(std::string_view name, int type, const std::vector<std::int64_t>& dims,
               const std::vector<T>& values) {
  Message m;
  for (const std::int64_t d : dims) m.Int(1, d);
  m.Int(2, type).Text(8, name);
  return m.Text(9, {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)});
}

/// A dimension is a number or the name of a symbol.
inline Message value(std::string_view name, int type, const Names& dims) {
  Message shape;
  for (const std::string& d : dims) {
    const bool number = !d.empty() && (d[0] == '-' || (d[0] >= '0' && d[0] <= '9'));
    shape.Add(1, number ? Message().Int(1, std::stoll(d)) : Message().Text(2, d));
  }
  return Message().Text(1, name).Add(2, Message().Add(1, Message().Int(1, type).Add(2, shape)));
}
inline Message output(std::string_view name) {
  return Message().Text(1, name).Add(2, Message().Add(1, Message()));
}

inline Message graph(const std::vector<Message>& nodes, const std::vector<Message>& inputs,
                     const std::vector<Message>& outputs, const std::vector<Message>& initializers = {}) {
  Message g;
  for (const Message& n : nodes) g.Add(1, n);
  g.Text(2, "g");
  for (const Message& t : initializers) g.Add(5, t);
  for (const Message& v : inputs) g.Add(11, v);
  for (const Message& v : outputs) g.Add(12, v);
  return g;
}

inline Message opset(std::int64_t version, std::string_view domain = "") {
  return Message().Text(1, domain).Int(2, version);
}
inline Message function(std::string_view name, std::string_view domain, const Names& inputs,
                        const Names& outputs, const Names& attributes, const std::vector<Message>& nodes) {
  Message f;
  f.Text(1, name);
  for (const std::string& i : inputs) f.Text(4, i);
  for (const std::string& o : outputs) f.Text(5, o);
  for (const std::string& a : attributes) f.Text(6, a);
  for (const Message& n : nodes) f.Add(7, n);
  return f.Add(9, opset(17)).Text(10, domain);
}

inline Message model_of(const Message& g, std::int64_t version = 17,
                        const std::vector<Message>& functions = {}) {
  Message m;
  m.Int(1, 8).Text(2, "a test").Add(7, g);
  m.Add(14, Message().Text(1, "author").Text(2, "nobody"));
  for (const Message& f : functions) m.Add(25, f);
  return m.Add(8, opset(version));
}
inline std::string model(const std::vector<Message>& nodes, const std::vector<Message>& inputs,
                         const std::vector<Message>& outputs, const std::vector<Message>& initializers = {},
                         std::int64_t version = 17) {
  return model_of(graph(nodes, inputs, outputs, initializers), version).bytes();
}

}  // namespace leat::onnx::test
