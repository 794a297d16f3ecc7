#include "compiler/lower_graph.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "compiler/align_constants.h"
#include "compiler/attach_epilogues.h"
#include "compiler/control_step.h"
#include "compiler/library_epilogue.h"
#include "compiler/lower_kernel.h"
#include "compiler/passes/contraction_views.h"
#include "compiler/passes/convolution_form.h"
#include "compiler/passes/passes.h"
#include "runtime/cpu/contraction.h"
#include "runtime/cpu/op_step.h"
#include "runtime/cuda/gpu_steps.h"
#include "runtime/cuda/op_plan.h"

namespace leat::compiler {
namespace {

using ir::Op;
using ir::Value;
using runtime::BufferInfo;
using runtime::Program;
using runtime::Step;

class Lowering {
 public:
  Lowering(const ir::Graph& graph, const CompileOptions& options, CodeCache& code)
      : graph_(graph),
        options_(options),
        code_(code),
        buffer_of_(graph.nodes.size()),
        kernels_(program_, graph, options, code) {}

  StatusOr<Program> Run() {
    program_.name = graph_.name;
    std::vector<std::string> device_names;
    for (const DeviceDescription& device : options_.devices) device_names.push_back(device.name);
    const std::vector<std::uint16_t> device = device_of_nodes(graph_, device_names, options_.input_devices);
    for (std::size_t i = 0; i < graph_.parameters.size(); ++i) {
      const ir::Node& node = graph_.nodes[graph_.parameters[i]];
      const std::uint32_t b = AddBuffer(BufferInfo::Kind::input, node.type());
      program_.buffers[b].index = static_cast<std::uint32_t>(i);
      program_.buffers[b].device = device[graph_.parameters[i]];
      program_.inputs.push_back(b);
      buffer_of_[graph_.parameters[i]] = {b};
    }
    if (Status s = PlanConvolutions(device); !s.ok()) return s;
    if (Status s = PlanEpilogues(device); !s.ok()) return s;
    for (std::uint32_t n = 0; n < graph_.nodes.size(); ++n) {
      const std::size_t first_step = program_.steps.size();
      device_ = device[n];
      kernels_.SetDevice(device[n]);
      if (Status s = LowerNode(n); !s.ok()) return s;
      for (std::size_t s = first_step; s < program_.steps.size(); ++s) {
        if (program_.steps[s].nodes.empty()) program_.steps[s].nodes = {n};
      }
      // What is on a GPU, or copies to or from one, says so itself.
      for (std::size_t s = first_step; s < program_.steps.size() && !kernels_.on_gpu(device[n]); ++s) {
        if (program_.steps[s].body && program_.steps[s].body->queued()) continue;
        program_.steps[s].device = device[n];
        for (const runtime::Use& use : program_.steps[s].uses) {
          if (use.write) program_.buffers[use.buffer].device = device[n];
        }
      }
    }
    std::uint32_t ordinal = 0;
    for (Value v : graph_.outputs) {
      const std::uint32_t b = BufferOf(v);
      BufferInfo& info = program_.buffers[b];
      if (info.kind == BufferInfo::Kind::temporary) {
        info.kind = BufferInfo::Kind::output;
        info.index = ordinal;
      }
      program_.outputs.push_back(b);
      ++ordinal;
    }
    if (options_.fuse) attach_epilogues(program_, contractions_, options_.boundaries);
    if (Status s = kernels_.RequestMachineCode(); !s.ok()) return s;
    align_constants(program_);
    AddUseEdges();
    return std::move(program_);
  }

 private:
  std::uint32_t AddBuffer(BufferInfo::Kind kind, const ir::Type& type) {
    BufferInfo info;
    if (kind == BufferInfo::Kind::temporary) info.device = device_;
    info.kind = kind;
    info.type = type;
    info.bytes = byte_size(type);
    program_.buffers.push_back(std::move(info));
    return static_cast<std::uint32_t>(program_.buffers.size() - 1);
  }

