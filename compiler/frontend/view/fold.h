// What of a view is shown: repeated structure once, scopes as one box, one value's cone.
//
// group() makes a tree over a view's nodes: a scope that the user named holds its nodes and inner scopes; a
// run of equal neighbours (nodes or whole scopes, wired alike) becomes a `repeat` of `instance`s. select()
// decides from it, and from what was asked for, what stands for each node. Pure functions; any thread.
//
//   const Groups groups = group(view);
//   const Shown shown = *select(view, groups, {.fold = Fold::automatic, .focus = "%12", .depth = 3}, {});
#pragma once

#include <string>
#include <vector>

#include "compiler/frontend/view/view.h"
#include "leat/dump.h"

namespace leat::frontend {

struct Group {
  enum class Kind : std::uint8_t { root, scope, repeat, instance };
  Kind kind = Kind::root;
  std::int32_t parent = -1;
  std::string name;                 // "layer0" of the scope "encoder/layer0"; of a repeat what repeats
  std::string path;                 // the whole scope; "" for repeats of nodes without one
  std::vector<std::int32_t> items;  // in order: a node n as n, a group g as -1 - g
  std::size_t nodes = 0;            // in it and below
};
/// groups[0] is the root.
struct Groups {
  std::vector<Group> groups;
  std::vector<std::int32_t> of_node;  // the innermost one
};
Groups group(const View& view);

/// What is shown for each node of a view.
struct Shown {
  static constexpr std::int32_t kHidden = -1;
  /// Itself, n; the node that stands for it in a repeat, n; a collapsed group g, as -2 - g; or kHidden.
  std::vector<std::int32_t> of_node;
  std::vector<bool> open;  // of each group: its items are shown
  bool folded = false;     // repeats are shown once; else only of_node counts
  bool whole = true;       // nothing is hidden, collapsed or folded
  std::string left_out;    // what is, and how to see it: one line
};

/// `stages`, if any, lets a focus name a node of the first stage, a source line or a label in any later one.
/// A focus that is nothing is not_found and lists near ones.
StatusOr<Shown> select(const View& view, const Groups& groups, const DumpOptions& options,
                       const Stages* stages);

/// Whether a text has this name of a buffer ("b7") as a word of its own.
bool mentions(const std::string& text, const std::string& buffer);

/// The view's text with what is shown only; with a first line that says so where something is left out.
std::string print(const View& view, const Groups& groups, const Shown& shown);

}  // namespace leat::frontend
