// The text and the picture of a Program.
#include <algorithm>
#include <cstdio>
#include <string>

#include "runtime/program/describe_source.h"
#include "runtime/program/program.h"

namespace leat::runtime {
namespace {

std::string type_text(const ir::Type& type) { return std::string(name(type.dtype)) + type.shape.ToString(); }

std::string nanoseconds(double ns) {
  char text[32];
  if (ns < 1e3) {
    std::snprintf(text, sizeof text, "%.0fns", ns);
  } else if (ns < 1e6) {
    std::snprintf(text, sizeof text, "%.3gus", ns / 1e3);
  } else {
    std::snprintf(text, sizeof text, "%.3gms", ns / 1e6);
  }
  return text;
}

std::string_view kind_name(BufferInfo::Kind kind) {
  switch (kind) {
    case BufferInfo::Kind::input: return "input";
    case BufferInfo::Kind::output: return "output";
    case BufferInfo::Kind::constant: return "constant";
    case BufferInfo::Kind::temporary: return "temporary";
  }
  return "unknown";
}

std::string buffer_line(const Program& p, std::size_t b) {
  const BufferInfo& buffer = p.buffers[b];
  std::string s = "b" + std::to_string(b) + ": " + std::string(kind_name(buffer.kind));
  if (buffer.kind == BufferInfo::Kind::input || buffer.kind == BufferInfo::Kind::output) {
    s += " " + std::to_string(buffer.index);
  }
  s += " " + type_text(buffer.type) + " " + std::to_string(buffer.bytes) + "B on " +
       std::to_string(buffer.device);
  if (buffer.kind == BufferInfo::Kind::temporary) s += " at " + std::to_string(buffer.offset);
  return s;
}

std::string list(const char* word, const Step& step, bool write) {
  std::string s;
  for (const Use& use : step.uses) {
    if (use.write == write) s += " b" + std::to_string(use.buffer);
  }
  return s.empty() ? s : std::string(" ") + word + s;
}

// Where the parts of a step were written, and what the user called them: `a.cpp:3 label="relu" scope="head"`.
std::vector<std::string> places(const Program& p, const Step& step) {
  std::vector<std::string> all;
  for (std::uint32_t k : step.sources) {
    const ir::NodeLocation& at = p.sources[k].location;
    std::string s;
    const auto add = [&](const std::string& part) { s += (s.empty() ? "" : " ") + part; };
    if (at.source.known()) add(std::string(at.source.file) + ":" + std::to_string(at.source.line));
    if (!at.label.empty()) add("label=\"" + at.label + "\"");
    if (!at.scope.empty()) add("scope=\"" + at.scope + "\"");
    if (!s.empty() && std::find(all.begin(), all.end(), s) == all.end()) all.push_back(std::move(s));
  }
  return all;
}

std::string locations(const Program& p, const Step& step) {
  std::string s;
  for (const std::string& place : places(p, step)) s += (s.empty() ? "  // " : ", ") + place;
  return s;
}

}  // namespace

std::string describe(const Source& source, const ir::NodeLocation& at) {
  std::string s = source.signature;
  if (!at.label.empty()) s += (s.empty() ? "\"" : ", \"") + at.label + "\"";
  if (!at.scope.empty()) s += (s.empty() ? "scope \"" : " in scope \"") + at.scope + "\"";
  return s;
}

std::string print(const Program& program) {
  std::string s = "program @" + program.name + " {\n";
  for (std::size_t b = 0; b < program.buffers.size(); ++b) s += "  " + buffer_line(program, b) + "\n";
  std::vector<std::string> after(program.steps.size());
  for (const Edge& e : program.edges) {
    after[e.to] += (after[e.to].empty() ? " after " : ", ") + std::to_string(e.from) + " (" +
                   std::string(name(e.cause)) + ")";
  }
  for (std::size_t k = 0; k < program.steps.size(); ++k) {
    const Step& step = program.steps[k];
    s += "  step " + std::to_string(k) + " " + step.name + " on " + std::to_string(step.device);
    if (step.body && step.body->queued()) s += " stream " + std::to_string(program.stream_uses[k].stream);
    s += list("reads", step, false) + list("writes", step, true);
    if (step.units != 1) {
      s += " units " + std::to_string(step.units) + " grain " + std::to_string(step.grain);
    }
    s += " cost " + nanoseconds(step.cost_ns) + " rank " + nanoseconds(step.rank_ns) + after[k];
    s += locations(program, step) + "\n";
    s += step.body ? "    " + std::string(step.body->kind()) + ": " + step.body->ToString() + "\n"
                   : "    join\n";
  }
  s += "  return";
  for (std::uint32_t o : program.outputs) s += " b" + std::to_string(o);
  return s + "\n}\n";
}

std::string print_memory(const Program& program) {
  std::string s = "memory @" + program.name + " {\n";
  for (std::size_t d = 0; d < program.arena_bytes.size(); ++d) {
    s += "  arena of device " + std::to_string(d) + ": " + std::to_string(program.arena_bytes[d]) + "B\n";
  }
  std::vector<std::uint32_t> order;
  for (std::uint32_t b = 0; b < program.buffers.size(); ++b) {
    if (program.buffers[b].kind == BufferInfo::Kind::temporary) order.push_back(b);
  }
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    const BufferInfo &x = program.buffers[a], &y = program.buffers[b];
    return x.device != y.device ? x.device < y.device : x.offset < y.offset;
  });
  // The steps between which a block is in use, in the order of the program.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> life(program.buffers.size(), {~0u, 0u});
  for (std::uint32_t k = 0; k < program.steps.size(); ++k) {
    for (const Use& use : program.steps[k].uses) {
      life[use.buffer].first = std::min(life[use.buffer].first, k);
      life[use.buffer].second = k;
    }
  }
  for (std::uint32_t b : order) {
    const BufferInfo& buffer = program.buffers[b];
    s += "  device " + std::to_string(buffer.device) + " [" + std::to_string(buffer.offset) + ", " +
         std::to_string(buffer.offset + buffer.bytes) + ") b" + std::to_string(b) + " " +
         type_text(buffer.type);
    if (life[b].first != ~0u) {
      s += " steps " + std::to_string(life[b].first) + ".." + std::to_string(life[b].second);
    }
    s += "\n";
  }
  const auto reuse = std::count_if(program.edges.begin(), program.edges.end(),
                                   [](const Edge& e) { return e.cause == Cause::reuse; });
  s += "  edges for reuse: " + std::to_string(reuse) + "\n";
  s += "  peak " + std::to_string(program.peak_bytes) + "B";
  if (program.best_order_peak_bytes > 0) {  // looked for only where reuse pays
    s += ", best sequential order " + std::to_string(program.best_order_peak_bytes) + "B";
  }
  s += "\n";
  return s + "}\n";
}

}  // namespace leat::runtime
