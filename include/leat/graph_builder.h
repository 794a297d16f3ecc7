// The explicit level: graphs built op by op, or read as text. Nothing here throws; errors are Statuses.
//
// A GraphBuilder is for one thread; a Graph is immutable, shared by copies, for any thread. Dimensions may
// be symbols ("n"), bound when an Executable runs. Ops, attributes and their rules are those of the op
// table (`leat ops`); inference checks every node as it is added.
//
//   GraphBuilder g("layer");
//   auto x = g.Input("x", DType::f32, {"n", 128}), w = g.Input("w", DType::f32, {128, 64});
//   auto y = g.Add("dot_general", {x, w}, {{"contract_x", Integers{1}}, {"contract_y", Integers{0}}, ...});
//   StatusOr<Graph> graph = g.Finish({*y});
#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "leat/tensor.h"

#pragma GCC visibility push(default)
namespace leat {

namespace frontend {
struct GraphState;
}  // namespace frontend

/// An extent, or the name of a symbol that stands for one (at most `bound`, if that is given).
struct Dim {
  std::int64_t extent = -1;
  std::string symbol;
  std::int64_t bound = -1;
  Dim(std::int64_t n) : extent(n) {}                                            // NOLINT: implicit
  Dim(int n) : extent(n) {}                                                     // NOLINT: implicit
  Dim(const char* name, std::int64_t most = -1) : symbol(name), bound(most) {}  // NOLINT: implicit
};

struct GraphType {
  DType dtype;
  std::vector<Dim> dims;
};

class Graph {
 public:
  /// Text IR (`graph @name(...) -> ... { ... }`); an error has the line and column.
  static StatusOr<Graph> Parse(std::string_view text, std::string_view source_name = "<text>");
  std::string ToString() const;
  std::size_t input_count() const;
  std::size_t output_count() const;
  const std::string& input_name(std::size_t input) const;
  /// "f32[n,128]"
  std::string input_type(std::size_t input) const;
  std::string output_type(std::size_t output) const;

  explicit Graph(std::shared_ptr<const frontend::GraphState> state) : state_(std::move(state)) {}
  const frontend::GraphState& state() const { return *state_; }

 private:
  std::shared_ptr<const frontend::GraphState> state_;
};

class GraphBuilder {
 public:
  struct Handle {
    std::uint32_t node = 0;
    std::uint32_t result = 0;
  };
  using Integers = std::vector<std::int64_t>;
  using Attribute = std::variant<bool, std::int64_t, double, Integers, std::string, DType, Graph>;
  using Attributes = std::vector<std::pair<std::string_view, Attribute>>;

  explicit GraphBuilder(std::string name = "main");
  ~GraphBuilder();
  GraphBuilder(GraphBuilder&&) noexcept;
  GraphBuilder& operator=(GraphBuilder&&) noexcept;

  Handle Input(std::string name, DType dtype, const std::vector<Dim>& dims,
               SourceLocation where = SourceLocation::current());
  /// `elements` are copied: dense, row-major.
  StatusOr<Handle> Constant(DType dtype, const Shape& shape, const void* elements,
                            SourceLocation where = SourceLocation::current());
  template <Element T>
  Handle Scalar(T value, SourceLocation where = SourceLocation::current()) {
    return *Constant(dtype_of<T>(), {}, &value, where);
  }
  /// The first result of op `name`. `result`: the type, for ops whose operands do not determine it.
  StatusOr<Handle> Add(std::string_view name, std::span<const Handle> operands,
                       const Attributes& attributes = {}, const std::optional<GraphType>& result = {},
                       SourceLocation where = SourceLocation::current());
  StatusOr<Handle> Add(std::string_view name, std::initializer_list<Handle> operands,
                       const Attributes& attributes = {}, const std::optional<GraphType>& result = {},
                       SourceLocation where = SourceLocation::current()) {
    return Add(name, std::span(operands.begin(), operands.size()), attributes, result, where);
  }
  /// Another result of the same node: {handle.node, i}. How many there are:
  std::size_t result_count(Handle handle) const;
  std::string type(Handle handle) const;
  /// Names a node in dumps, traces and errors.
  void Label(Handle handle, std::string_view label);
  /// The graph that returns these. The builder may go on, and finish again.
  StatusOr<Graph> Finish(std::span<const Handle> outputs) const;
  StatusOr<Graph> Finish(std::initializer_list<Handle> outputs) const {
    return Finish(std::span(outputs.begin(), outputs.size()));
  }

 private:
  std::unique_ptr<frontend::GraphState> state_;
};

}  // namespace leat
#pragma GCC visibility pop
