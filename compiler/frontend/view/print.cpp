// The text of what is shown of a view.
#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "compiler/frontend/view/fold.h"
#include "ir/printer.h"

namespace leat::frontend {
namespace {

class Printing {
 public:
  Printing(const View& view, const Groups& groups, const Shown& shown)
      : view_(view), groups_(groups), shown_(shown) {}

  std::string Run() {
    if (shown_.folded) {
      Items(0, "");
    } else {
      for (std::uint32_t n = 0; n < view_.nodes.size(); ++n) {
        if (shown_.of_node[n] == static_cast<std::int32_t>(n)) Node(n, "");
      }
    }
    std::string text = std::string(ir::kNotParsable) + shown_.left_out + "\n" + Header() + body_;
    if (const std::size_t line = view_.footer.find("  return"); line != std::string::npos) {
      text += view_.footer.substr(line);
    } else {
      text += view_.footer;
    }
    for (std::size_t i = 0; i < bodies_.size(); ++i) {  // a body may name others
      for (const auto& [name, body] : view_.bodies) {
        if (name != bodies_[i]) continue;
        text += "\n" + body;
        for (const auto& [other, unused] : view_.bodies) {
          if (body.find("=" + other + ",") != std::string::npos ||
              body.find("=" + other + "}") != std::string::npos) {
            AddBody(other);
          }
        }
      }
    }
    return text;
  }

 private:
  void AddBody(const std::string& name) {
    if (std::find(bodies_.begin(), bodies_.end(), name) == bodies_.end()) bodies_.push_back(name);
  }
  void Items(std::int32_t g, const std::string& indent) {
    const Group& group = groups_.groups[g];
    if (group.kind == Group::Kind::repeat) {
      const Group& first = groups_.groups[-1 - group.items[0]];
      body_ += absl::StrCat(indent, "  // ", group.name, ": ", first.nodes, " nodes, ", group.items.size(),
                            " times alike; this is the first {\n");
      Items(-1 - group.items[0], indent + "  ");
      body_ += indent + "  // }\n";
      return;
    }
    for (const std::int32_t item : group.items) {
      if (item >= 0) {
        if (shown_.of_node[item] == item) Node(static_cast<std::uint32_t>(item), indent);
      } else if (!shown_.open[-1 - item]) {
        Box(-1 - item, indent);
      } else {
        Items(-1 - item, indent);
      }
    }
  }
  void Node(std::uint32_t n, const std::string& indent) {
    const ViewNode& node = view_.nodes[n];
    for (std::size_t begin = 0; begin < node.text.size();) {
      const std::size_t end = std::min(node.text.find('\n', begin), node.text.size() - 1);
      body_ += indent + node.text.substr(begin, end + 1 - begin);
      begin = end + 1;
    }
    for (const std::string& name : node.body_names) AddBody(name);
  }
  void Box(std::int32_t g, const std::string& indent) {
    const Group& group = groups_.groups[g];
    // What others read of it.
    std::string gives;
    std::set<std::uint32_t> seen;
    const std::int32_t box = -2 - g;
    for (const ViewEdge& e : view_.edges) {
      if (shown_.of_node[e.from] != box || shown_.of_node[e.to] == box || !seen.insert(e.from).second)
        continue;
      constexpr std::size_t kMostNames = 4;
      if (seen.size() > kMostNames) {
        gives += ", ...";
        break;
      }
      gives += (gives.empty() ? " -> " : ", ") + view_.nodes[e.from].id + ": " + view_.nodes[e.from].types;
    }
    body_ += absl::StrCat(indent, "  // scope \"", group.path.empty() ? group.name : group.path,
                          "\": ", group.nodes, " nodes", gives, "\n");
  }
  // Parameters and buffers that nothing shown needs are counted.
  std::string Header() const {
    std::string text;
    std::size_t left_out = 0;
    std::set<std::string> hidden;
    for (std::uint32_t n = 0; n < view_.nodes.size(); ++n) {
      const bool parameter = view_.nodes[n].kind == ViewNode::Kind::parameter;
      if (parameter && shown_.of_node[n] != static_cast<std::int32_t>(n)) hidden.insert(view_.nodes[n].id);
    }
    const bool program = view_.header.starts_with("program ");
    const auto finish = [&] {
      if (left_out > 0) {
        absl::StrAppend(&text, program ? "  // ... " : "    // ... ", left_out,
                        program ? " buffer" : " parameter", left_out == 1 ? "\n" : "s\n");
      }
      left_out = 0;
    };
    for (std::size_t begin = 0; begin < view_.header.size();) {
      const std::size_t end = std::min(view_.header.find('\n', begin), view_.header.size() - 1);
      const std::string line = view_.header.substr(begin, end + 1 - begin);
      begin = end + 1;
      const std::size_t name = line.find_first_not_of(' ');
      const std::size_t colon = line.find(": ");
      bool leave = false;
      if (name != std::string::npos && name > 0 && colon != std::string::npos) {
        const std::string id = line.substr(name, colon - name);
        leave = program ? !mentions(body_, id) && !mentions(view_.footer, id)
                        : hidden.contains(id) && !line.ends_with("{\n");
      }
      if (leave) {
        ++left_out;
      } else {
        finish();
        text += line;
      }
    }
    finish();
    return text;
  }

  const View& view_;
  const Groups& groups_;
  const Shown& shown_;
  std::string body_;
  std::vector<std::string> bodies_;
};

}  // namespace

std::string print(const View& view, const Groups& groups, const Shown& shown) {
  if (shown.whole) {
    const std::string text = print(view);
    if (view.elided == 0) return text;
    return absl::StrCat(std::string(ir::kNotParsable), view.elided,
                        view.elided == 1 ? " large constant is" : " large constants are",
                        " elided; constants=-1 shows all whole\n", text);
  }
  return Printing(view, groups, shown).Run();
}

}  // namespace leat::frontend
