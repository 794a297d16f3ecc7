// What of a view is shown.
#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "compiler/frontend/view/fold.h"

namespace leat::frontend {
namespace {

// Beyond this many nodes a dump is folded by itself, to about so many lines.
constexpr std::size_t kFoldFrom = 200, kLines = 150;

bool has_word(const std::string& list, const std::string& word) {
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(", ", begin), list.size());
    if (list.compare(begin, end - begin, word) == 0) return true;
    begin = end + 2;
  }
  return false;
}

bool is_called(const ViewNode& node, const std::string& name) {
  if (node.id == name || node.id == "%" + name) return true;
  if (!node.label.empty() && (node.label == name || has_word(node.label, name))) return true;
  if (node.at.empty()) return false;
  return node.at == name || node.at.ends_with("/" + name);
}

bool is_buffer(const std::string& name) {
  return name.size() > 1 && name[0] == 'b' && name.find_first_not_of("0123456789", 1) == std::string::npos;
}

StatusOr<std::set<std::uint32_t>> find(const View& view, const std::string& focus, const Stages* stages) {
  std::set<std::uint32_t> found;
  for (std::uint32_t n = 0; n < view.nodes.size(); ++n) {
    const ViewNode& node = view.nodes[n];
    const bool uses = node.kind == ViewNode::Kind::step && is_buffer(focus) &&
                      mentions(node.text.substr(0, node.text.find(" cost ")), focus);
    if (is_called(node, focus) || uses) found.insert(n);
  }
  if (found.empty() && stages != nullptr) {
    const View& first = stages->views.front();
    for (std::uint32_t n = 0; n < view.nodes.size(); ++n) {
      for (const std::uint32_t o : view.nodes[n].origins) {
        if (is_called(first.nodes[o], focus)) found.insert(n);
      }
    }
    for (std::uint32_t o = 0; found.empty() && o < first.nodes.size(); ++o) {
      if (!is_called(first.nodes[o], focus) || o >= stages->gone.size() || stages->gone[o].empty()) continue;
      return Status(Code::not_found, "nothing is left of \"" + focus + "\" in stage " + view.stage +
                                         ": it went in " + stages->gone[o]);
    }
  }
  if (!found.empty()) return found;
  constexpr std::size_t kMostNames = 12;
  std::string ids, labels;
  std::size_t count = 0;
  std::set<std::string> seen;
  for (const ViewNode& node : view.nodes) {
    if (count++ < kMostNames) ids += (ids.empty() ? "" : ", ") + node.id;
    if (!node.label.empty() && seen.size() < kMostNames && seen.insert(node.label).second) {
      labels += (labels.empty() ? "" : ", ") + node.label;
    }
  }
  if (count > kMostNames) ids += ", ...";
  return Status(Code::not_found, "stage " + view.stage + " has no value \"" + focus + "\"; it has " + ids +
                                     (labels.empty() ? "" : "; labels: " + labels));
}

void spread(const View& view, const std::set<std::uint32_t>& from, int depth, bool up,
            std::vector<bool>* reached) {
  std::vector<std::vector<std::uint32_t>> next(view.nodes.size());
  for (const ViewEdge& e : view.edges) {
    if (up) {
      next[e.to].push_back(e.from);
    } else {
      next[e.from].push_back(e.to);
    }
  }
  std::vector<int> far(view.nodes.size(), -1);
  std::deque<std::uint32_t> queue(from.begin(), from.end());
  for (const std::uint32_t n : from) far[n] = 0;
  while (!queue.empty()) {
    const std::uint32_t n = queue.front();
    queue.pop_front();
    (*reached)[n] = true;
    if (far[n] == depth) continue;
    for (const std::uint32_t m : next[n]) {
      if (far[m] >= 0) continue;
      far[m] = far[n] + 1;
      queue.push_back(m);
    }
  }
}

class Selecting {
 public:
  Selecting(const View& view, const Groups& groups, const DumpOptions& options)
      : view_(view),
        groups_(groups),
        options_(options),
        inputs_(view.nodes.size()),
        readers_(view.nodes.size()) {
    for (const ViewEdge& e : view.edges) {
      inputs_[e.to].push_back(e.from);
      readers_[e.from].push_back(e.to);
    }
  }

  Shown Run() {
    shown_.of_node.resize(view_.nodes.size());
    for (std::size_t n = 0; n < view_.nodes.size(); ++n) shown_.of_node[n] = static_cast<std::int32_t>(n);
    shown_.open.assign(groups_.groups.size(), true);
    Fold fold = options_.fold;
    if (fold == Fold::automatic && view_.nodes.size() <= kFoldFrom) fold = Fold::none;
    if (fold == Fold::none) return std::move(shown_);
    if (fold != Fold::repeats) Collapse(fold == Fold::automatic);
    shown_.folded = true;
    Show(0);
    std::size_t gone = 0;
    for (std::size_t n = 0; n < view_.nodes.size(); ++n) {
      gone += shown_.of_node[n] != static_cast<std::int32_t>(n);
    }
    shown_.whole = gone == 0;
    if (gone > 0) {
      shown_.left_out = absl::StrCat(
          gone, " of ", view_.nodes.size(), " nodes are folded: ", repeats_ > 0 ? "repeats shown once" : "",
          repeats_ > 0 && boxes_ > 0 ? ", " : "",
          boxes_ > 0 ? "scopes collapsed (unfold=SCOPE opens one)" : "", "; fold=none shows all");
    }
    return std::move(shown_);
  }

