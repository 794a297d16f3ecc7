#include "compiler/lower_kernel.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "compiler/cost_model.h"
#include "compiler/device_cost.h"
#include "compiler/split_reduction.h"
#include "runtime/cpu/op_step.h"
#include "runtime/cpu/pairwise_step.h"
#include "runtime/cuda/gpu_steps.h"

namespace leat::compiler {
namespace {

using ir::Op;
using ir::Value;
using runtime::BufferInfo;
using runtime::Step;

bool is_source_of_steps(const ir::Node& node) { return node.op != Op::parameter && node.op != Op::constant; }

// Ranges of a kernel that transposes are whole blocks of rows, where that leaves enough of them: the rest of
// a block goes element by element, 5 to 10 ns each (4096 x 4096: about a fifth of the time).
std::int64_t transposing_grain(const BuiltKernel& built, std::int64_t grain, std::int64_t units) {
  constexpr std::int64_t kRows = 64, kLeastRows = 8, kRanges = 8;
  const ir::Kernel& kernel = built.kernel;
  const bool transposes =
      kernel.pattern == ir::Kernel::Pattern::map && kernel.parallel_rank > 1 &&
      std::any_of(kernel.inputs.begin(), kernel.inputs.end(), [](const ir::Kernel::Input& input) {
        return input.kind == ir::Kernel::Input::Kind::memory && input.lane_stride == ir::Kernel::Stride::any;
      });
  if (!transposes) return grain;
  for (std::int64_t rows = kRows; rows >= kLeastRows; rows /= 2) {
    const std::int64_t block = rows * built.sizes.back();
    if (kRanges * block <= units) return (grain + block - 1) / block * block;
  }
  return grain;
}

// "exp", or the first four ops of a longer body and how many more.
std::string step_name(const ir::Graph& body) {
  std::string s;
  int ops = 0;
  for (const ir::Node& node : body.nodes) {
    const ir::OpInfo& info = ir::op_info(node.op);
    if (!is_source_of_steps(node) || (info.family == ir::Family::view && body.nodes.size() > 2)) continue;
    if (++ops <= 4) absl::StrAppend(&s, ops > 1 ? "+" : "", std::string(info.name));
  }
  if (ops > 4) absl::StrAppend(&s, "+", ops - 4);
  return s.empty() ? "copy" : s;
}

}  // namespace

std::uint32_t KernelLowering::AddSource(const ir::Graph& graph, const ir::Node& node) {
  constexpr std::size_t kMostSignatures = 10000;  // huge graphs go without
  runtime::Source source;
  source.op = node.op;
  source.ordinal = node.location;
  if (node.location < origin_.locations.size()) source.location = origin_.locations[node.location];
  if (program_.sources.size() < kMostSignatures) {
    const auto append = [&](const ir::Type& type) {
      if (last_type_text_.empty() || type != last_type_) {  // most have that of the one before
        last_type_ = type;
        last_type_text_ = " " + graph.ToString(type);
      }
      source.signature += last_type_text_;
    };
    source.signature = std::string(name(node.op));
    for (Value v : node.inputs) append(graph.type(v));
    source.signature += " ->";
    for (const ir::Type& t : node.results) append(t);
  }
  program_.sources.push_back(std::move(source));
  return static_cast<std::uint32_t>(program_.sources.size() - 1);
}

std::uint32_t KernelLowering::AddTemporary(const ir::Type& type) { return AddOn(device_, type); }

std::uint32_t KernelLowering::AddOn(runtime::DeviceId device, const ir::Type& type) {
  BufferInfo info;
  info.device = device;
  info.type = type;
  info.bytes = byte_size(type);
  program_.buffers.push_back(std::move(info));
  return static_cast<std::uint32_t>(program_.buffers.size() - 1);
}

Status KernelLowering::Lower(const ir::Graph& body, std::span<const std::uint32_t> inputs,
                             std::span<const std::uint32_t> outputs) {
  const bool empty = std::all_of(body.outputs.begin(), body.outputs.end(),
                                 [&](Value v) { return body.type(v).shape.num_elements() == 0; });
  if (empty) return {};
  StatusOr<BuiltKernel> built = build_kernel(body);
  if (!built.ok()) return LowerOpByOp(body, inputs, outputs);
  std::vector<std::uint32_t> memory;
  for (std::uint32_t p : built->memory_inputs) memory.push_back(inputs[p]);
  const std::string name = step_name(body);
  const int workers = options_.devices.empty() ? 1 : options_.devices[on_gpu(device_) ? device_ : 0].workers;
  if (const std::optional<SplitReduction> split = split_reduction(*built, workers)) {
    return AddSplit(*split, *built, body, name, memory, outputs);
  }
  return AddKernel(*built, body, name, memory, {outputs.begin(), outputs.end()});
}

// Of the arithmetic of a kernel: what an op does for all of its elements.
float share_of(const ir::Graph& body, const ir::Node& node) {
  const ir::OpInfo& info = ir::op_info(node.op);
  if (!info.elementwise() && info.family != ir::Family::reduce && node.op != Op::random_bits) return 0;
  const ir::Type& type = info.family == ir::Family::reduce ? body.type(node.inputs[0]) : node.type();
  return static_cast<float>(element_ns(node.op, node.type().dtype) *
                            static_cast<double>(type.shape.num_elements()));
}

Status KernelLowering::AddKernel(const BuiltKernel& built, const ir::Graph& body, const std::string& name,
                                 const std::vector<std::uint32_t>& memory_inputs,
                                 const std::vector<std::uint32_t>& outputs) {
  runtime::KernelStep::Arguments arguments;
  arguments.sizes = built.sizes;
  arguments.accesses = built.accesses;
  arguments.scalars = built.scalars;
  Step step;
  step.name = name;
  std::vector<std::uint32_t> source_of(body.nodes.size(), 0);
  for (std::uint32_t i = 0; i < body.nodes.size(); ++i) {
    if (!is_source_of_steps(body.nodes[i])) continue;
    source_of[i] = static_cast<std::uint32_t>(step.sources.size());
    step.sources.push_back(AddSource(body, body.nodes[i]));
    step.shares.push_back(share_of(body, body.nodes[i]));
  }
  // Constants are host memory.
  if (step.sources.empty()) step.sources.push_back(AddSource(body, body.nodes.back()));
  for (std::uint32_t b : memory_inputs)
    step.uses.push_back({on_gpu(device_) ? Here(b, device_, step.sources[0]) : b, false});
  const auto first_output = static_cast<std::uint32_t>(step.uses.size());
  for (std::uint32_t b : outputs) step.uses.push_back({b, true});
  for (const BuiltKernel::FaultSite& site : built.faults) {
    runtime::KernelStep::Fault fault;
    fault.status =
        Status(Code::invalid_argument,
               absl::StrCat(std::string(ir::name(body.nodes[site.node].op)), ": integer division by zero"));
    for (std::uint32_t o : site.outputs) fault.uses.push_back(first_output + o);
    fault.source = source_of[site.node];
    arguments.faults.push_back(std::move(fault));
  }
  const KernelCost cost = estimate_kernel(built);
  step.cost_ns = cost.total();
  if (on_gpu(device_)) {
    StatusOr<GpuKernel> kernel = code_.GetGpu(built.kernel, built.sizes, *options_.devices[device_].gpu);
    if (!kernel.ok()) return kernel.status().WithNote("for " + options_.devices[device_].name);
    step.device = device_;
    step.body = runtime::cuda::make_launch_step(device_, std::move(kernel->code), std::move(arguments),
                                                kernel->geometry);
    program_.steps.push_back(std::move(step));
    return {};
  }
  std::shared_ptr<runtime::KernelCode> code = code_.Get(built.kernel);
  step.units = built.parallel_elements();
  step.grain = grain_for(step.units, step.cost_ns);
  if (built.kernel.pattern != ir::Kernel::Pattern::row_reduce && step.grain < step.units) {
    step.grain = std::max<std::int64_t>((step.grain + 63) / 64 * 64, 64);  // whole cache lines
    step.grain = transposing_grain(built, step.grain, step.units);
  }
  auto kernel_step = std::make_shared<runtime::KernelStep>(std::move(code), std::move(arguments));
  requests_.push_back({kernel_step, cost.total()});
  step.body = std::move(kernel_step);
  program_.steps.push_back(std::move(step));
  return {};
}

Status KernelLowering::RequestMachineCode() {
  for (const Request& request : requests_) {
    const std::shared_ptr<const runtime::KernelStep> step = request.step.lock();
    if (step == nullptr) continue;
    const std::shared_ptr<runtime::KernelCode>& code = step->code();
    switch (options_.tier) {
      case Tier::tiles: break;
      case Tier::machine_code:
        if (Status s = code_.CompileNow(code); !s.ok()) return s;
        break;
      case Tier::automatic:
        // The tile tier takes about 4 times as long as machine code.
        if (!code->compiled() && 4 * request.cost_ns > kCompileNs) code_.Compile(code);
        break;
    }
  }
  return {};
}

Status KernelLowering::AddSplit(const SplitReduction& split, const BuiltKernel& built, const ir::Graph& body,
                                const std::string& name, const std::vector<std::uint32_t>& memory_inputs,
                                std::span<const std::uint32_t> outputs) {
  const std::int64_t rows = built.parallel_elements();
  std::vector<std::uint32_t> chunk_outputs, partials, reduced;
  for (std::uint32_t o : split.element_outputs) chunk_outputs.push_back(outputs[o]);
  for (const SplitReduction::Partial& p : split.partials) {
    partials.push_back(AddTemporary({p.accumulator, Shape{split.chunks, rows}}));
    chunk_outputs.push_back(partials.back());
  }
  for (const std::optional<BuiltKernel>* kernel : {&split.full, &split.last}) {
    if (!*kernel) continue;
    if (Status s = AddKernel(**kernel, body, name, memory_inputs, chunk_outputs); !s.ok()) return s;
  }
  for (std::uint32_t p = 0; p < split.partials.size(); ++p) {
    const SplitReduction::Partial& partial = split.partials[p];
    const auto direct = std::find_if(split.direct_outputs.begin(), split.direct_outputs.end(),
                                     [&](const auto& d) { return d.second == p; });
    reduced.push_back(direct != split.direct_outputs.end() ? outputs[direct->first]
                                                           : AddTemporary({partial.dtype, Shape{rows}}));
    Step step;
    step.name = std::string(ir::name(partial.op));
    step.sources = program_.steps.back().sources;
    step.uses = {{partials[p], false}, {reduced.back(), true}};
    if (on_gpu(device_)) {
      StatusOr<GpuKernel> kernel =
          code_.GetGpuPairwise(partial.op, partial.dtype, split.chunks, rows, *options_.devices[device_].gpu);
      if (!kernel.ok()) return kernel.status().WithNote("for " + options_.devices[device_].name);
      // Partials [chunks, rows] to [rows], over the domain rows x chunks.
      runtime::KernelStep::Arguments arguments;
      arguments.sizes = {rows, split.chunks};
      arguments.accesses = {0, 1, rows, 0, 1, 0};
      step.body = runtime::cuda::make_launch_step(device_, std::move(kernel->code), std::move(arguments),
                                                  kernel->geometry);
    } else {
      step.body = runtime::cpu::make_pairwise_step(partial.op, partial.dtype, split.chunks, rows);
    }
    step.device = device_;
    step.cost_ns = static_cast<double>(split.chunks * rows);
    program_.steps.push_back(std::move(step));
  }
  if (!split.finish) return {};
  std::vector<std::uint32_t> finish_inputs = memory_inputs, finish_outputs;
  finish_inputs.insert(finish_inputs.end(), reduced.begin(), reduced.end());
  for (std::uint32_t o : split.finish_outputs) finish_outputs.push_back(outputs[o]);
  return AddKernel(*split.finish, body, name, finish_inputs, finish_outputs);
}

void KernelLowering::LowerOp(const ir::Graph& body, const ir::Node& node,
                             std::span<const std::uint32_t> operands, std::uint32_t result) {
  std::vector<ir::Type> types;
  Step step;
  step.name = std::string(name(node.op));
  step.sources.push_back(AddSource(body, node));
  const std::uint32_t source = step.sources[0];
  const bool away = on_gpu(device_);  // a GPU has no code for it
  for (std::size_t i = 0; i < operands.size(); ++i) {
    types.push_back(body.type(node.inputs[i]));
    step.uses.push_back({away ? Here(operands[i], 0, source) : operands[i], false});
  }
  const std::uint32_t written = away ? AddOn(0, node.type()) : result;
  step.uses.push_back({written, true});
  step.device = away ? runtime::DeviceId{0} : device_;
  runtime::cpu::OpStep op = runtime::cpu::make_op_step(node, std::move(types));
  step.body = std::move(op.body);
  step.units = op.units;
  step.grain = op.grain;
  step.cost_ns = op.cost_ns;
  program_.steps.push_back(std::move(step));
  if (away) AddGpuCopy(written, result, source);
}

// Each node is a kernel of its own over dense operands; what not even that can do (a reshape of a broadcast)
// runs as an op step.
Status KernelLowering::LowerOpByOp(const ir::Graph& body, std::span<const std::uint32_t> inputs,
                                   std::span<const std::uint32_t> outputs) {
  std::vector<std::uint32_t> buffer(body.nodes.size(), 0);
  std::vector<bool> assigned(body.nodes.size(), false);
  for (std::size_t p = 0; p < body.parameters.size(); ++p) buffer[body.parameters[p]] = inputs[p];
  for (std::size_t o = 0; o < body.outputs.size(); ++o) {
    buffer[body.outputs[o].node] = outputs[o];
    assigned[body.outputs[o].node] = true;
  }
  for (std::uint32_t n = 0; n < body.nodes.size(); ++n) {
    const ir::Node& node = body.nodes[n];
    if (node.op == Op::parameter) continue;
    if (node.op == Op::constant) {
      buffer[n] = AddTemporary(node.type());
      program_.buffers[buffer[n]].kind = BufferInfo::Kind::constant;
      program_.buffers[buffer[n]].device = 0;
      program_.buffers[buffer[n]].data = node.attrs().literal(ir::Attr::value).bytes;
      continue;
    }
    if (!assigned[n]) buffer[n] = AddTemporary(node.type());
    if (node.type().shape.num_elements() == 0) continue;
    ir::Graph single(body.name);
    ir::Node copy = node;
    std::vector<std::uint32_t> operands;
    for (Value& v : copy.inputs) {
      operands.push_back(buffer[v.node]);
      v = single.AddParameter(absl::StrCat("x", operands.size() - 1), body.type(v));
    }
    single.outputs = {single.AddUnchecked(std::move(copy))};
    if (body.nodes.size() > single.nodes.size() && build_kernel(single).ok()) {
      if (Status s = Lower(single, operands, {&buffer[n], 1}); !s.ok()) return s;
    } else {
      LowerOp(body, node, operands, buffer[n]);
    }
  }
  return {};
}

}  // namespace leat::compiler
