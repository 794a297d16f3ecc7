// What is behind an onnx::Model: the file, what it declares, and the functions compiled from it so far.
//
// The Context is the one that was current when the model was loaded; it is used only while its state is open.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "compiler/frontend/context_state.h"
#include "compiler/frontend/onnx/importer.h"
#include "leat/context.h"
#include "leat/function.h"
#include "leat/onnx.h"

namespace leat::onnx {

struct Model::State {
  State(ModelBytes file, const LoadOptions& load_options)
      : options(load_options),
        proto(read_model(file.bytes, load_options.max_nodes)),
        constants(std::move(file)) {}

  const LoadOptions options;
  const ModelProto proto;
  std::vector<ValueInfo> inputs, outputs;
  Metadata metadata;
  Context* context = &Context::Current();
  const std::shared_ptr<frontend::ContextState> context_state = context->state();

  std::mutex mutex;  // guards what follows; held while importing
  ConstantPool constants;
  std::set<std::uint32_t> value_inputs;  // by ordinal: their values select a plan
  bool lazy = false;                     // a shape depends on a computed value
  std::map<std::string, std::shared_ptr<CompiledBody>> bodies;

  void Describe();
  ImportOptions ImportWith(ImportOptions::Mode mode) const {
    return {mode, options.max_nodes, options.max_constant_bytes};
  }
  void Check(const std::vector<Tensor>& arguments) const;
  std::vector<Tensor> Import(const std::vector<Tensor>& arguments, ImportOptions::Mode mode,
                             const std::vector<Tensor>& known);
  std::vector<Tensor> Call(const std::vector<Tensor>& arguments);
  bool TakeIntoSignature(const NeedsValue& need, const std::vector<std::uint32_t>& ordinals,
                         const std::vector<Tensor>& arguments);
};

}  // namespace leat::onnx
