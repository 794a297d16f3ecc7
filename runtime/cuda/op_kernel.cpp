#include "runtime/cuda/op_kernel.h"

#include <array>
#include <bit>

namespace leat::runtime::cuda {
namespace {

constexpr std::string_view kCodeNames[] = {"gather",
                                           "gather_elements",
                                           "gather_nd",
                                           "pad",
                                           "concat",
                                           "dynamic_slice",
                                           "dynamic_update_slice",
                                           "im2col",
                                           "fault",
                                           "window",
                                           "scan",
                                           "scan_rows",
                                           "arg",
                                           "arg_rows",
                                           "sort_blocks",
                                           "sort_merge",
                                           "take",
                                           "take_indices",
                                           "scatter_keys",
                                           "scatter_nd_keys",
                                           "scatter_runs",
                                           "matmul",
                                           "convolution",
                                           "convolution_taps",
                                           "attention"};

}  // namespace

int threads_of(const OpKernel& kernel) { return kernel.code == OpKernel::Code::scan_rows ? 32 : 256; }

DType contraction_accumulator(DType dtype) {
  if (is_float(dtype)) return dtype == DType::f64 ? DType::f64 : DType::f32;
  return byte_size(dtype) == 8 ? DType::u64 : DType::u32;
}

std::string print(const OpKernel& kernel) {
  std::string text(kCodeNames[static_cast<std::size_t>(kernel.code)]);
  if (kernel.op != ir::Op::parameter) text += " " + std::string(ir::name(kernel.op));
  const auto add = [&](const char* key, int value) {
    text += std::string(" ") + key + "=" + std::to_string(value);
  };
  text += " " + std::string(name(kernel.dtype)) + "," + std::string(name(kernel.second));
  add("word", kernel.word);
  add("rank", kernel.rank);
  add("variant", kernel.variant);
  add("numbers", kernel.numbers);
  add("pointers", kernel.pointers);
  return text;
}

std::vector<std::uint64_t> pack_parameters(const OpLaunch& launch, std::uint32_t* faults,
                                           std::span<void* const> uses, void* scratch) {
  std::vector<std::uint64_t> words;
  words.reserve(launch.kernel.words());
  words.push_back(std::bit_cast<std::uint64_t>(faults));
  words.push_back(launch.geometry.flags);
  for (std::int64_t number : launch.numbers) words.push_back(static_cast<std::uint64_t>(number));
  for (const OpPointer& pointer : launch.pointers) {
    void* base = pointer.use == OpPointer::kScratch ? scratch : uses[static_cast<std::size_t>(pointer.use)];
    words.push_back(std::bit_cast<std::uint64_t>(base) + static_cast<std::uint64_t>(pointer.offset));
  }
  return words;
}

}  // namespace leat::runtime::cuda