  std::uint32_t BufferOf(Value v) { return buffer_of_[v.node][v.result]; }

  void AllocateResults(std::uint32_t n) {
    for (const ir::Type& type : graph_.nodes[n].results) {
      buffer_of_[n].push_back(AddBuffer(BufferInfo::Kind::temporary, type));
    }
  }

  Step& AddStep(std::string name, const ir::Node& node) {
    Step step;
    step.name = std::move(name);
    step.sources.push_back(kernels_.AddSource(graph_, node));
    program_.steps.push_back(std::move(step));
    return program_.steps.back();
  }

  Status LowerNode(std::uint32_t n) {
    const ir::Node& node = graph_.nodes[n];
    switch (node.op) {
      case Op::parameter: return {};
      case Op::constant: {
        const ir::Literal& literal = node.attrs().literal(ir::Attr::value);
        const std::uint32_t b = AddBuffer(BufferInfo::Kind::constant, node.type());
        program_.buffers[b].data = literal.bytes;
        buffer_of_[n] = {b};
        return {};
      }
      case Op::reshape:
        if (const auto& operand = buffer_of_[node.inputs[0].node]; !operand.empty()) {
          buffer_of_[n] = {operand[node.inputs[0].result]};
        }
        return {};
      case Op::transpose:
      case Op::broadcast:
      case Op::slice:
      case Op::reverse: return {};  // a stride of the contraction that reads it
      case Op::fused: return LowerFused(n);
      case Op::dot_general: return LowerMatmul(n);
      case Op::convolution: return LowerConvolution(n);
      case Op::reorder: return LowerReorder(n);
      case Op::cond:
      case Op::while_loop: return LowerControl(n);
      case Op::custom_call: return LowerCustomCall(n);
      case Op::copy:
        if (kernels_.on_gpu(device_) || kernels_.on_gpu(program_.buffers[BufferOf(node.inputs[0])].device)) {
          return LowerGpuCopy(n);
        }
        return LowerOp(n);
      default: return LowerOp(n);
    }
  }

  Status LowerOp(std::uint32_t n) {
    const ir::Node& node = graph_.nodes[n];
    AllocateResults(n);
    if (std::all_of(node.results.begin(), node.results.end(),
                    [](const ir::Type& t) { return t.shape.num_elements() == 0; })) {
      return {};
    }
    std::vector<ir::Type> operands;
    if (kernels_.on_gpu(device_)) {
      std::vector<std::uint32_t> buffers;
      for (Value v : node.inputs) {
        operands.push_back(graph_.type(v));
        buffers.push_back(BufferOf(v));
      }
      StatusOr<runtime::cuda::OpPlan> plan =
          runtime::cuda::plan_op(node, operands, *options_.devices[device_].gpu);
      if (!plan.ok()) return plan.status();
      return kernels_.AddGpuOp(node, *std::move(plan), buffers, buffer_of_[n],
                               kernels_.AddSource(graph_, node));
    }
    Step& step = AddStep(std::string(name(node.op)), node);
    for (Value v : node.inputs) {
      operands.push_back(graph_.type(v));
      step.uses.push_back({BufferOf(v), false});
    }
    for (std::uint32_t b : buffer_of_[n]) step.uses.push_back({b, true});
    runtime::cpu::OpStep op = runtime::cpu::make_op_step(node, std::move(operands));
    step.body = std::move(op.body);
    step.units = op.units;
    step.grain = op.grain;
    step.cost_ns = op.cost_ns;
    return {};
  }

  Status LowerGpuCopy(std::uint32_t n) {
    const ir::Node& node = graph_.nodes[n];
    AllocateResults(n);
    if (node.type().shape.num_elements() == 0) return {};
    kernels_.AddGpuCopy(BufferOf(node.inputs[0]), buffer_of_[n][0], kernels_.AddSource(graph_, node));
    return {};
  }

