// The canonical encoding of types and attributes as words, for the keys of plans: equal words mean
// equal attributes.
#pragma once

#include <cstdint>
#include <vector>

#include "ir/graph.h"

namespace leat::frontend {

void append_words(const Shape& shape, std::vector<std::uint64_t>& words);
void append_words(const ir::Type& type, std::vector<std::uint64_t>& words);
void append_words(const ir::Attributes& attributes, std::vector<std::uint64_t>& words);

}  // namespace leat::frontend
