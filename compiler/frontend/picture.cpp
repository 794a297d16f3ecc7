#include "compiler/frontend/picture.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"

namespace leat::frontend {
namespace {

// Abseil's own string_view is another type than std's.
template <class T>
const T& piece(const T& part) {
  return part;
}
absl::string_view piece(std::string_view part) { return {part.data(), part.size()}; }
template <class... Parts>
std::string cat(const Parts&... parts) {
  return absl::StrCat(piece(parts)...);
}
template <class... Parts>
void append(std::string* to, const Parts&... parts) {
  absl::StrAppend(to, piece(parts)...);
}

// Text inside a quoted DOT string; lines end in `end` (\n centres, \l aligns to the left).
std::string escaped(std::string_view text, std::string_view end = "\\n") {
  std::string s;
  for (const char c : text) {
    if (c == '"' || c == '\\') s += '\\';
    if (c == '\n') {
      s += end;
    } else {
      s += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return s;
}

std::string open_picture(std::string_view name, std::string_view font) {
  return cat("digraph \"", escaped(name), "\" {\n  node [shape=box, fontname=\"", font, "\"];\n");
}

bool is_scalar_constant(const ViewNode& node) {
  return node.kind == ViewNode::Kind::constant && node.types.find("[]") != std::string::npos;
}

std::string nanoseconds(double ns) {
  const double us = ns / 1e3;
  return ns < 1e3   ? cat(static_cast<int>(ns + 0.5), "ns")
         : us < 1e3 ? cat(static_cast<int>(us + 0.5), "us")
                    : cat(static_cast<int>(us / 1e3 + 0.5), "ms");
}

class Drawing {
 public:
  Drawing(const View& view, const Groups& groups, const Shown& shown)
      : view_(view), groups_(groups), shown_(shown) {}

  std::string Run(const std::string& name) {
    dot_ = open_picture(name, "Helvetica");
    dot_ +=
        "  node [fontsize=11, margin=\"0.12,0.06\"]; edge [color=\"#5f6b7a\", arrowsize=0.7, "
        "fontname=\"Helvetica\", fontsize=10];\n";
    Items(0, "  ");
    std::set<std::pair<std::int32_t, std::int32_t>> seen;
    for (const ViewEdge& e : view_.edges) {
      const std::int32_t from = shown_.of_node[e.from], to = shown_.of_node[e.to];
      if (from == to || !drawn_.contains(from) || !drawn_.contains(to) || !seen.emplace(from, to).second) {
        continue;
      }
      append(&dot_, "  ", id(from), " -> ", id(to));
      const bool back = drawn_[from] > drawn_[to];
      if (back) {
        dot_ += " [style=dashed, constraint=false, label=\"next\"]";
      } else if (!e.cause.empty()) {
        append(&dot_, " [style=dashed, label=\"", e.cause, "\"]");
      }
      dot_ += ";\n";
    }
    return dot_ + "}\n";
  }

 private:
  static std::string id(std::int32_t shown) { return shown >= 0 ? cat("n", shown) : cat("g", -2 - shown); }

  void Items(std::int32_t g, const std::string& indent) {
    const Group& group = groups_.groups[g];
    for (const std::int32_t item : group.items) {
      if (item >= 0) {
        if (shown_.of_node[item] == item) Node(static_cast<std::uint32_t>(item), indent);
      } else if (!shown_.open[-1 - item]) {
        const Group& box = groups_.groups[-1 - item];
        drawn_.emplace(-2 - (-1 - item), drawn_.size());
        append(&dot_, indent, id(-2 - (-1 - item)), " [label=\"", escaped(box.name), "\\n", box.nodes,
               " nodes\", shape=box3d, style=filled, fillcolor=\"#eceff4\"];\n");
      } else {
        const Group& inner = groups_.groups[-1 - item];
        const bool shows = Shows(-1 - item);
        // A frame around each instance of a repeat that is shown once would say nothing.
        const bool frame = shows && inner.kind != Group::Kind::instance &&
                           (shown_.folded || inner.kind == Group::Kind::scope);
        if (frame) {
          append(&dot_, indent, "subgraph cluster_", -1 - item, " {\n", indent, "  label=\"",
                 escaped(inner.name), "\"; fontname=\"Helvetica\"; fontsize=11; style=rounded; color=\"",
                 inner.kind == Group::Kind::repeat ? "#c2185b\"; penwidth=2" : "#9aa5b1\"; penwidth=1",
                 ";\n");
        }
        Items(-1 - item, frame ? indent + "  " : indent);
        if (frame) dot_ += indent + "}\n";
      }
    }
  }
  bool Shows(std::int32_t g) const {
    for (const std::int32_t item : groups_.groups[g].items) {
      if (item >= 0 ? shown_.of_node[item] == item && !is_scalar_constant(view_.nodes[item])
                    : !shown_.open[-1 - item] || Shows(-1 - item)) {
        return true;
      }
    }
    return false;
  }
  void Node(std::uint32_t n, const std::string& indent) {
    const ViewNode& node = view_.nodes[n];
    if (is_scalar_constant(node)) return;
    drawn_.emplace(static_cast<std::int32_t>(n), drawn_.size());
    std::string label = node.title;
    if (node.kind == ViewNode::Kind::fused) {  // an op on each line
      for (std::size_t at = label.find(", "); at != std::string::npos; at = label.find(", ", at)) {
        label.replace(at, 2, "\n");
      }
    }
    if (node.kind == ViewNode::Kind::step) {
      label = cat(node.id.substr(1), " ", label, "\n", node.op, ", ", nanoseconds(node.cost_ns),
                  node.device > 0 ? cat(" on ", node.device) : std::string());
    }
    if (!node.label.empty()) append(&label, "\n\"", node.label, "\"");
    if (!node.types.empty()) append(&label, "\n", node.types);
    if (!node.at.empty() && node.kind != ViewNode::Kind::fused) append(&label, "\n", node.at);
    std::string_view style;
    switch (node.kind) {
      case ViewNode::Kind::parameter:
      case ViewNode::Kind::output: style = ", shape=ellipse, style=filled, fillcolor=\"#e6f4ea\""; break;
      case ViewNode::Kind::constant: style = ", shape=note, style=filled, fillcolor=\"#f6f1e3\""; break;
      case ViewNode::Kind::fused: style = ", style=\"filled,rounded\", fillcolor=\"#e8f0fe\""; break;
      case ViewNode::Kind::step: style = ", style=\"filled,rounded\", fillcolor=\"#fdf0e2\""; break;
      case ViewNode::Kind::op: style = ", style=rounded"; break;
    }
    append(&dot_, indent, "n", n, " [label=\"", escaped(label), "\"", style, "];\n");
  }

  const View& view_;
  const Groups& groups_;
  const Shown& shown_;
  std::string dot_;
  std::map<std::int32_t, std::size_t> drawn_;  // and in which order
};

}  // namespace

std::string draw(const View& view, const Groups& groups, const Shown& shown) {
  return Drawing(view, groups, shown).Run(view.stage);
}

std::string draw(const std::vector<NamedKernel>& kernels) {
  std::string dot = open_picture("kernels", "monospace");
  for (std::size_t k = 0; k < kernels.size(); ++k) {
    const ir::Kernel& kernel = *kernels[k].kernel;
    append(&dot, "  subgraph cluster_", k, " {\n  label=\"", escaped(kernels[k].name),
           "\"; fontname=\"Helvetica\";\n");
    const auto value = [k](std::size_t v) { return cat("k", k, "v", v); };
    const std::size_t inputs = kernel.inputs.size();
    for (std::size_t v = 0; v < inputs; ++v) {
      const ir::Kernel::Input& input = kernel.inputs[v];
      const std::string_view kind = input.kind == ir::Kernel::Input::Kind::memory  ? "memory"
                                    : input.kind == ir::Kernel::Input::Kind::index ? "index"
                                                                                   : "scalar";
      append(&dot, "  ", value(v), " [shape=ellipse, label=\"", kind, " ", input.slot, "\\n",
             name(input.dtype), "\"];\n");
    }
    for (std::size_t i = 0; i < kernel.body.size(); ++i) {
      const ir::Kernel::Instruction& in = kernel.body[i];
      append(&dot, "  ", value(inputs + i), " [label=\"", ir::name(in.op), "\\n", name(in.dtype),
             in.level == ir::Kernel::Level::row ? " a row" : "", "\"];\n");
      for (int o = 0; o < in.operand_count; ++o) {
        append(&dot, "  ", value(in.operands[o]), " -> ", value(inputs + i), ";\n");
      }
    }
    for (std::size_t o = 0; o < kernel.outputs.size(); ++o) {
      append(&dot, "  k", k, "out", o, " [shape=ellipse, label=\"store ", kernel.outputs[o].slot, "\"];\n  ",
             value(kernel.outputs[o].value), " -> k", k, "out", o, ";\n");
    }
    dot += "  }\n";
  }
  return dot + "}\n";
}

std::string draw_memory(const runtime::Program& program) {
  struct Life {
    std::uint32_t first = ~0u, last = 0;
  };
  std::vector<Life> life(program.buffers.size());
  for (std::uint32_t s = 0; s < program.steps.size(); ++s) {
    for (const runtime::Use& use : program.steps[s].uses) {
      life[use.buffer].first = std::min(life[use.buffer].first, s);
      life[use.buffer].last = s;
    }
  }
  std::string dot = open_picture(program.name + " memory", "monospace");
  for (std::size_t d = 0; d < program.arena_bytes.size(); ++d) {
    std::vector<std::uint32_t> blocks;
    for (std::uint32_t b = 0; b < program.buffers.size(); ++b) {
      const runtime::BufferInfo& info = program.buffers[b];
      if (info.kind == runtime::BufferInfo::Kind::temporary && info.device == d) blocks.push_back(b);
    }
    std::stable_sort(blocks.begin(), blocks.end(), [&](std::uint32_t a, std::uint32_t b) {
      return program.buffers[a].offset < program.buffers[b].offset;
    });
    append(&dot, "  arena", d, " [shape=plain, label=<<table border=\"0\" cellborder=\"1\" ",
           "cellspacing=\"0\"><tr><td>device ", d, ", ", program.arena_bytes[d], " bytes</td>");
    // Beyond this many steps the table says first..last instead of drawing each.
    constexpr std::size_t kMostColumns = 64;
    const bool columns = program.steps.size() <= kMostColumns;
    for (std::size_t s = 0; columns && s < program.steps.size(); ++s) {
      append(&dot, "<td>step ", s, "</td>");
    }
    dot += "</tr>";
    for (const std::uint32_t b : blocks) {
      const runtime::BufferInfo& info = program.buffers[b];
      append(&dot, "<tr><td align=\"left\">[", info.offset, ", ", info.offset + info.bytes, ") b", b);
      if (!columns) append(&dot, " steps ", life[b].first, "..", life[b].last);
      dot += "</td>";
      for (std::size_t s = 0; columns && s < program.steps.size(); ++s) {
        const bool lives = life[b].first <= s && s <= life[b].last;
        append(&dot, lives ? "<td bgcolor=\"#9fc5e8\"> </td>" : "<td> </td>");
      }
      dot += "</tr>";
    }
    dot += "</table>>];\n";
  }
  return dot + "}\n";
}

namespace {

struct Block {
  std::string name, text;
  std::vector<std::string> targets;
  bool falls_through = true;  // to the block below
};

// "name:" at the start of a line opens a block. In LLVM IR a branch names its targets as "label %name"; in
// assembly a jump's last word is its target.
std::vector<Block> split_blocks(std::string_view text, bool assembly) {
  std::vector<Block> blocks;
  for (std::size_t begin = 0, end = 0; begin < text.size(); begin = end + 1) {
    end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    std::string_view plain = line.substr(std::min(line.find_first_not_of(" \t"), line.size()));
    while (!plain.empty() && (plain.back() == ' ' || plain.back() == '\t')) plain.remove_suffix(1);
    if (plain.empty() || (assembly && plain[0] == '.' && plain.back() != ':')) continue;
    const std::size_t colon = plain.find(':');
    const bool label = line[0] != ' ' && line[0] != '\t' && colon != std::string_view::npos &&
                       plain.substr(0, colon).find_first_of(" \"=") == std::string_view::npos;
    if (label) {
      blocks.push_back({std::string(plain.substr(0, colon)), "", {}, true});
      continue;
    }
    if (blocks.empty() || (!assembly && line[0] != ' ')) continue;  // what stands around the function
    Block& block = blocks.back();
    append(&block.text, plain, "\n");
    if (!assembly) {
      block.falls_through = false;  // every block ends in a branch or a return
      for (std::size_t at = plain.find("label %"); at != std::string_view::npos;
           at = plain.find("label %", at + 1)) {
        const std::string_view rest = plain.substr(at + 7);
        block.targets.emplace_back(rest.substr(0, rest.find_first_of(", ]")));
      }
    } else if (plain[0] == 'j') {
      block.targets.emplace_back(plain.substr(plain.find_last_of(" \t") + 1));
      if (plain.starts_with("jmp")) block.falls_through = false;
    } else if (plain.starts_with("ret")) {
      block.falls_through = false;
    }
  }
  // Labels of data are no blocks: nothing jumps to them, nothing stands in them.
  std::set<std::string> targets;
  for (const Block& b : blocks) targets.insert(b.targets.begin(), b.targets.end());
  std::erase_if(blocks, [&](const Block& b) { return b.text.empty() && !targets.contains(b.name); });
  return blocks;
}

// The first lines of a block: a picture is for its shape, the text is for the rest.
std::string shortened(const std::string& text) {
  constexpr int kMostLines = 12;
  std::size_t at = 0;
  for (int i = 0; i < kMostLines && at != std::string::npos; ++i) at = text.find('\n', at + (i > 0));
  if (at == std::string::npos || at + 1 >= text.size()) return text;
  const auto more = std::count(text.begin() + static_cast<std::ptrdiff_t>(at) + 1, text.end(), '\n');
  return cat(text.substr(0, at + 1), "... ", more, " more\n");
}

}  // namespace

std::string draw_blocks(const std::vector<CodeText>& functions, bool assembly) {
  std::string dot = open_picture("code", "monospace");
  for (std::size_t f = 0; f < functions.size(); ++f) {
    append(&dot, "  subgraph cluster_", f, " {\n  label=\"", escaped(functions[f].name),
           "\"; fontname=\"Helvetica\";\n");
    const std::vector<Block> blocks = split_blocks(functions[f].text, assembly);
    const auto id = [&](std::size_t b) { return cat("f", f, "b", b); };
    for (std::size_t b = 0; b < blocks.size(); ++b) {
      append(&dot, "  ", id(b), " [label=\"",
             escaped(blocks[b].name + ":\n" + shortened(blocks[b].text), "\\l"), "\"];\n");
      if (blocks[b].falls_through && b + 1 < blocks.size()) {
        append(&dot, "  ", id(b), " -> ", id(b + 1), ";\n");
      }
      for (const std::string& target : blocks[b].targets) {
        for (std::size_t t = 0; t < blocks.size(); ++t) {
          if (blocks[t].name == target) append(&dot, "  ", id(b), " -> ", id(t), ";\n");
        }
      }
    }
    dot += "  }\n";
  }
  return dot + "}\n";
}

}  // namespace leat::frontend
