// Blocked layouts: which elements of a dense array stand beside each other in the array that an engine wants.
//
// A layout is a text such as "aBcd16b": the dimensions of the dense array in the order of the outer loops (a
// is dimension 0; upper case where it is blocked), then each block's size and dimension, outermost first. The
// blocked array is an ordinary dense row-major array of a shape of its own, zeros where a block hangs over:
//
//   Layout::Parse("aBcd16b")->Blocked({2, 20, 7, 7})   // {2, 2, 7, 7, 16}
//   [n, c, h, w]  is at  [n, c / 16, h, w, c % 16]
//
// `reorder` moves between the two: its layout is "abcd>aBcd16b", or back "aBcd16b>abcd". Immutable; any
// thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "leat/shape.h"

namespace leat::ir {

class Layout {
 public:
  /// Nothing where the text is no layout.
  static std::optional<Layout> Parse(std::string_view text);
  /// "aBcd16b" for rank 4, axis 1, block 16.
  static std::string Name(int rank, int axis, std::int64_t block);
  /// "abcd" for rank 4: the dense array itself.
  static std::string Dense(int rank);

  /// Of the dense array.
  int rank() const { return rank_; }
  /// One dimension of the blocked array: index i of it adds i * step to the dense index along `axis`.
  struct Dim {
    int axis;
    std::int64_t step;
    std::int64_t block;  // of an inner dimension its extent, else 0
  };
  const std::vector<Dim>& dims() const { return dims_; }
  /// The size of the axis's blocks; 1 where it is not blocked.
  std::int64_t block(int axis) const;
  /// The shape of the blocked array. A blocked extent that is not static becomes unknown. REQUIRES:
  /// dense.rank() == rank().
  Shape Blocked(const Shape& dense) const;

  /// Copies between a dense array of shape `dense` and the blocked one. Every element of `to` is written.
  /// REQUIRES: element_size is 1, 2, 4 or 8.
  void Pack(const Shape& dense, const void* from, void* to, std::size_t element_size) const;
  void Unpack(const Shape& dense, const void* from, void* to, std::size_t element_size) const;

 private:
  template <class Visit>
  void EachElement(const Shape& dense, Visit&& visit) const;

  int rank_ = 0;
  std::vector<Dim> dims_;
};

/// The layout of a reorder: between the dense array and a blocked one.
struct Reordering {
  Layout layout;
  std::string name;  // of the blocked one
  bool backward;     // to the dense one
};
/// Nothing where the text is not "abcd>LAYOUT" or "LAYOUT>abcd", of one rank.
std::optional<Reordering> parse_reordering(std::string_view text);
std::string name_reordering(int rank, std::string_view layout, bool backward);

}  // namespace leat::ir