  Status LowerControl(std::uint32_t n) {
    const ir::Node& node = graph_.nodes[n];
    AllocateResults(n);
    StatusOr<std::shared_ptr<const runtime::StepBody>> body =
        make_control_step(graph_, node, options_, code_);
    if (!body.ok()) return body.status();
    Step& step = AddStep(std::string(name(node.op)), node);
    for (Value v : node.inputs) step.uses.push_back({BufferOf(v), false});
    for (std::uint32_t b : buffer_of_[n]) step.uses.push_back({b, true});
    step.body = *std::move(body);
    step.cost_ns = 1e5;
    return {};
  }

  Status LowerCustomCall(std::uint32_t n) {
    const ir::Node& node = graph_.nodes[n];
    const std::string& target = node.attrs().string(ir::Attr::target);
    const bool on_gpu = kernels_.on_gpu(device_);
    const ir::CustomFunction* host = options_.custom_call ? options_.custom_call(target) : nullptr;
    const runtime::cuda::CustomLaunch* cuda =
        options_.cuda_custom_call ? options_.cuda_custom_call(target) : nullptr;
    const SourceLocation& where = graph_.locations[node.location].source;
    if (host == nullptr && cuda == nullptr) {
      return Status(Code::not_found,
                    absl::StrCat("custom_call: no function is registered as \"", target, "\""), where);
    }
    if (!on_gpu && host == nullptr) {
      return Status(
          Code::unimplemented,
          absl::StrCat("custom op \"", target, "\" has a launch function for GPUs only, and runs on ",
                       options_.devices[device_].name, ": no operand of it is on a GPU"),
          where);
    }
    AllocateResults(n);
    std::vector<ir::Type> operands;
    for (Value v : node.inputs) operands.push_back(graph_.type(v));
    std::vector<ir::Type> results(node.results.begin(), node.results.end());
    Step& step = AddStep(target, node);
    for (Value v : node.inputs) step.uses.push_back({BufferOf(v), false});
    for (std::uint32_t b : buffer_of_[n]) step.uses.push_back({b, true});
    if (on_gpu) step.device = device_;
    step.body = on_gpu ? runtime::cuda::make_custom_launch_step(device_, target, *cuda, std::move(operands),
                                                                std::move(results))
                       : make_custom_step(target, *host, std::move(operands), std::move(results));
    step.cost_ns = 1e5;
    return {};
  }

  Status LowerMatmul(std::uint32_t n) {
    const ir::Node& node = graph_.nodes[n];
    if (in_epilogue_.contains(n)) return {};
    AllocateResults(n);
    if (node.type().shape.num_elements() == 0) return {};
    MatmulForm form = describe_matmul(graph_, node);
    runtime::cpu::MatmulDescriptor& d = form.descriptor;
    d.exact = options_.exact_contractions;
    if (kernels_.on_gpu(device_)) {
      const std::uint32_t buffers[] = {BufferOf(form.x), BufferOf(form.y)};
      return kernels_.AddGpuMatmul(node, d, buffers, buffer_of_[n][0], kernels_.AddSource(graph_, node));
    }
    StatusOr<runtime::cpu::ContractionPlan> plan = runtime::cpu::plan_matmul(d);
    if (!plan.ok()) return plan.status();
    FinishContraction(n, "matmul", BufferOf(form.x), BufferOf(form.y), buffer_of_[n][0], *plan);
    contractions_.push_back(
        {static_cast<std::uint32_t>(program_.steps.size() - 1), plan->rows_per_unit, d.batch * d.m, d.n});
    return {};
  }

