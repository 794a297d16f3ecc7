#include "compiler/device_cost.h"

#include <algorithm>

#include "compiler/cost_model.h"
#include "compiler/count_work.h"
#include "runtime/cuda/gpu.h"

namespace leat::compiler {
namespace {

using ir::Family;

// Of a GPU: simple operations of a kernel that it does in a ns. An operation takes an instruction, where a
// multiply-add, in which data sheets count, does two; half of the rest goes to indices and conversions.
double simple_operations_per_ns(DType dtype, const runtime::cuda::GpuDescription& gpu) {
  return static_cast<double>(dtype == DType::f64 ? gpu.f64_gflops : gpu.f32_gflops) / 4;
}

// Half of what the data sheet says, which is about what products of ordinary sizes reach.
double product_operations_per_ns(DType dtype, const DeviceDescription& device) {
  if (!device.gpu) return device.flops_per_ns * device.workers * (dtype == DType::f64 ? 0.5 : 1);
  const bool half = dtype == DType::f16 || dtype == DType::bf16;
  return static_cast<double>(dtype == DType::f64 ? device.gpu->f64_gflops
                             : half              ? device.gpu->f16_gflops
                                                 : device.gpu->f32_gflops) /
         2;
}

// Of one element on one CPU worker; 0 for what only moves bytes.
double cpu_element_ns(const ir::Node& node) {
  switch (ir::op_info(node.op).family) {
    case Family::view:
    case Family::movement:
    case Family::contraction:
    case Family::control: return 0;
    case Family::source: return node.op == ir::Op::random_bits ? element_ns(node.op, node.type().dtype) : 0;
    case Family::sorting: return 50;  // some 20 comparisons
    case Family::cumulative:
    case Family::arg_reduce: return 0.5;
    default: return element_ns(node.op, node.type().dtype);
  }
}

constexpr double kSimpleNs = 0.1;  // element_ns of an addition
// Functions of the user and sub-programs, of which nothing is known (as in lower_graph.cpp).
constexpr double kCallNs = 1e5;

}  // namespace

double arithmetic_ns(const ir::Graph& graph, const ir::Node& node, const DeviceDescription& device) {
  if (node.op == ir::Op::copy || node.results.empty()) return 0;
  const Family family = ir::op_info(node.op).family;
  if (family == Family::control) return kCallNs;
  const DType dtype = node.type().dtype;
  if (family == Family::contraction) {
    const Work work = count_work(graph, node);
    return work.operations / std::max(1.0, product_operations_per_ns(dtype, device));
  }
  double count = elements(node.type());
  if (family == Family::window) count = count_work(graph, node).operations;
  if (family == Family::reduce || family == Family::arg_reduce) count = elements(graph.type(node.inputs[0]));
  const double ns = count * cpu_element_ns(node);
  if (!device.gpu) return ns / device.workers;
  return ns / kSimpleNs / std::max(1.0, simple_operations_per_ns(dtype, *device.gpu));
}

double memory_ns(double bytes, const DeviceDescription& device) {
  return bytes / std::min(device.bytes_per_ns * device.workers, device.most_bytes_per_ns);
}

int steps_at_once(const DeviceDescription& device) {
  return device.gpu ? runtime::cuda::kComputeStreams : device.workers;
}

CopyLink copy_link(const DeviceDescription& from, const DeviceDescription& to) {
  CopyLink link{std::max(from.copy_latency_ns, to.copy_latency_ns),
                std::min(from.copy_bytes_per_ns, to.copy_bytes_per_ns)};
  // Between two GPUs nothing goes through the host's memory.
  if (from.gpu && to.gpu)
    link.bytes_per_ns = static_cast<double>(std::min(from.gpu->copy_gb_per_s, to.gpu->copy_gb_per_s));
  return link;
}

}  // namespace leat::compiler
