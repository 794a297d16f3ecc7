// Graph -> text. print(parse(print(g))) == print(g), and parse(print(g)) computes what g computes.
//
//   graph @layer(%x: f32[n<=64,128], %w: f32[128,64]) -> (f32[n,64]) {
//     %0 = dot_general %x %w {batch_x=[], batch_y=[], contract_x=[1], contract_y=[0]} : f32[n,64]
//     %1:2 = top_k %0 {k=3} : f32[n,3], i64[n,3]  // at train.cpp:41 label="best" scope="head"
//     return %1#0
//   }
//
// Parameters keep their names, other nodes are numbered in order. A name that is no identifier is
// quoted: %"input:0", @"a b", f32["h/2",3]. A symbol shows its bound where it first appears in a
// graph; `?` is an unknown extent. An optional attribute that is false, 0 or empty is not printed.
//
// Literals: a scalar as its value; elements that are all the same as that value; up to 64 elements as
// [1, 2, 3], row-major; more as 0x and the little-endian bytes. Floats are the shortest decimal that
// reads back as the same bits, or inf, -inf, nan (whose payload is not kept but in hex).
//
// Sub-graphs (cond, while_loop, fused) print as @name, each once, behind the main graph, their names
// made unique. Labels and locations of parameters are not printed. Any graph prints, also one that
// verify() rejects; then the text does not parse.
#pragma once
#include <string>

#include "ir/graph.h"

namespace leat::ir {
/// A text that begins so left something out: the parser refuses it, with the reason that stands behind it.
inline constexpr std::string_view kNotParsable = "// not parsable: ";
struct PrintOptions {
  bool locations = true;  // "// at file:line label="..." scope="..."" behind a node
  std::int64_t max_literal_elements =
      -1;  // longer literals of different elements print as "<N bytes>" (not parseable); -1: all
};
std::string print(const Graph& graph, const PrintOptions& options = {});
/// The names that print() gives the nodes: "%x" for parameters, "%0", "%1", ... for the others.
std::vector<std::string> value_names(const Graph& graph);
/// The value alone: "0.5", "[1, 2, 3]".
std::string print(const Literal& literal);
}  // namespace leat::ir
