#include "runtime/program/program.h"

#include <algorithm>
#include <string>

#include "runtime/executor/step_graph.h"

namespace leat::runtime {
namespace {

Status invalid(std::string message) {
  return Status(Code::invalid_argument, "program: " + std::move(message));
}

std::string step_name(const Program& p, std::size_t s) {
  return "step " + std::to_string(s) + " (" + p.steps[s].name + ")";
}

Status check_buffers(const Program& p) {
  const std::size_t n = p.buffers.size();
  for (std::size_t b = 0; b < n; ++b) {
    const BufferInfo& buffer = p.buffers[b];
    const std::string who = "buffer " + std::to_string(b);
    if (buffer.bytes < 0) return invalid(who + " has a negative size");
    switch (buffer.kind) {
      case BufferInfo::Kind::input:
        if (buffer.index >= p.inputs.size() || p.inputs[buffer.index] != b) {
          return invalid(who + " is not input " + std::to_string(buffer.index));
        }
        break;
      case BufferInfo::Kind::output:
        if (buffer.index >= p.outputs.size() || p.outputs[buffer.index] != b) {
          return invalid(who + " is not output " + std::to_string(buffer.index));
        }
        break;
      case BufferInfo::Kind::constant:
        if (!buffer.data && buffer.bytes > 0) return invalid(who + " is a constant without data");
        break;
      case BufferInfo::Kind::temporary:
        if (buffer.bytes == 0) break;
        if (buffer.device >= p.arena_bytes.size() || buffer.offset < 0 || buffer.offset % 64 != 0 ||
            buffer.offset > p.arena_bytes[buffer.device] - buffer.bytes) {
          return invalid(who + " lies outside the arena of its device, or is not aligned to 64 bytes");
        }
        break;
    }
  }
  for (std::size_t i = 0; i < p.inputs.size(); ++i) {
    if (p.inputs[i] >= n || p.buffers[p.inputs[i]].kind != BufferInfo::Kind::input) {
      return invalid("input " + std::to_string(i) + " names no input buffer");
    }
  }
  for (std::size_t o = 0; o < p.outputs.size(); ++o) {
    if (p.outputs[o] >= n || p.buffers[p.outputs[o]].kind == BufferInfo::Kind::temporary) {
      return invalid("output " + std::to_string(o) + " names no output, input or constant buffer");
    }
  }
  return {};
}

Status check_steps(const Program& p) {
  for (std::size_t s = 0; s < p.steps.size(); ++s) {
    const Step& step = p.steps[s];
    if (step.units < 0 || step.grain < 1) return invalid(step_name(p, s) + " has a bad range or grain");
    for (const Use& use : step.uses) {
      if (use.buffer >= p.buffers.size()) return invalid(step_name(p, s) + " uses a buffer out of range");
      const BufferInfo::Kind kind = p.buffers[use.buffer].kind;
      if (use.write && (kind == BufferInfo::Kind::input || kind == BufferInfo::Kind::constant)) {
        return invalid(step_name(p, s) + " writes an input or a constant");
      }
    }
    for (std::uint32_t source : step.sources) {
      if (source >= p.sources.size()) return invalid(step_name(p, s) + " names a source out of range");
    }
  }
  for (const Edge& e : p.edges) {
    if (e.to >= p.steps.size() || e.from >= p.steps.size()) return invalid("an edge is out of range");
    if (e.from >= e.to) {
      return invalid("an edge from step " + std::to_string(e.from) + " to step " + std::to_string(e.to) +
                     " goes against the order of the steps");
    }
  }
  return {};
}

/// An output that is an input which no step reads would not keep a run from ending before the input is there:
/// a join reads it.
void add_joins(Program& p) {
  std::vector<bool> read(p.buffers.size(), false);
  for (const Step& step : p.steps) {
    for (const Use& use : step.uses) read[use.buffer] = true;
  }
  for (std::uint32_t b : p.outputs) {
    if (p.buffers[b].kind != BufferInfo::Kind::input || read[b]) continue;
    read[b] = true;
    Step join;
    join.name = "pass";
    join.uses = {{b, false}};
    join.device = p.buffers[b].device;
    p.steps.push_back(std::move(join));
    if (!p.stream_uses.empty()) p.stream_uses.emplace_back();
  }
}

}  // namespace

const StreamUse& StepContext::stream_use() const {
  static const StreamUse kNone;
  return kNone;
}

std::string_view name(Cause cause) {
  switch (cause) {
    case Cause::use: return "use";
    case Cause::reuse: return "reuse";
    case Cause::stream: return "stream";
    case Cause::device_graph: return "device_graph";
    case Cause::admission: return "admission";
  }
  return "unknown";
}

Status Program::Finish() {
  if (steps.size() >= 0x7f000000u) return invalid("more than 2^31 steps");
  if (Status s = check_buffers(*this); !s.ok()) return s;
  if (Status s = check_steps(*this); !s.ok()) return s;
  add_joins(*this);
  const auto before = [](const Edge& a, const Edge& b) {
    return a.from != b.from ? a.from < b.from : a.to != b.to ? a.to < b.to : a.cause < b.cause;
  };
  if (!std::is_sorted(edges.begin(), edges.end(), before)) std::sort(edges.begin(), edges.end(), before);
  edges.erase(std::unique(edges.begin(), edges.end(),
                          [](const Edge& a, const Edge& b) { return a.from == b.from && a.to == b.to; }),
              edges.end());

  const auto n = static_cast<std::uint32_t>(steps.size());
  successor_begin.assign(n + 1, 0);
  in_degree.assign(n, 0);
  successors.resize(edges.size());
  for (const Edge& e : edges) {
    ++successor_begin[e.from + 1];
    ++in_degree[e.to];
  }
  for (std::uint32_t s = 0; s < n; ++s) successor_begin[s + 1] += successor_begin[s];
  for (std::size_t k = 0; k < edges.size(); ++k) successors[k] = edges[k].to;  // edges are sorted by `from`
  for (std::uint32_t s = n; s-- > 0;) {
    double longest = 0;
    const auto first = successors.begin() + successor_begin[s],
               last = successors.begin() + successor_begin[s + 1];
    for (auto t = first; t != last; ++t) longest = std::max(longest, steps[*t].rank_ns);
    // Without estimates the rank still counts steps, so that the longest path comes first.
    steps[s].rank_ns = longest + std::max(steps[s].cost_ns, 1.0);
    const auto less_urgent = [&](std::uint32_t a, std::uint32_t b) {
      return steps[a].rank_ns < steps[b].rank_ns;
    };
    if (!std::is_sorted(first, last, less_urgent)) std::stable_sort(first, last, less_urgent);
  }
  input_readers.assign(inputs.size(), {});
  for (std::uint32_t s = 0; s < n; ++s) {
    for (const Use& use : steps[s].uses) {
      const BufferInfo& buffer = buffers[use.buffer];
      if (buffer.kind != BufferInfo::Kind::input) continue;
      std::vector<std::uint32_t>& readers = input_readers[buffer.index];
      if (readers.empty() || readers.back() != s) readers.push_back(s);
    }
  }
  graph = build_step_graph(*this);
  return {};
}

}  // namespace leat::runtime
