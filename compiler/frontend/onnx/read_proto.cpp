// The messages of onnx.proto, field by field. The numbers are those of onnx.proto, which never change.
#include <functional>

#include "absl/strings/str_cat.h"
#include "compiler/frontend/onnx/proto.h"
#include "compiler/frontend/onnx/wire.h"

namespace leat::onnx {
namespace {

using Entry = std::pair<std::string_view, std::string_view>;

Entry read_entry(WireReader r) {
  Entry e;
  while (r.Next()) {
    if (r.field() == 1) e.first = r.Bytes();
    if (r.field() == 2) e.second = r.Bytes();
  }
  return e;
}

TensorProto read_tensor(WireReader r) {
  TensorProto t;
  while (r.Next()) {
    switch (r.field()) {
      case 1: r.Append(&t.dims); break;
      case 2: t.data_type = static_cast<std::int32_t>(r.Integer()); break;
      case 3: r.Fail("a tensor in segments");
      case 4: r.Append(&t.float_data); break;
      case 5:
      case 7:
      case 11: r.Append(&t.int_data); break;
      case 6: t.string_data.push_back(r.Bytes()); break;
      case 8: t.name = r.Bytes(); break;
      case 9:
        t.raw_data = r.Bytes();
        t.has_raw = true;
        break;
      case 10: r.Append(&t.double_data); break;
      case 13: t.external_data.push_back(read_entry(r.Message("StringStringEntryProto"))); break;
      case 14: t.is_external = r.Integer() == 1; break;
      default: break;
    }
  }
  return t;
}

SparseTensorProto read_sparse_tensor(WireReader r) {
  SparseTensorProto t;
  while (r.Next()) {
    switch (r.field()) {
      case 1: t.values = read_tensor(r.Message("TensorProto")); break;
      case 2: t.indices = read_tensor(r.Message("TensorProto")); break;
      case 3: r.Append(&t.dims); break;
      default: break;
    }
  }
  return t;
}

TypeProto::Dimension read_dimension(WireReader r) {
  TypeProto::Dimension d;
  while (r.Next()) {
    if (r.field() == 1) d.value = r.Integer();
    if (r.field() == 2) d.symbol = r.Bytes();
  }
  return d;
}

// Of tensors; of the other kinds only which it is.
TypeProto read_type(WireReader r) {
  TypeProto t;
  while (r.Next()) {
    switch (r.field()) {
      case 1: t.kind = TypeProto::Kind::tensor; break;
      case 4: t.kind = TypeProto::Kind::sequence; break;
      case 5: t.kind = TypeProto::Kind::map; break;
      case 8: t.kind = TypeProto::Kind::sparse_tensor; break;
      case 9: t.kind = TypeProto::Kind::optional; break;
      default: continue;
    }
    if (t.kind != TypeProto::Kind::tensor) continue;
    WireReader tensor = r.Message("TypeProto.Tensor");
    while (tensor.Next()) {
      if (tensor.field() == 1) t.elem_type = static_cast<std::int32_t>(tensor.Integer());
      if (tensor.field() != 2) continue;
      t.has_shape = true;
      WireReader shape = tensor.Message("TensorShapeProto");
      while (shape.Next()) {
        if (shape.field() == 1) t.shape.push_back(read_dimension(shape.Message("Dimension")));
      }
    }
  }
  return t;
}

ValueInfoProto read_value_info(WireReader r) {
  ValueInfoProto v;
  while (r.Next()) {
    if (r.field() == 1) v.name = r.Bytes();
    if (r.field() == 2) v.type = read_type(r.Message("TypeProto"));
  }
  return v;
}

OperatorSetId read_opset(WireReader r) {
  OperatorSetId o;
  while (r.Next()) {
    if (r.field() == 1) o.domain = r.Bytes();
    if (r.field() == 2) o.version = r.Integer();
  }
  return o;
}

// What recurses: graphs inside of attributes of nodes.
class GraphReader {
 public:
  explicit GraphReader(std::int64_t max_nodes) : max_nodes_(max_nodes), nodes_left_(max_nodes) {}

  NodeProto Node(WireReader r) {
    if (--nodes_left_ < 0) {
      throw Error(Status(Code::resource_exhausted,
                         absl::StrCat("the model has more nodes than LoadOptions::max_nodes, ", max_nodes_)));
    }
    NodeProto n;
    while (r.Next()) {
      switch (r.field()) {
        case 1: n.inputs.push_back(r.Bytes()); break;
        case 2: n.outputs.push_back(r.Bytes()); break;
        case 3: n.name = r.Bytes(); break;
        case 4: n.op_type = r.Bytes(); break;
        case 5: n.attributes.push_back(Attribute(r.Message("AttributeProto"))); break;
        case 7: n.domain = r.Bytes(); break;
        default: break;
      }
    }
    return n;
  }