  // Which reorders the convolutions take the place of, before any of them is lowered. Those on a GPU work on
  // dense arrays.
  Status PlanConvolutions(const std::vector<std::uint16_t>& device) {
    const std::vector<std::uint32_t> only_reader = find_only_readers(graph_);
    for (std::uint32_t n = 0; n < graph_.nodes.size(); ++n) {
      const ir::Node& node = graph_.nodes[n];
      if (node.op != Op::convolution || node.type().shape.num_elements() == 0) continue;
      if (kernels_.on_gpu(device[n])) continue;
      ConvolutionForm form = form_convolution(graph_, n, only_reader);
      if (options_.exact_contractions) form = {describe_convolution(graph_, node), node.inputs[0], {}};
      form.descriptor.exact = options_.exact_contractions;
      StatusOr<runtime::cpu::ContractionPlan> plan = runtime::cpu::plan_convolution(form.descriptor);
      if (!plan.ok() && (form.descriptor.x_block > 0 || form.descriptor.out_block > 0)) {
        form = {describe_convolution(graph_, node), node.inputs[0], {}};  // no engine takes those blocks
        plan = runtime::cpu::plan_convolution(form.descriptor);
      }
      if (!plan.ok()) return plan.status();
      convolutions_.emplace(n, PlannedConvolution{std::move(form), *std::move(plan)});
    }
    if (convolutions_.empty()) return {};
    std::vector<std::uint32_t> readers = ir::count_uses(graph_);
    for (const auto& [n, planned] : convolutions_) {
      const std::uint32_t source = graph_.nodes[n].inputs[0].node;
      if (planned.form.descriptor.x_block > 0 && --readers[source] == 0) unread_.insert(source);
    }
    return {};
  }

  Status LowerConvolution(std::uint32_t n) {
    const auto it = convolutions_.find(n);
    if (it == convolutions_.end()) {  // on a GPU, or of no elements
      const ir::Node& node = graph_.nodes[n];
      if (!kernels_.on_gpu(device_) || node.type().shape.num_elements() == 0) return LowerOp(n);
      AllocateResults(n);
      const std::uint32_t operands[] = {BufferOf(node.inputs[0]), BufferOf(node.inputs[1])};
      return kernels_.AddGpuConvolution(node, operands, buffer_of_[n][0], kernels_.AddSource(graph_, node));
    }
    const auto& [form, plan] = it->second;
    const std::uint32_t result = form.packed.value_or(n);
    AllocateResults(result);
    FinishContraction(n, "convolution", BufferOf(form.x), BufferOf(graph_.nodes[n].inputs[1]),
                      buffer_of_[result][0], plan);
    const Shape& out = graph_.nodes[result].type().shape;
    const std::int64_t rows = out[0] * out[1];
    contractions_.push_back({static_cast<std::uint32_t>(program_.steps.size() - 1), plan.rows_per_unit, rows,
                             out.num_elements() / rows, plan.row_parts, plan.part_elements});
    return {};
  }

  Status LowerReorder(std::uint32_t n) {
    if (unread_.contains(n) || !buffer_of_[n].empty()) return {};  // a convolution reads or writes past it
    return LowerOp(n);
  }

  void FinishContraction(std::uint32_t n, std::string_view name, std::uint32_t x, std::uint32_t y,
                         std::uint32_t result, const runtime::cpu::ContractionPlan& plan) {
    std::uint32_t packed = 0;
    if (plan.pack != nullptr) {
      packed = AddBuffer(BufferInfo::Kind::temporary, ir::Type{DType::u8, Shape{plan.packed_bytes}});
      Step& pack = AddStep(std::string(name) + ".pack", graph_.nodes[n]);
      pack.uses = {{plan.pack_operand == 0 ? x : y, false}, {packed, true}};
      pack.body = plan.pack;
      pack.units = plan.pack_units;
      pack.cost_ns = plan.pack_cost_ns;
    }
    Step& step = AddStep(std::string(name), graph_.nodes[n]);
    step.uses = {{x, false}, {y, false}, {result, true}};
    if (plan.pack != nullptr) step.uses.push_back({packed, false});
    step.body = plan.body;
    step.units = plan.units;
    step.grain = 1;
    step.cost_ns = plan.cost_ns;
    if (plan.scratch_bytes > 0) {
      const std::uint32_t scratch =
          AddBuffer(BufferInfo::Kind::temporary, ir::Type{DType::u8, Shape{plan.scratch_bytes}});
      program_.steps.back().uses.push_back({scratch, true});
    }
  }

