// Importing: from the nodes of an ONNX graph to Tensors, by the functions that any user has.
//
// An Importer reads a model's nodes in order and calls one function per op (op_table.h), which builds an
// expression. Extents are concrete. A value that follows from the file alone, or from shapes, is *known*: it
// is computed while importing (small ones by the interpreter, at once), so that shape arithmetic leaves
// nothing behind. Where an op needs the value of a tensor that is not known, a traced import throws
// NeedsValue and a lazy one computes what has been built so far, and goes on. For one thread; borrows all
// that it is given.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <unordered_map>

#include "compiler/frontend/onnx/constants.h"
#include "compiler/frontend/onnx/proto.h"
#include "leat/ops.h"
#include "leat/random.h"

namespace leat::onnx {

/// A value of the graph: a tensor, or a sequence, which exists while importing only.
struct Item {
  Tensor tensor{};
  bool known = false;  // follows from the file and from shapes alone
  std::shared_ptr<std::vector<Item>> sequence{};
  /// An optional input or output that is not there.
  bool absent() const { return !tensor.defined() && sequence == nullptr; }
};
using Items = std::vector<Item>;

/// What a traced import throws where the value of `tensor` decides a shape.
struct NeedsValue {
  Tensor tensor;
  std::string node;  // which node asks, for messages
};

/// What all imports of a model share: its constants as Tensors, made when first used, and its generators.
class ConstantPool {
 public:
  explicit ConstantPool(ModelBytes file) : file_(std::move(file)) {}
  const Tensor& Get(const TensorProto& tensor);
  const Tensor& Get(const SparseTensorProto& tensor, std::int64_t max_bytes);
  /// The generator of a random op, the same in every import; without a seed no other node has its numbers.
  Generator& GeneratorOf(const NodeProto& node, std::optional<float> seed);
  const ModelBytes& file() const { return file_; }

 private:
  ModelBytes file_;
  std::unordered_map<const void*, Tensor> made_;
  std::unordered_map<const void*, Generator> generators_;
};

struct ImportOptions {
  enum class Mode : std::uint8_t {
    traced,     // on placeholders; unknown values cannot be read
    lazy,       // on tensors: unknown values are computed where they are read
    interpret,  // the same, and everything is computed by the interpreter
  };
  Mode mode = Mode::traced;
  std::int64_t max_nodes = 200'000;                      // imported, with every turn of a loop
  std::int64_t max_known_bytes = std::int64_t{1} << 28;  // of what is computed while importing
};

class Importer {
 public:
  Importer(const ModelProto& model, ConstantPool& constants, const ImportOptions& options);

  /// The model's outputs. `inputs` by name; an initialiser stands for one that is not given.
  std::vector<Tensor> Run(const std::map<std::string, Item, std::less<>>& inputs);

  // For the ops.
  /// Outputs of a sub-graph of the node at hand; its inputs in order.
  Items RunBody(const GraphProto& body, const Items& inputs);
  /// The elements of a small tensor, as they lie in memory. The bytes live as long as the result.
  std::shared_ptr<const void> Read(Item& item, std::string_view node);
  const Tensor& constant(const TensorProto& tensor) { return constants_.Get(tensor); }
  const Tensor& constant(const SparseTensorProto& tensor) {
    return constants_.Get(tensor, options_.max_known_bytes);
  }
  /// Of max_known_bytes, for what an op writes into memory while it is imported. Throws where they run out.
  void Spend(double bytes);
  Generator& random(const NodeProto& node, std::optional<float> seed) {
    return constants_.GeneratorOf(node, seed);
  }

 private:
  using Opsets = std::vector<OperatorSetId>;
  struct Scope {
    const Scope* outer = nullptr;
    std::unordered_map<std::string_view, Item> values;
  };
  // Of a list of nodes: after which node each name is of no more use.
  using Lifetimes = std::vector<std::vector<std::string_view>>;

  const Lifetimes& LifetimesOf(const std::vector<NodeProto>& nodes, std::span<const std::string_view> kept);
  void RunNodes(const std::vector<NodeProto>& nodes, std::span<const std::string_view> kept, Scope& scope);
  Items RunNode(const NodeProto& node, Scope& scope);
  Items CallFunction(const FunctionProto& function, const NodeProto& node, Items inputs);
  Items CallOp(const NodeProto& node, Items inputs, std::string_view domain);
  void Settle(Items& items);
  void ComputeLive();
  Item Find(std::string_view name, const Scope& scope) const;
  Items Outputs(std::span<const std::string_view> names, const Scope& scope) const;
  std::int64_t version_of(std::string_view domain) const;

  const ModelProto& model_;
  ConstantPool& constants_;
  const ImportOptions options_;
  const char* const file_;  // interned
  std::map<std::pair<std::string_view, std::string_view>, const FunctionProto*> functions_;
  std::unordered_map<const void*, Lifetimes> lifetimes_;
  std::vector<Scope*> scopes_;             // open ones, innermost last
  const Opsets* opsets_;                   // of the function at hand
  std::vector<const NodeProto*> callers_;  // of the functions at hand: their attributes
  std::int64_t imported_ = 0, known_bytes_ = 0;
  int depth_ = 0;
};

/// The values of these tensors by the interpreter, without the Context's executor. Throws Error.
std::vector<Tensor> interpret_tensors(std::span<const Tensor> tensors);

/// "Conv_3 (Conv), the 17th node" for messages.
std::string describe_node(const NodeProto& node);

}  // namespace leat::onnx
