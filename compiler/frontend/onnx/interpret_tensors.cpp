// Values of expressions by the interpreter: for small things while importing, and as the oracle of a model.
#include <mutex>

#include "compiler/frontend/build.h"
#include "compiler/frontend/context_state.h"
#include "compiler/frontend/onnx/importer.h"
#include "compiler/frontend/planning.h"
#include "compiler/frontend/schedule.h"
#include "compiler/frontend/walk.h"
#include "ir/interpreter.h"
#include "leat/create.h"

namespace leat::onnx {
namespace {

// What a value holds, without a copy.
ir::Array view_of(const runtime::Ref<runtime::Value>& value, const ir::Type& type, std::uint32_t context) {
  if (value->state() != runtime::Value::State::ready) frontend::throw_value_error(*value, context, {});
  runtime::Ref<runtime::Buffer> buffer = value->buffer();
  auto* const data = static_cast<std::byte*>(buffer->data());
  return {type, std::shared_ptr<std::byte[]>(data, [buffer = std::move(buffer)](std::byte*) {})};
}

}  // namespace

std::vector<Tensor> interpret_tensors(std::span<const Tensor> tensors) {
  std::vector<Tensor> results(tensors.begin(), tensors.end());
  if (tensors.empty()) return results;
  const std::uint32_t context = tensors[0].node()->context;
  const std::shared_ptr<frontend::ContextState> state = frontend::ContextState::Get(context, {});
  std::vector<ir::Array> inputs;
  std::vector<std::pair<runtime::Ref<runtime::Value>, ir::Type>> leaves;
  std::vector<frontend::Node*> roots;
  std::vector<std::size_t> root_of(tensors.size(), SIZE_MAX);
  ir::Graph graph;
  {
    frontend::Walk walk;
    const std::lock_guard lock(frontend::graph_lock(context));
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      frontend::Node* const n = tensors[i].node();
      if (frontend::has_value(*n)) continue;
      const auto it = std::find(roots.begin(), roots.end(), n);
      root_of[i] = static_cast<std::size_t>(it - roots.begin());
      if (it == roots.end()) roots.push_back(n);
    }
    if (roots.empty()) return results;
    walk.Run(roots, state->next_walk++);
    for (const frontend::WalkInput& in : walk.inputs) {
      if (in.leaf != nullptr) {
        leaves.emplace_back(frontend::value_of(*in.leaf), in.leaf->type());
      } else {
        leaves.emplace_back(frontend::scalar_value(*state, in.bits), ir::Type{in.dtype, {}});
      }
    }
    graph = frontend::lower(walk.order, walk.key);
  }
  for (const auto& [value, type] : leaves) {
    if (const Status s = value->Wait(); !s.ok()) throw Error(s);
    inputs.push_back(view_of(value, type, context));
  }
  StatusOr<std::vector<ir::Array>> values = ir::interpret(graph, inputs);
  if (!values.ok()) throw Error(values.status());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (root_of[i] == SIZE_MAX) continue;
    const ir::Array& a = (*values)[root_of[i]];
    results[i] = from_memory(a.bytes.get(), a.type.dtype, a.type.shape, tensors[i].where());
  }
  return results;
}

}  // namespace leat::onnx
