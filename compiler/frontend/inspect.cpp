#include "compiler/frontend/inspect.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "compiler/attach_epilogues.h"
#include "compiler/count_work.h"
#include "compiler/frontend/context_state.h"
#include "compiler/frontend/dump.h"
#include "compiler/frontend/graph_state.h"
#include "compiler/passes/passes.h"
#include "ir/printer.h"
#include "runtime/program/kernel_code.h"

namespace leat::frontend {
namespace {

using runtime::BufferInfo;
using runtime::Program;

bool is_listed(const ir::Node& node) { return node.op != ir::Op::parameter && node.op != ir::Op::constant; }

void count_ops(const ir::Graph& graph, Inspection& seen) {
  std::map<std::string_view, Inspection::OpKind> kinds;
  std::map<DType, Inspection::Parameters> parameters;
  for (const ir::Node& node : graph.nodes) {
    if (node.op == ir::Op::constant && node.type().shape.num_elements() > 1) {
      Inspection::Parameters& p = parameters[node.type().dtype];
      p.dtype = node.type().dtype;
      ++p.arrays;
      p.elements += node.type().shape.num_elements();
      p.bytes += byte_size(node.type());
    }
    if (!is_listed(node)) continue;
    const compiler::Work work = compiler::count_work(graph, node);
    Inspection::OpKind& kind = kinds[ir::name(node.op)];
    kind.op = ir::name(node.op);
    ++kind.count;
    kind.operations += work.operations;
    kind.transcendentals += work.transcendentals;
    kind.bytes += work.bytes();
    seen.operations += work.operations;
    seen.transcendentals += work.transcendentals;
    seen.bytes_unfused += work.bytes();
    seen.has_loops = seen.has_loops || node.op == ir::Op::while_loop;
  }
  for (auto& [dtype, p] : parameters) seen.parameters.push_back(p);
  for (auto& [op, kind] : kinds) seen.ops.push_back(std::move(kind));
  std::stable_sort(seen.ops.begin(), seen.ops.end(),
                   [](const auto& a, const auto& b) { return a.count > b.count; });
}

// Where the parts of a step were written and what they are called, each once; at most three.
std::string where(const Program& program, const runtime::Step& step) {
  std::vector<std::string> places;
  for (const std::uint32_t s : step.sources) {
    const ir::NodeLocation& at = program.sources[s].location;
    std::string place = at.scope;
    if (!at.label.empty()) absl::StrAppend(&place, place.empty() ? "" : "/", at.label);
    if (at.source.known()) {
      const std::string_view file = at.source.file;
      absl::StrAppend(&place, place.empty() ? "" : " ", std::string(file.substr(file.rfind('/') + 1)), ":",
                      at.source.line);
    }
    if (!place.empty() && std::find(places.begin(), places.end(), place) == places.end()) {
      places.push_back(std::move(place));
    }
  }
  std::string s;
  for (std::size_t k = 0; k < places.size() && k < 3; ++k) absl::StrAppend(&s, k == 0 ? "" : ", ", places[k]);
  if (places.size() > 3) absl::StrAppend(&s, " and ", places.size() - 3, " more");
  return s;
}

std::vector<std::string> ops_of(const ir::Graph& fused, const runtime::Step& step) {
  std::vector<std::string> ops;
  for (const std::uint32_t n : step.nodes) {
    const ir::Node& node = fused.nodes[n];
    if (node.op != ir::Op::fused) {
      ops.emplace_back(ir::name(node.op));
      continue;
    }
    for (const ir::Node& inner : node.attrs().graph(ir::Attr::body).nodes) {
      if (is_listed(inner)) ops.emplace_back(ir::name(inner.op));
    }
  }
  return ops;
}

// The work of each node of the fused graph is that of the step that does most of it.
std::vector<std::uint32_t> main_step_of(const ir::Graph& fused, const Program& program) {
  std::vector<std::uint32_t> main(fused.nodes.size(), ~0u);
  for (std::uint32_t s = 0; s < program.steps.size(); ++s) {
    for (const std::uint32_t n : program.steps[s].nodes) {
      if (main[n] == ~0u || program.steps[s].cost_ns > program.steps[main[n]].cost_ns) main[n] = s;
    }
  }
  return main;
}

void describe_steps(const ir::Graph& fused, const Program& program, Inspection& seen) {
  const std::vector<std::uint32_t> main = main_step_of(fused, program);
  for (std::uint32_t s = 0; s < program.steps.size(); ++s) {
    const runtime::Step& step = program.steps[s];
    Inspection::Step row;
    row.name = step.name;
    row.kind = step.body ? step.body->kind() : "join";
    row.where = where(program, step);
    row.ops = ops_of(fused, step);
    row.device = step.device < seen.devices.size() ? seen.devices[step.device] : "";
    row.estimate_ns = step.cost_ns;
    compiler::Work work;
    for (const std::uint32_t n : step.nodes) {
      if (main[n] == s) work += compiler::count_work(fused, fused.nodes[n]);
    }
    // What an epilogue reads of the contraction before it is still in the cache.
    for (std::size_t k = 1; k < step.nodes.size(); ++k) {
      for (const ir::Value v : fused.nodes[step.nodes[k]].inputs) {
        if (v.node == step.nodes[0]) work.bytes_read -= static_cast<double>(byte_size(fused.type(v)));
      }
    }
    row.operations = work.operations;
    row.transcendentals = work.transcendentals;
    row.bytes = work.bytes();
    seen.bytes += row.bytes;
    if (seen.roofline) {
      const double compute = row.operations / seen.roofline->operations_per_second * 1e9;
      const double memory = row.bytes / seen.roofline->bytes_per_second * 1e9;
      row.roofline_ns = std::max(compute, memory);
      row.memory_bound = memory >= compute;
    }
    seen.steps.push_back(std::move(row));
  }
}

void describe_concurrency(const Program& program, Inspection& seen) {
  const std::size_t n = program.steps.size();
  std::vector<std::int32_t> level(n, 0);
  for (const runtime::Edge& e : program.edges) {  // sorted by where they start, which is a topological order
    level[e.to] = std::max(level[e.to], level[e.from] + 1);
  }
  for (std::size_t s = 0; s < n; ++s) {
    seen.steps[s].level = level[s];
    if (seen.level_widths.size() <= static_cast<std::size_t>(level[s])) {
      seen.level_widths.resize(static_cast<std::size_t>(level[s]) + 1, 0);
    }
    ++seen.level_widths[static_cast<std::size_t>(level[s])];
    seen.work_ns += program.steps[s].cost_ns;
  }
  if (n == 0) return;
  std::uint32_t at = 0;
  for (std::uint32_t s = 1; s < n; ++s) {
    if (program.steps[s].rank_ns > program.steps[at].rank_ns) at = s;
  }
  seen.critical_path_ns = program.steps[at].rank_ns;
  for (;;) {
    seen.critical_path.push_back(at);
    seen.steps[at].critical = true;
    const auto begin = program.successors.begin() + program.successor_begin[at];
    const auto end = program.successors.begin() + program.successor_begin[at + 1];
    if (begin == end) break;
    at = *std::max_element(begin, end, [&](std::uint32_t a, std::uint32_t b) {
      return program.steps[a].rank_ns < program.steps[b].rank_ns;
    });
  }
}

void describe_memory(const Program& program, Inspection& seen) {
  seen.peak_bytes = program.peak_bytes;
  for (const std::int64_t bytes : program.arena_bytes) seen.arena_bytes += bytes;
  seen.best_order_peak_bytes = program.best_order_peak_bytes;
  const auto n = static_cast<std::uint32_t>(program.steps.size());
  // First writer and last user of each buffer that a run allocates; outputs stay.
  std::vector<std::uint32_t> first(program.buffers.size(), ~0u), last(program.buffers.size(), 0);
  for (std::uint32_t s = 0; s < n; ++s) {
    for (const runtime::Use& use : program.steps[s].uses) {
      if (use.write) first[use.buffer] = std::min(first[use.buffer], s);
      last[use.buffer] = s;
    }
  }
  std::vector<std::int64_t> change(n + 1, 0);
  const auto is_held = [&](std::size_t b) {
    const BufferInfo::Kind kind = program.buffers[b].kind;
    return first[b] != ~0u && (kind == BufferInfo::Kind::temporary || kind == BufferInfo::Kind::output);
  };
  for (std::size_t b = 0; b < program.buffers.size(); ++b) {
    if (!is_held(b)) continue;
    if (program.buffers[b].kind == BufferInfo::Kind::output) last[b] = n - 1;
    change[first[b]] += program.buffers[b].bytes;
    change[last[b] + 1] -= program.buffers[b].bytes;
  }
  std::int64_t live = 0;
  for (std::uint32_t s = 0; s < n; ++s) {
    live += change[s];
    seen.steps[s].live_bytes = live;
    if (live > seen.steps[seen.peak_step].live_bytes) seen.peak_step = s;
  }
  for (std::size_t b = 0; b < program.buffers.size(); ++b) {
    const BufferInfo& info = program.buffers[b];
    if (!is_held(b) || first[b] > seen.peak_step || last[b] < seen.peak_step) continue;
    seen.held_at_peak.push_back({absl::StrCat(std::string(name(info.type.dtype)), info.type.shape.ToString()),
                                 info.bytes, first[b], info.kind == BufferInfo::Kind::output});
  }
  std::stable_sort(seen.held_at_peak.begin(), seen.held_at_peak.end(),
                   [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
}

void describe_placement(const ir::Graph& placed, const compiler::Placements& all, Inspection& seen) {
  const std::vector<compiler::Placement>& placements = all.nodes;
  seen.placement_summary = all.summary;
  const std::vector<std::string> names = ir::value_names(placed);
  for (std::size_t n = 0; n < placements.size(); ++n) {
    const ir::Node& node = placed.nodes[n];
    if (!is_listed(node)) continue;
    const auto& [device, why, estimates] = placements[n];
    seen.placements.push_back({names[n], std::string(ir::name(node.op)), seen.devices[device], why, {}});
    for (std::size_t d = 0; estimates != nullptr && d < estimates->size(); ++d) {
      const compiler::DeviceEstimate& e = (*estimates)[d];
      if (!e.runs) continue;
      seen.placements.back().estimates.push_back(
          {seen.devices[d], e.run_ns, e.copies_ns, e.start_ns, e.finish_ns, e.rest_ns});
    }
    if (node.op != ir::Op::copy) continue;
    seen.copies.push_back({placed.ToString(node.type()), seen.devices[placements[node.inputs[0].node].device],
                           seen.devices[device], why, byte_size(node.type())});
  }
}

}  // namespace

StatusOr<Inspection> inspect(const ir::Graph& graph, compiler::CompileOptions options,
                             compiler::CodeCache& code, const std::optional<Roofline>& roofline,
                             std::span<const std::string> output_names) {
  Inspection seen;
  seen.roofline = roofline;
  seen.name = graph.name;
  for (const compiler::DeviceDescription& device : options.devices) seen.devices.push_back(device.name);
  std::vector<compiler::FusionBoundary> boundaries;
  compiler::Placements placements;
  ir::Graph fused;
  options.tier = compiler::Tier::tiles;
  options.boundaries = &boundaries;
  options.placements = &placements;
  options.observe = [&](std::string_view stage, const ir::Graph& g) {
    if (stage == "placed") {
      describe_placement(g, placements, seen);
    } else if (stage == "fused") {
      fused = g;
    }
  };
  const auto compiled = compiler::compile(graph, options, code);
  if (!compiled.ok()) return compiled.status();
  const Program& program = **compiled;
  for (std::size_t i = 0; i < graph.parameters.size(); ++i) {
    const ir::Type& type = graph.nodes[graph.parameters[i]].type();
    seen.inputs.push_back({graph.parameter_names[i], graph.ToString(type), byte_size(type)});
  }
  for (std::size_t o = 0; o < graph.outputs.size(); ++o) {
    const ir::Type& type = graph.type(graph.outputs[o]);
    seen.outputs.push_back(
        {o < output_names.size() ? output_names[o] : "", graph.ToString(type), byte_size(type)});
  }
  count_ops(graph, seen);
  describe_steps(fused, program, seen);
  describe_concurrency(program, seen);
  describe_memory(program, seen);
  const std::vector<std::uint32_t> step_of = main_step_of(fused, program);
  for (compiler::FusionBoundary& b : boundaries) {
    const std::uint32_t from = step_of[b.producer], to = step_of[b.reader];
    if (from == ~0u || to == ~0u || from == to) continue;
    seen.boundaries.push_back({from, to, std::move(b.value), std::move(b.why)});
  }
  return seen;
}

}  // namespace leat::frontend

namespace leat {
namespace {

frontend::ContextState& inspected_state(const InspectOptions& options) {
  return *(options.context != nullptr ? *options.context : Context::Current()).state();
}

}  // namespace

StatusOr<Inspection> inspect(const Graph& graph, const InspectOptions& options) {
  frontend::ContextState& state = inspected_state(options);
  return frontend::inspect(graph.state().graph, state.compile_options(), state.code(), options.roofline);
}

StatusOr<Inspection> inspect(std::span<const Tensor> tensors, const InspectOptions& options) {
  frontend::ContextState& state = inspected_state(options);
  compiler::CompileOptions compile = state.compile_options();
  const StatusOr<ir::Graph> graph = frontend::graph_of(tensors, state, &compile.input_devices);
  if (!graph.ok()) return graph.status();
  return frontend::inspect(*graph, std::move(compile), state.code(), options.roofline);
}

}  // namespace leat