  GraphProto Graph(WireReader r) {
    if (++depth_ > 32) {  // messages nest three deep per graph
      throw Error(Status(Code::resource_exhausted, "the model has graphs within graphs, more than 32 deep"));
    }
    GraphProto g;
    while (r.Next()) {
      switch (r.field()) {
        case 1:
          g.nodes.push_back(Node(r.Message("NodeProto")));
          g.nodes.back().ordinal = static_cast<std::uint32_t>(g.nodes.size());
          break;
        case 2: g.name = r.Bytes(); break;
        case 5: g.initializers.push_back(read_tensor(r.Message("TensorProto"))); break;
        case 11: g.inputs.push_back(read_value_info(r.Message("ValueInfoProto"))); break;
        case 12: g.outputs.push_back(read_value_info(r.Message("ValueInfoProto"))); break;
        case 15: g.sparse_initializers.push_back(read_sparse_tensor(r.Message("SparseTensorProto"))); break;
        default: break;
      }
    }
    --depth_;
    return g;
  }

  FunctionProto Function(WireReader r) {
    FunctionProto f;
    while (r.Next()) {
      switch (r.field()) {
        case 1: f.name = r.Bytes(); break;
        case 4: f.inputs.push_back(r.Bytes()); break;
        case 5: f.outputs.push_back(r.Bytes()); break;
        case 6: f.attributes.push_back(r.Bytes()); break;
        case 7:
          f.nodes.push_back(Node(r.Message("NodeProto")));
          f.nodes.back().ordinal = static_cast<std::uint32_t>(f.nodes.size());
          break;
        case 9: f.opsets.push_back(read_opset(r.Message("OperatorSetIdProto"))); break;
        case 10: f.domain = r.Bytes(); break;
        default: break;
      }
    }
    return f;
  }

 private:
  using Type = AttributeProto::Type;

  AttributeProto Attribute(WireReader r) {
    AttributeProto a;
    Type seen = Type::undefined;  // files of the first versions say no type
    while (r.Next()) {
      switch (r.field()) {
        case 1: a.name = r.Bytes(); break;
        case 2: a.f = r.Float(), seen = Type::real; break;
        case 3: a.i = r.Integer(), seen = Type::integer; break;
        case 4: a.s = r.Bytes(), seen = Type::text; break;
        case 5:
          a.t = std::make_shared<TensorProto>(read_tensor(r.Message("TensorProto")));
          seen = Type::tensor;
          break;
        case 6:
          a.g = std::make_shared<GraphProto>(Graph(r.Message("GraphProto")));
          seen = Type::graph;
          break;
        case 7: r.Append(&a.floats), seen = Type::reals; break;
        case 8: r.Append(&a.ints), seen = Type::integers; break;
        case 9: a.strings.push_back(r.Bytes()), seen = Type::texts; break;
        case 20: a.type = static_cast<Type>(r.Integer()); break;
        case 21: a.ref_attr_name = r.Bytes(); break;
        case 22:
          a.sparse_tensor =
              std::make_shared<SparseTensorProto>(read_sparse_tensor(r.Message("SparseTensorProto")));
          seen = Type::sparse_tensor;
          break;
        default: break;
      }
    }
    if (a.type == Type::undefined) a.type = seen;
    if ((a.type == Type::tensor && a.t == nullptr) || (a.type == Type::graph && a.g == nullptr) ||
        (a.type == Type::sparse_tensor && a.sparse_tensor == nullptr)) {
      r.Fail(
          absl::StrCat("the attribute ", absl::string_view(a.name.data(), a.name.size()), " has no value"));
    }
    return a;
  }

  const std::int64_t max_nodes_;
  std::int64_t nodes_left_;
  int depth_ = 0;
};

}  // namespace

TensorProto read_tensor(std::string_view bytes) { return read_tensor(WireReader(bytes, "TensorProto")); }

ModelProto read_model(std::string_view bytes, std::int64_t max_nodes) {
  ModelProto m;
  GraphReader graphs(max_nodes);
  WireReader r(bytes, "ModelProto");
  while (r.Next()) {
    switch (r.field()) {
      case 1: m.ir_version = r.Integer(); break;
      case 2: m.producer_name = r.Bytes(); break;
      case 3: m.producer_version = r.Bytes(); break;
      case 4: m.domain = r.Bytes(); break;
      case 5: m.model_version = r.Integer(); break;
      case 6: m.doc_string = r.Bytes(); break;
      case 7: m.graph = std::make_unique<GraphProto>(graphs.Graph(r.Message("GraphProto"))); break;
      case 8: m.opsets.push_back(read_opset(r.Message("OperatorSetIdProto"))); break;
      case 14: m.metadata.push_back(read_entry(r.Message("StringStringEntryProto"))); break;
      case 25: m.functions.push_back(graphs.Function(r.Message("FunctionProto"))); break;
      default: break;
    }
  }
  if (m.graph == nullptr) {
    throw Error(Status(Code::data_loss, "not a valid ONNX file: it has no graph"));
  }
  return m;
}

}  // namespace leat::onnx
