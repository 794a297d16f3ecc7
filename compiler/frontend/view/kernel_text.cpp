#include "compiler/frontend/view/kernel_text.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "compiler/attach_epilogues.h"
#include "compiler/frontend/dump_ptx.h"
#include "runtime/cuda/gpu_steps.h"

namespace leat::frontend {
namespace {

// A page stays below what a browser opens at once, and takes about a second more to make.
constexpr std::size_t kMostKernels = 48, kMostBytes = std::size_t{4} << 20;

std::string text_or_reason(StatusOr<std::string> text, const char* comment) {
  return text.ok() ? *std::move(text) : absl::StrCat(comment, " none: ", text.status().message(), "\n");
}

// Steps of ops with code of their own are alike where they do the same to the same types.
std::string op_key(const runtime::Program& program, const runtime::Step& step,
                   const runtime::StepBody& body) {
  std::string key = absl::StrCat(std::string(body.kind()), " ", body.ToString());
  for (const runtime::Use& use : step.uses) {
    const ir::Type& type = program.buffers[use.buffer].type;
    absl::StrAppend(&key, " ", std::string(name(type.dtype)), type.shape.ToString());
  }
  return key;
}

// Equal where the code is the same.
std::string code_key(const runtime::Program& program, const runtime::Step& step,
                     const runtime::StepBody& body) {
  std::string key;
  const auto add = [&](const void* code) {
    absl::StrAppend(&key, absl::Hex(reinterpret_cast<std::uintptr_t>(code)), " ");
  };
  if (const auto* kernel = dynamic_cast<const runtime::KernelStep*>(&body)) add(kernel->code().get());
  for (const auto& code : runtime::cuda::launched_codes(body)) add(code.get());
  return key.empty() ? op_key(program, step, body) : key;
}

class CodeWriter {
 public:
  CodeWriter(compiler::CodeCache& code, DumpCode which, std::string_view arch)
      : code_(code), which_(which), arch_(arch) {}

  void Write(Stages* stages) {
    std::map<std::string, std::uint32_t> known;  // of this program: ids are of it
    std::size_t left_out = 0;
    for (const runtime::Step& step : stages->program->steps) {
      stages->of_steps.emplace_back();
      if (!step.body) continue;
      for (const runtime::StepBody* body :
           {static_cast<const runtime::StepBody*>(step.body.get()), compiler::epilogue_of(*step.body)}) {
        if (body == nullptr) continue;
        const std::string name =
            body == step.body.get() ? step.name : absl::StrCat("on each panel of ", step.name);
        const auto* const kernel = dynamic_cast<const runtime::KernelStep*>(body);
        const std::string key = code_key(*stages->program, step, *body);
        if (const auto it = known.find(key); it != known.end()) {
          stages->of_steps.back().push_back(it->second);
          continue;
        }
        KernelText text{name, "", "", ""};
        if (IsFull()) {
          ++left_out;
        } else {
          if (kernel != nullptr) {
            const ir::Kernel& ir = kernel->code()->kernel();
            text.llvm = text_or_reason(code_.LlvmText(ir), ";");
            text.assembly = text_or_reason(code_.AssemblyText(ir), "#");
          }
          text.ptx = Ptx({name, stages->program.get(), &step, body});
          if (text.llvm.empty() && text.ptx.empty()) continue;  // a copy, a branch, a user's function
          ++kernels_;
          bytes_ += text.llvm.size() + text.assembly.size() + text.ptx.size();
        }
        known.emplace(key, static_cast<std::uint32_t>(stages->kernels.size()));
        stages->of_steps.back().push_back(static_cast<std::uint32_t>(stages->kernels.size()));
        stages->kernels.push_back(std::move(text));
      }
    }
    if (left_out > 0) {
      stages->code_left_out =
          absl::StrCat("the code of ", left_out, " of ", stages->kernels.size(),
                       " kernels is left out: code=all has it, as stages llvm, asm and ptx do");
    }
    for (const Body& body : stages->bodies) Write(body.stages.get());
  }

 private:
  bool IsFull() const {
    return which_ == DumpCode::automatic && (kernels_ >= kMostKernels || bytes_ >= kMostBytes);
  }
  /// "" where a step has none.
  std::string Ptx(const NamedStep& step) const {
    const StatusOr<std::vector<CodeText>> parts = ptx_of({step}, arch_);
    if (!parts.ok()) return absl::StrCat("// none: ", parts.status().message(), "\n");
    std::string text = parts->front().text;
    return text.starts_with("// no PTX") ? "" : text;
  }

  compiler::CodeCache& code_;
  const DumpCode which_;
  const std::string_view arch_;
  std::size_t kernels_ = 0, bytes_ = 0;
};

}  // namespace

Status add_code(Stages* stages, compiler::CodeCache& code, DumpCode which, std::string_view arch) {
  if (const auto gpu = runtime::cuda::gpu_description(arch); !gpu.ok()) return gpu.status();
  CodeWriter(code, which, arch).Write(stages);
  return {};
}

}  // namespace leat::frontend
