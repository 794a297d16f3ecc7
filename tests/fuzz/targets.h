// What strangers may hand to Leat, as functions of bytes: libFuzzer drives them (preset fuzz, tools/fuzz),
// and every build replays what it once found (findings/).
//
// A target does with a file what a user would: it reads it, prints it, reads back what was printed, compiles
// and runs it where that is a matter of milliseconds. It returns whatever the bytes are, errors being
// Statuses, and aborts where a promise is broken. Budgets: those that the readers state (LoadOptions,
// ir/parser.h), with a Context of 256 MiB; tools/fuzz has the limits of time and memory around them.
#pragma once

#include <string_view>

namespace leat::fuzz {

/// An .onnx file: loaded, imported as a graph for small inputs, which then is checked like text; or run,
/// where a shape depends on a value.
void fuzz_onnx(std::string_view bytes);
/// Text IR: parsed, verified, printed and parsed to the same text; with symbols bound; compiled on both tiers
/// and run with the interpreter's bits; exported to ONNX and read back.
void fuzz_text(std::string_view bytes);
/// An .npy file: read, written, read to the same bytes.
void fuzz_npy(std::string_view bytes);
/// A file of the cache folder: what is found in it is what storing it would write.
void fuzz_cache(std::string_view bytes);

}  // namespace leat::fuzz
