// Text in, text out: what a piece of IR evaluates to, for tests that read as a table.
//
//   evaluate("%x = constant {value=[1,2]} : f32[2]\n%y = neg %x")   // "f32[2] [-1, -2]"
//
// An array of several equal values shows it once: "f32[3] 2".
// Several outputs are separated by "; ". An error gives its Status as text: "out_of_range: ...".
#pragma once

#include <span>
#include <string>

#include "ir/interpreter.h"
#include "ir/parser.h"
#include "ir/printer.h"

namespace leat::ir {

inline std::string show(const Array& array) {
  return std::string(name(array.type.dtype)) + array.type.shape.ToString() + " " +
         print(Literal{array.type, array.bytes});
}

inline std::string evaluate(std::string_view text, std::span<const Array> inputs = {},
                            const InterpretOptions& options = {}) {
  const StatusOr<Graph> graph = parse(text, "t");
  if (!graph.ok()) return graph.status().ToString();
  const StatusOr<std::vector<Array>> results = interpret(*graph, inputs, options);
  if (!results.ok()) return results.status().ToString();
  std::string shown;
  for (const Array& result : *results) {
    if (!shown.empty()) shown += "; ";
    shown += show(result);
  }
  return shown;
}

/// A dense array of these elements.
template <class T>
Array array_of(const Shape& shape, const std::vector<T>& elements) {
  Array array = Array::Zeros({dtype_of<T>(), shape});
  std::copy(elements.begin(), elements.end(), array.as<T>());
  return array;
}

}  // namespace leat::ir
