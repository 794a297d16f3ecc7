// The entry points of modules, functions and launches.
#include <cstring>

#include "tests/cuda/fake/fake_entries.h"

namespace leat::fake_cuda {

CuResult ModuleLoadDataEx(CuModule* module, const void* image, unsigned, std::int32_t*, void**) {
  LEAT_CONTEXT_CALL("cuModuleLoadDataEx");
  const std::string text(static_cast<const char*>(image));
  const bool cubin = text.starts_with("\x7f\x45LF");
  if (!cubin && text.find(".entry leat_kernel") == std::string::npos) return CuResult::invalid_image;
  keep(state().modules, std::make_unique<FakeModule>(device, text), module);
  return CuResult::success;
}
CuResult ModuleUnload(CuModule module) {
  LEAT_CALL("cuModuleUnload");
  const std::lock_guard lock(state().mutex);
  FakeModule* const found = find(state().modules, module);
  if (found == nullptr) return missing("cuModuleUnload", "module");
  std::erase_if(state().functions, [&](const auto& item) { return item.second->module == found; });
  state().modules.erase(module);
  return CuResult::success;
}
CuResult ModuleGetFunction(CuFunction* function, CuModule module, const char* name) {
  LEAT_CONTEXT_CALL("cuModuleGetFunction");
  FakeModule* const found = find(state().modules, module);
  if (found == nullptr) return missing("cuModuleGetFunction", "module");
  if (std::strcmp(name, "leat_kernel") != 0) return CuResult::not_found;
  keep(state().functions, std::make_unique<FakeFunction>(found), function);
  return CuResult::success;
}
CuResult FuncSetAttribute(CuFunction function, std::int32_t attribute, int value) {
  LEAT_CONTEXT_CALL("cuFuncSetAttribute");
  FakeFunction* const found = find(state().functions, function);
  if (found == nullptr) return missing("cuFuncSetAttribute", "function");
  if (attribute == kMaxDynamicSharedBytes) found->shared_bytes = value;
  return CuResult::success;
}
std::unique_ptr<FakeNode> kernel_of(const char* call, int device, const CuKernelNode& kernel) {
  State& s = state();
  const auto wrong = [&](const char* what) {
    s.Misuse(std::string(call) + what);
    return nullptr;
  };
  FakeFunction* const function = find(s.functions, kernel.function);
  if (function == nullptr) return wrong(": no such function");
  if (function->module->device != device) return wrong(" of a function of another context");
  if (kernel.grid_x == 0 || kernel.block_x == 0 || kernel.block_x > 1024 ||
      kernel.grid_y * kernel.grid_z * kernel.block_y * kernel.block_z != 1) {
    return wrong(" of a bad grid");
  }
  if (kernel.shared_bytes > static_cast<unsigned>(function->shared_bytes))
    return wrong(" with more shared memory than the function has been granted");
  // How many bytes the kernel takes stands in its text: ".param .align 8 .b8 leat_kernel_param_0[112]".
  const std::string& image = function->module->image;
  std::size_t bytes = 8;
  if (const std::size_t at = image.find("leat_kernel_param_0["); at != std::string::npos)
    bytes = std::stoul(image.substr(at + 20));
  auto node = std::make_unique<FakeNode>();
  node->function = kernel.function;
  node->blocks = kernel.grid_x;
  node->threads = kernel.block_x;
  node->shared_bytes = kernel.shared_bytes;
  node->block.resize(bytes);
  std::memcpy(node->block.data(), kernel.parameters[0], bytes);
  return node;
}

CuResult LaunchKernel(CuFunction handle, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                      unsigned block_y, unsigned block_z, unsigned shared_bytes, CuStream on,
                      void** parameters, void**) {
  LEAT_CONTEXT_CALL("cuLaunchKernel");
  State& s = state();
  std::unique_ptr<FakeNode> made = kernel_of(
      "cuLaunchKernel", device,
      {handle, grid_x, grid_y, grid_z, block_x, block_y, block_z, shared_bytes, parameters, nullptr});
  if (made == nullptr) return CuResult::invalid_value;
  FakeStream* const stream = stream_of(on, device, "cuLaunchKernel", true);
  if (stream == nullptr) return CuResult::invalid_handle;
  if (const auto capture = s.captures.find(stream); capture != s.captures.end()) {
    s.AddCaptured(*capture->second, std::move(made));
    return CuResult::success;
  }
  s.Queue(*stream, [device, node = std::shared_ptr<FakeNode>(std::move(made))] {
    state().Launch(
        {device, node->function, node->blocks, node->threads, node->shared_bytes, node->block.data()});
  });
  return CuResult::success;
}

}  // namespace leat::fake_cuda
