#include "compiler/frontend/dump_kernels.h"

#include "compiler/attach_epilogues.h"
#include "compiler/control_step.h"
#include "compiler/frontend/picture.h"

namespace leat::frontend {

void Kernels::Add(const runtime::Program& program, const std::string& of, const std::vector<bool>* which) {
  for (std::size_t k = 0; k < program.steps.size(); ++k) {
    const runtime::Step& step = program.steps[k];
    if (!step.body || (which != nullptr && !(*which)[k])) continue;
    std::string places;
    for (const std::uint32_t s : step.sources) {
      const ir::NodeLocation& at = program.sources[s].location;
      std::string place;
      if (!at.label.empty()) place += " label=\"" + at.label + "\"";
      if (!at.scope.empty()) place += " scope=\"" + at.scope + "\"";
      if (places.find(place) == std::string::npos) places += place;
    }
    Add({step.name + of + places, &program, &step, step.body.get()});
    if (const runtime::StepBody* epilogue = compiler::epilogue_of(*step.body)) {
      Add({"on each panel of " + step.name + of + places, &program, &step, epilogue});
    }
    for (const compiler::SubProgram& part : compiler::sub_programs(*step.body)) {
      sub_programs_.push_back(part.program);
      Add(*part.program, " in the " + std::string(part.role) + " of " + step.name + of, nullptr);
    }
  }
}

void Kernels::Add(NamedStep named) {
  steps_.push_back(named);
  const auto* step = dynamic_cast<const runtime::KernelStep*>(named.body);
  if (step == nullptr || !seen_.insert(step->code().get()).second) return;
  // Owned by the code, which the program's step owns, which may end before this.
  kernels_.emplace_back(std::move(named.name),
                        std::shared_ptr<const ir::Kernel>(step->code(), &step->code()->kernel()));
}

StatusOr<std::string> Kernels::Print(std::string_view stage, bool picture, compiler::CodeCache& code) const {
  if (stage == "kernels" && picture) {
    std::vector<NamedKernel> named;
    for (const auto& [name, kernel] : kernels_) named.push_back({name, kernel.get()});
    return draw(named);
  }
  std::vector<CodeText> parts;
  for (const auto& [name, kernel] : kernels_) {
    StatusOr<std::string> part = stage == "llvm"  ? code.LlvmText(*kernel)
                                 : stage == "asm" ? code.AssemblyText(*kernel)
                                                  : ir::print(*kernel);
    if (!part.ok()) return part.status();
    parts.push_back({name, *std::move(part)});
  }
  if (picture) return draw_blocks(parts, stage == "asm");
  std::string text;
  const std::string comment = stage == "kernels" ? "// " : stage == "llvm" ? "; " : "# ";
  for (const CodeText& part : parts)
    text += (text.empty() ? "" : "\n") + comment + part.name + "\n" + part.text;
  if (text.empty()) text = comment + "no kernels: no op of this program became a loop\n";
  return text;
}

StatusOr<std::string> Kernels::PrintPtx(std::string_view arch, bool picture) const {
  const StatusOr<std::vector<CodeText>> parts = ptx_of(steps_, arch);
  if (!parts.ok()) return parts.status();
  if (picture) return draw_blocks(*parts, true);
  std::string text;
  for (const CodeText& part : *parts) text += (text.empty() ? "// " : "\n// ") + part.name + "\n" + part.text;
  return text.empty() ? "// no steps\n" : text;
}

}  // namespace leat::frontend
