#include "compiler/passes/convolution_form.h"

#include "ir/layout.h"

namespace leat::compiler {
namespace {

using ir::Attr;
using ir::Op;

// The channels of a block, where `node` is a reorder in this direction that blocks nothing else, and no block
// of `channels` hangs over; else 0.
std::int64_t block_of(const ir::Node& node, bool backward, std::int64_t channels) {
  if (node.op != Op::reorder) return 0;
  const std::optional<ir::Reordering> r = ir::parse_reordering(node.attrs().string(Attr::layout));
  if (!r || r->backward != backward || r->layout.rank() < 2) return 0;
  const std::int64_t block = r->layout.block(1);
  const bool plain = r->name == ir::Layout::Name(r->layout.rank(), 1, block) && channels % block == 0;
  return plain && block > 1 ? block : 0;
}

}  // namespace

bool is_constant(const ir::Graph& graph, ir::Value v) {
  while (graph.nodes[v.node].op == Op::reshape) v = graph.nodes[v.node].inputs[0];
  return graph.nodes[v.node].op == Op::constant;
}

runtime::cpu::ConvolutionDescriptor describe_convolution(const ir::Graph& graph, const ir::Node& node) {
  const Shape& x = graph.type(node.inputs[0]).shape;
  const Shape& w = graph.type(node.inputs[1]).shape;
  const Shape& out = node.type().shape;
  const ir::Attributes& a = node.attrs();
  runtime::cpu::ConvolutionDescriptor d;
  d.dtype = node.type().dtype;
  d.batch = x[0];
  d.channels = x[1];
  d.out_channels = w[0];
  d.groups = a.integer(Attr::groups);
  d.input.assign(x.begin() + 2, x.end());
  d.kernel.assign(w.begin() + 2, w.end());
  d.output.assign(out.begin() + 2, out.end());
  d.strides = a.integers(Attr::strides);
  d.low = a.integers(Attr::low);
  d.high = a.integers(Attr::high);
  d.input_dilation = a.integers(Attr::input_dilation);
  d.dilation = a.integers(Attr::dilation);
  d.w_is_constant = is_constant(graph, node.inputs[1]);
  return d;
}

ConvolutionForm form_convolution(const ir::Graph& graph, std::uint32_t n,
                                 const std::vector<std::uint32_t>& only_reader) {
  const ir::Node& node = graph.nodes[n];
  ConvolutionForm form{describe_convolution(graph, node), node.inputs[0], std::nullopt};
  const ir::Node& source = graph.nodes[node.inputs[0].node];
  form.descriptor.x_block = block_of(source, true, form.descriptor.channels);
  if (form.descriptor.x_block > 0) form.x = source.inputs[0];
  if (only_reader[n] != kNoReader) {
    form.descriptor.out_block = block_of(graph.nodes[only_reader[n]], false, form.descriptor.out_channels);
    if (form.descriptor.out_block > 0) form.packed = only_reader[n];
  }
  return form;
}

std::vector<std::uint32_t> find_only_readers(const ir::Graph& graph) {
  std::vector<std::uint32_t> reader(graph.nodes.size(), kNoReader), count(graph.nodes.size(), 0);
  for (std::uint32_t n = 0; n < graph.nodes.size(); ++n) {
    for (ir::Value v : graph.nodes[n].inputs) reader[v.node] = ++count[v.node] == 1 ? n : kNoReader;
  }
  for (ir::Value v : graph.outputs) reader[v.node] = kNoReader;
  return reader;
}

}  // namespace leat::compiler
