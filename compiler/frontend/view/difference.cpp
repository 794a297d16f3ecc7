#include "compiler/frontend/view/difference.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "absl/strings/str_cat.h"

namespace leat::frontend {
namespace {

using Lines = std::vector<std::string>;

Lines split(const std::string& text) {
  Lines lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

struct Change {
  char mark;
  const std::string* line;
};

// Myers' greedy algorithm on what is between the common head and tail; beyond a bound on the work everything
// between them counts as replaced.
std::vector<Change> compare(const Lines& a, const Lines& b) {
  std::size_t head = 0, tail = 0;
  while (head < a.size() && head < b.size() && a[head] == b[head]) ++head;
  while (tail < a.size() - head && tail < b.size() - head &&
         a[a.size() - 1 - tail] == b[b.size() - 1 - tail]) {
    ++tail;
  }
  std::vector<Change> changes;
  for (std::size_t i = 0; i < head; ++i) changes.push_back({' ', &a[i]});
  const auto n = static_cast<std::ptrdiff_t>(a.size() - head - tail);
  const auto m = static_cast<std::ptrdiff_t>(b.size() - head - tail);
  constexpr std::ptrdiff_t kMostChanges = 2000;
  const std::ptrdiff_t most = std::min(n + m, kMostChanges);
  std::vector<std::vector<std::ptrdiff_t>> trace;
  std::vector<std::ptrdiff_t> v(static_cast<std::size_t>(2 * most + 3), 0);
  bool found = false;
  const auto at = [&](std::ptrdiff_t k) -> std::ptrdiff_t& {
    return v[static_cast<std::size_t>(k + most + 1)];
  };
  for (std::ptrdiff_t d = 0; d <= most && !found; ++d) {
    trace.emplace_back(v.begin() + (most + 1 - d - 1), v.begin() + (most + 1 + d + 2));
    for (std::ptrdiff_t k = -d; k <= d; k += 2) {
      std::ptrdiff_t x = k == -d || (k != d && at(k - 1) < at(k + 1)) ? at(k + 1) : at(k - 1) + 1;
      std::ptrdiff_t y = x - k;
      while (x < n && y < m &&
             a[head + static_cast<std::size_t>(x)] == b[head + static_cast<std::size_t>(y)]) {
        ++x;
        ++y;
      }
      at(k) = x;
      if (x >= n && y >= m) {
        found = true;
        break;
      }
    }
  }
  std::vector<Change> middle;
  if (found) {
    std::ptrdiff_t x = n, y = m;
    for (auto d = static_cast<std::ptrdiff_t>(trace.size()) - 1; d >= 0; --d) {
      const std::vector<std::ptrdiff_t>& before = trace[static_cast<std::size_t>(d)];
      const auto was = [&](std::ptrdiff_t k) { return before[static_cast<std::size_t>(k + d + 1)]; };
      const std::ptrdiff_t k = x - y;
      const std::ptrdiff_t from = k == -d || (k != d && was(k - 1) < was(k + 1)) ? k + 1 : k - 1;
      const std::ptrdiff_t px = d == 0 ? 0 : was(from), py = d == 0 ? 0 : px - from;
      while (x > px && y > py && x > 0 && y > 0 &&
             a[head + static_cast<std::size_t>(x - 1)] == b[head + static_cast<std::size_t>(y - 1)]) {
        middle.push_back({' ', &a[head + static_cast<std::size_t>(x - 1)]});
        --x;
        --y;
      }
      if (d == 0) break;
      if (x == px) {
        middle.push_back({'+', &b[head + static_cast<std::size_t>(y - 1)]});
      } else {
        middle.push_back({'-', &a[head + static_cast<std::size_t>(x - 1)]});
      }
      x = px;
      y = py;
    }
    std::reverse(middle.begin(), middle.end());
  } else {
    for (std::ptrdiff_t i = 0; i < n; ++i) middle.push_back({'-', &a[head + static_cast<std::size_t>(i)]});
    for (std::ptrdiff_t i = 0; i < m; ++i) middle.push_back({'+', &b[head + static_cast<std::size_t>(i)]});
  }
  changes.insert(changes.end(), middle.begin(), middle.end());
  for (std::size_t i = a.size() - tail; i < a.size(); ++i) changes.push_back({' ', &a[i]});
  return changes;
}

std::string write(const Lines& a, const Lines& b, const std::string& from, const std::string& to) {
  const std::vector<Change> changes = compare(a, b);
  const auto removed =
      std::count_if(changes.begin(), changes.end(), [](const Change& c) { return c.mark == '-'; });
  const auto added =
      std::count_if(changes.begin(), changes.end(), [](const Change& c) { return c.mark == '+'; });
  std::string text = absl::StrCat("--- ", from, "\n+++ ", to, "\n");
  if (removed == 0 && added == 0) return text + "no difference\n";
  constexpr std::size_t kContext = 3;
  for (std::size_t i = 0; i < changes.size();) {
    std::size_t end = i;
    while (end < changes.size() && changes[end].mark == ' ') ++end;
    const std::size_t first = i == 0 ? 0 : kContext, last = end == changes.size() ? 0 : kContext;
    for (std::size_t k = i; k < end; ++k) {
      const bool shorten = end - i > first + last + 1;
      if (shorten && k == i + first)
        absl::StrAppend(&text, "  ... ", end - i - first - last, " lines alike\n");
      if (shorten && k >= i + first && k < end - last) continue;
      absl::StrAppend(&text, " ", *changes[k].line, "\n");
    }
    for (i = end; i < changes.size() && changes[i].mark != ' '; ++i) {
      absl::StrAppend(&text, std::string(1, changes[i].mark), *changes[i].line, "\n");
    }
  }
  return absl::StrCat(text, removed, removed == 1 ? " line" : " lines", " gone, ", added, " new\n");
}

/// Each "%name" and "@name" of a line, replaced.
std::string renamed(const std::string& line, const std::unordered_map<std::string, std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < line.size();) {
    if (line[i] == '"') {  // a string
      std::size_t end = i + 1;
      while (end < line.size() && line[end] != '"') end += line[end] == '\\' ? 2 : 1;
      end = std::min(end + 1, line.size());
      text += line.substr(i, end - i);
      i = end;
      continue;
    }
    if (line[i] != '%') {
      text += line[i++];
      continue;
    }
    std::size_t end = i + 1;
    if (end < line.size() && line[end] == '"') {
      end = std::min(line.find('"', end + 1), line.size() - 1) + 1;
    } else {
      while (end < line.size() && (std::isalnum(static_cast<unsigned char>(line[end])) != 0 ||
                                   line[end] == '_' || line[end] == '.')) {
        ++end;
      }
    }
    const std::string name = line.substr(i, end - i);
    const auto it = names.find(name);
    text += it == names.end() ? name : it->second;
    i = end;
  }
  return text;
}

}  // namespace

std::string difference(const View& from, const View& to) {
  // The same node: of the same op and type, from the same place of the program; where several are, in order.
  // What passes made anew (a transpose for a contraction) has the place of what it was made for.
  std::map<std::tuple<std::string, std::vector<std::uint32_t>, std::string>, std::vector<std::string>> known;
  const auto key = [](const ViewNode& n) {
    const bool one_of_a_kind = n.kind == ViewNode::Kind::parameter || n.kind == ViewNode::Kind::output;
    return std::make_tuple(n.op, one_of_a_kind ? std::vector<std::uint32_t>{} : n.origins,
                           one_of_a_kind ? n.id : n.types);
  };
  for (const ViewNode& n : from.nodes) known[key(n)].push_back(n.id);
  for (auto& [unused, ids] : known) std::reverse(ids.begin(), ids.end());
  std::unordered_map<std::string, std::string> names;
  std::size_t made = 0;
  for (const ViewNode& n : to.nodes) {
    std::vector<std::string>& ids = known[key(n)];
    if (ids.empty()) {
      names[n.id] = absl::StrCat("%new", made++);
    } else {
      names[n.id] = ids.back();
      ids.pop_back();
    }
  }
  Lines a, b;
  const auto add = [](Lines* to_lines, const std::string& text) {
    for (std::string& line : split(text)) to_lines->push_back(std::move(line));
  };
  add(&a, from.header);
  for (const ViewNode& n : from.nodes) add(&a, n.text);
  add(&a, from.footer);
  for (const auto& [name, body] : from.bodies) add(&a, "\n" + body);
  add(&b, to.header);
  for (const ViewNode& n : to.nodes) add(&b, n.text.empty() ? n.text : renamed(n.text, names));
  add(&b, renamed(to.footer, names));
  for (const auto& [name, body] : to.bodies) add(&b, "\n" + body);
  return write(a, b, from.stage, to.stage);
}

}  // namespace leat::frontend