 private:
  bool Unfolded(const Group& group) const {
    for (const std::string& scope : options_.unfold) {
      if (!group.path.empty() && (scope == group.path || scope.starts_with(group.path + "/"))) return true;
    }
    return false;
  }
  // Opens groups from the outside in, while the lines suffice.
  void Collapse(bool automatic) {
    std::deque<std::int32_t> queue{0};
    std::size_t lines = 0;
    while (!queue.empty()) {
      const std::int32_t g = queue.front();
      queue.pop_front();
      const Group& group = groups_.groups[g];
      const std::size_t more = group.kind == Group::Kind::repeat ? 1 : group.items.size();
      const bool small = automatic && lines + more <= kLines;
      const bool open = g == 0 || group.kind != Group::Kind::scope || Unfolded(group) || small;
      shown_.open[g] = open;
      if (!open) continue;
      lines += more;
      for (const std::int32_t item : group.items) {
        if (item >= 0) continue;
        queue.push_back(-1 - item);
        if (group.kind == Group::Kind::repeat) break;
      }
    }
  }
  void Flatten(std::int32_t item, bool sources, std::vector<std::uint32_t>* to) const {
    if (item >= 0) {
      if (view_.nodes[item].is_source() == sources) to->push_back(static_cast<std::uint32_t>(item));
      return;
    }
    for (const std::int32_t inner : groups_.groups[-1 - item].items) Flatten(inner, sources, to);
  }
  void Show(std::int32_t g) {
    const Group& group = groups_.groups[g];
    if (group.kind == Group::Kind::repeat) {
      Show(-1 - group.items[0]);
      ++repeats_;
      std::vector<std::uint32_t> first;
      Flatten(group.items[0], false, &first);
      for (std::size_t i = 1; i < group.items.size(); ++i) {
        std::vector<std::uint32_t> other, sources;
        Flatten(group.items[i], false, &other);
        Flatten(group.items[i], true, &sources);
        std::map<std::uint32_t, std::uint32_t> like;
        for (std::size_t k = 0; k < other.size(); ++k) {
          like[other[k]] = first[k];
          shown_.of_node[other[k]] = shown_.of_node[first[k]];
        }
        for (const std::uint32_t s : sources) shown_.of_node[s] = SourceLike(s, like);
      }
      return;
    }
    for (const std::int32_t item : group.items) {
      if (item >= 0) continue;
      if (shown_.open[-1 - item]) {
        Show(-1 - item);
        continue;
      }
      ++boxes_;
      for (const bool sources : {false, true}) {
        std::vector<std::uint32_t> inside;
        Flatten(item, sources, &inside);
        for (const std::uint32_t n : inside) shown_.of_node[n] = -2 - (-1 - item);
      }
    }
  }

  // What stands for a source of a later instance: the only source of that type that the node like its reader
  // reads; hidden where that is not one.
  std::int32_t SourceLike(std::uint32_t source, const std::map<std::uint32_t, std::uint32_t>& like) const {
    std::int32_t found = Shown::kHidden;
    for (const std::uint32_t reader : readers_[source]) {
      const auto it = like.find(reader);
      if (it == like.end()) continue;
      for (const std::uint32_t p : inputs_[it->second]) {
        if (!view_.nodes[p].is_source() || view_.nodes[p].types != view_.nodes[source].types) continue;
        const std::int32_t shown = shown_.of_node[p];
        if (found != Shown::kHidden && found != shown) return Shown::kHidden;
        found = shown;
      }
    }
    return found;
  }

  const View& view_;
  const Groups& groups_;
  const DumpOptions& options_;
  std::vector<std::vector<std::uint32_t>> inputs_, readers_;
  Shown shown_;
  std::size_t repeats_ = 0, boxes_ = 0;
};

}  // namespace

bool mentions(const std::string& text, const std::string& buffer) {
  for (std::size_t at = text.find(buffer); at != std::string::npos; at = text.find(buffer, at + 1)) {
    const std::size_t end = at + buffer.size();
    const bool starts = at == 0 || text[at - 1] == ' ';
    if (starts && (end == text.size() || std::isdigit(static_cast<unsigned char>(text[end])) == 0))
      return true;
  }
  return false;
}

StatusOr<Shown> select(const View& view, const Groups& groups, const DumpOptions& options,
                       const Stages* stages) {
  if (options.focus.empty()) return Selecting(view, groups, options).Run();
  const StatusOr<std::set<std::uint32_t>> targets = find(view, options.focus, stages);
  if (!targets.ok()) return targets.status();
  std::vector<bool> reached(view.nodes.size(), false);
  spread(view, *targets, options.depth, true, &reached);
  spread(view, *targets, options.depth, false, &reached);
  Shown shown;
  shown.open.assign(groups.groups.size(), true);
  std::size_t hidden = 0;
  for (std::size_t n = 0; n < view.nodes.size(); ++n) {
    shown.of_node.push_back(reached[n] ? static_cast<std::int32_t>(n) : Shown::kHidden);
    hidden += !reached[n];
  }
  shown.whole = hidden == 0;
  shown.left_out = absl::StrCat(view.nodes.size() - hidden, " of ", view.nodes.size(),
                                " nodes: what is at most ", options.depth, " away from ", options.focus);
  return shown;
}

}  // namespace leat::frontend
