// A graph of Leat's becomes an ONNX graph: nodes with names, of operator set 18.
//
// The exporter holds the graph that is being written; the functions of export_ops.cpp say an op by adding
// nodes to it. What ONNX has no operator for is made of others where the bits allow, else an error
// (unimplemented) that names the op. For one thread.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "compiler/frontend/onnx/wire_writer.h"
#include "ir/graph.h"

namespace leat::onnx {

using Name = std::string;
using NameList = std::vector<Name>;
using Extents = std::vector<std::int64_t>;

/// An attribute of a node, as AttributeProto.
WireWriter attribute(std::string_view name, std::int64_t value);
WireWriter attribute(std::string_view name, const Extents& values);
WireWriter attribute(std::string_view name, std::string_view text);
WireWriter attribute(std::string_view name, const WireWriter& graph);

class Exporter {
 public:
  /// GraphProto of a static graph. Throws Error.
  WireWriter Run(const ir::Graph& graph, const NameList& output_names);

  /// One node of the operator `op`; the name of its only result, or the names of `results` of them.
  Name Add(std::string_view op, const NameList& inputs, const std::vector<WireWriter>& attributes = {}) {
    return AddSeveral(op, inputs, 1, attributes)[0];
  }
  NameList AddSeveral(std::string_view op, const NameList& inputs, std::size_t results,
                      const std::vector<WireWriter>& attributes = {});
  /// Initialisers.
  Name Constant(const ir::Literal& literal);
  Name Integers(const Extents& values);  // i64 [n]
  Name Scalar(DType dtype, double value);
  Name Cast(const Name& x, DType dtype);
  Name Reshape(const Name& x, const Shape& shape);
  Name Transpose(const Name& x, const Extents& dims);

  /// Adds the nodes of a graph whose parameters are these values; the names of its outputs.
  NameList Inline(const ir::Graph& graph, const NameList& parameters);

 private:
  struct Level {
    std::vector<WireWriter> nodes, initializers;
  };
  WireWriter Finish(std::string_view name, const std::vector<std::pair<Name, ir::Type>>& inputs,
                    const std::vector<std::pair<Name, ir::Type>>& outputs);
  Name Fresh(std::string_view stem);
  NameList ExportControl(const ir::Node& node, const NameList& inputs);

  std::vector<Level> levels_;
  std::set<Name> used_;
  std::map<std::string, Name> constants_;  // of the outermost graph, by type and bytes
  std::string scope_, place_;              // of the node that is being written
};

/// The operators for one node that is no control op. Throws Error.
NameList export_op(Exporter& e, const ir::Graph& graph, const ir::Node& node, const NameList& inputs);

/// TensorProto.DataType of a dtype.
std::int64_t data_type_of(DType dtype);

}  // namespace leat::onnx