  // Before anything is lowered: a product waits for its epilogue.
  Status PlanEpilogues(const std::vector<std::uint16_t>& device) {
    StatusOr<std::vector<PlannedEpilogue>> planned = plan_library_epilogues(graph_, options_, device);
    if (!planned.ok()) return planned.status();
    for (PlannedEpilogue& p : *planned) {
      in_epilogue_.insert(p.product);
      epilogues_.emplace(p.kernel, std::move(p));
    }
    return {};
  }

  Status LowerWithEpilogue(std::uint32_t n, const PlannedEpilogue& planned) {
    const ir::Node &node = graph_.nodes[n], &product = graph_.nodes[planned.product];
    const MatmulForm form = describe_matmul(graph_, product);
    std::vector<std::uint32_t> operands = {BufferOf(form.x), BufferOf(form.y)};
    for (const std::optional<std::uint32_t>& p : {planned.epilogue.bias, planned.epilogue.residual}) {
      if (p) operands.push_back(BufferOf(node.inputs[*p]));
    }
    std::vector<std::uint32_t> sources = {kernels_.AddSource(graph_, product)};
    const ir::Graph& body = node.attrs().graph(ir::Attr::body);
    for (const ir::Node& part : body.nodes) {
      if (part.op != Op::parameter && part.op != Op::constant)
        sources.push_back(kernels_.AddSource(body, part));
    }
    kernels_.AddLtMatmul(product, planned.plan, operands, buffer_of_[n][0], std::move(sources));
    program_.steps.back().nodes = {planned.product, n};
    return {};
  }

  Status LowerFused(std::uint32_t n) {
    const ir::Node& node = graph_.nodes[n];
    AllocateResults(n);
    if (const auto it = epilogues_.find(n); it != epilogues_.end()) return LowerWithEpilogue(n, it->second);
    std::vector<std::uint32_t> inputs;
    for (Value v : node.inputs) inputs.push_back(BufferOf(v));
    return kernels_.Lower(node.attrs().graph(ir::Attr::body), inputs, buffer_of_[n]);
  }

  // A reader waits for every writer: the parts of a split reduction write one buffer together.
  void AddUseEdges() {
    std::vector<absl::InlinedVector<std::uint32_t, 1>> writers(program_.buffers.size());
    for (std::uint32_t s = 0; s < program_.steps.size(); ++s) {
      for (const runtime::Use& use : program_.steps[s].uses) {
        if (use.write) continue;
        for (std::uint32_t w : writers[use.buffer]) program_.edges.push_back({w, s, runtime::Cause::use});
      }
      for (const runtime::Use& use : program_.steps[s].uses) {
        if (use.write) writers[use.buffer].push_back(s);
      }
    }
  }

  const ir::Graph& graph_;
  const CompileOptions& options_;
  CodeCache& code_;
  Program program_;
  runtime::DeviceId device_ = 0;  // of the node at hand
  std::vector<absl::InlinedVector<std::uint32_t, 1>> buffer_of_;
  KernelLowering kernels_;
  std::vector<ContractionRows> contractions_;
  struct PlannedConvolution {
    ConvolutionForm form;
    runtime::cpu::ContractionPlan plan;
  };
  absl::flat_hash_map<std::uint32_t, PlannedConvolution> convolutions_;
  absl::flat_hash_set<std::uint32_t> unread_;                      // reorders that convolutions read past
  absl::flat_hash_map<std::uint32_t, PlannedEpilogue> epilogues_;  // by the fused node
  absl::flat_hash_set<std::uint32_t> in_epilogue_;                 // products
};

}  // namespace

StatusOr<Program> lower_graph(const ir::Graph& graph, const CompileOptions& options, CodeCache& code) {
  return Lowering(graph, options, code).Run();
}

}  // namespace leat::compiler
