// An ONNX model as its messages say it: the structures of onnx.proto, with views of the file's bytes.
//
// Names are those of onnx.proto; fields that mean nothing to running a model are not kept. Nothing here is
// checked beyond the wire format and the budgets: what a message claims (dims, counts, names) is looked at
// where it is used. Views are valid as long as the bytes that were read.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "leat/status.h"

namespace leat::onnx {

/// TensorProto.DataType.
enum class ElementType : std::int32_t {
  undefined,
  f32,
  u8,
  i8,
  u16,
  i16,
  i32,
  i64,
  string,
  boolean,
  f16,
  f64,
  u32,
  u64,
  complex64,
  complex128,
  bf16
};

struct TensorProto {
  std::string_view name;
  std::vector<std::int64_t> dims;
  std::int32_t data_type = 0;
  bool has_raw = false, is_external = false;
  std::string_view raw_data;
  std::vector<float> float_data;
  std::vector<double> double_data;
  std::vector<std::int64_t> int_data;  // int32_data, int64_data and uint64_data
  std::vector<std::string_view> string_data;
  std::vector<std::pair<std::string_view, std::string_view>> external_data;
};

struct SparseTensorProto {
  TensorProto values, indices;
  std::vector<std::int64_t> dims;
};

struct TypeProto {
  enum class Kind : std::uint8_t { none, tensor, sequence, map, optional, sparse_tensor };
  Kind kind = Kind::none;
  std::int32_t elem_type = 0;
  bool has_shape = false;
  struct Dimension {
    std::int64_t value = -1;
    std::string_view symbol;
  };
  std::vector<Dimension> shape;
};

struct ValueInfoProto {
  std::string_view name;
  TypeProto type;
};

struct GraphProto;

struct AttributeProto {
  enum class Type : std::int32_t {
    undefined = 0,
    real = 1,
    integer = 2,
    text = 3,
    tensor = 4,
    graph = 5,
    reals = 6,
    integers = 7,
    texts = 8,
    tensors = 9,
    graphs = 10,
    sparse_tensor = 11,
    sparse_tensors = 12,
    type_proto = 13,
    type_protos = 14
  };
  std::string_view name, ref_attr_name;
  Type type = Type::undefined;
  float f = 0;
  std::int64_t i = 0;
  std::string_view s;
  std::vector<float> floats;
  std::vector<std::int64_t> ints;
  std::vector<std::string_view> strings;
  std::shared_ptr<const TensorProto> t;
  std::shared_ptr<const SparseTensorProto> sparse_tensor;
  std::shared_ptr<const GraphProto> g;
};

struct NodeProto {
  std::string_view name, op_type, domain;
  std::vector<std::string_view> inputs, outputs;
  std::vector<AttributeProto> attributes;
  std::uint32_t ordinal = 0;  // in its graph, from 1
};

struct GraphProto {
  std::string_view name;
  std::vector<NodeProto> nodes;
  std::vector<TensorProto> initializers;
  std::vector<SparseTensorProto> sparse_initializers;
  std::vector<ValueInfoProto> inputs, outputs;
};

struct OperatorSetId {
  std::string_view domain;
  std::int64_t version = 0;
};

struct FunctionProto {
  std::string_view name, domain;
  std::vector<std::string_view> inputs, outputs, attributes;
  std::vector<NodeProto> nodes;
  std::vector<OperatorSetId> opsets;
};

struct ModelProto {
  std::int64_t ir_version = 0, model_version = 0;
  std::string_view producer_name, producer_version, domain, doc_string;
  std::vector<OperatorSetId> opsets;
  std::vector<std::pair<std::string_view, std::string_view>> metadata;
  std::vector<FunctionProto> functions;
  std::unique_ptr<GraphProto> graph;
};

/// Reads a model. Throws Error: data_loss for bytes that are no model, resource_exhausted for more than
/// `max_nodes` nodes or messages nested deeper than 100.
ModelProto read_model(std::string_view bytes, std::int64_t max_nodes);

/// Reads one TensorProto (the .pb files of the conformance data).
TensorProto read_tensor(std::string_view bytes);

}  // namespace leat::onnx
