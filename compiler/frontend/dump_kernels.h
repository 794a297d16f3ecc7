// The kernels of a program as text and pictures: their IR, LLVM IR, assembly and PTX.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/compile.h"
#include "compiler/frontend/dump_ptx.h"
#include "ir/kernel.h"
#include "runtime/program/kernel_code.h"

namespace leat::frontend {

/// The steps of a program and of the programs in them, and its distinct kernels: steps of their own,
/// epilogues of contractions, parts of sub-programs. Keeps the sub-programs; the caller keeps the program.
class Kernels {
 public:
  /// Of the steps that `which` says.
  Kernels(const runtime::Program& program, const std::vector<bool>& which) { Add(program, "", &which); }

  /// `stage` is "kernels", "llvm" or "asm".
  StatusOr<std::string> Print(std::string_view stage, bool picture, compiler::CodeCache& code) const;
  StatusOr<std::string> PrintPtx(std::string_view arch, bool picture) const;

 private:
  void Add(const runtime::Program& program, const std::string& of, const std::vector<bool>* which);
  void Add(NamedStep named);

  std::vector<NamedStep> steps_;  // of programs that the caller holds, or these:
  std::vector<std::shared_ptr<const runtime::Program>> sub_programs_;
  std::set<const runtime::KernelCode*> seen_;
  std::vector<std::pair<std::string, std::shared_ptr<const ir::Kernel>>> kernels_;
};

}  // namespace leat::frontend
