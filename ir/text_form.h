// The small pieces of the text form that printer and parser must agree on: names, strings, numbers.
// Private to ir.
//
//   text_name("x")  "x"       text_name("input:0")  "\"input:0\""
//   format_element(DType::f32, &half)  "0.5"
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "leat/dtype.h"

namespace leat::ir {

/// [A-Za-z_][A-Za-z0-9_.]*
bool is_identifier(std::string_view s);
/// In double quotes, with \" \\ \n \t \r and \xNN for other control characters.
std::string quote(std::string_view s);
/// What is between the quotes, unescaped; nullopt on a bad escape.
std::optional<std::string> unquote(std::string_view s);
/// The name, quoted unless it is an identifier.
std::string text_name(std::string_view name);

std::optional<DType> find_dtype(std::string_view name);

std::string format_real(double value);
/// One element at `p`.
std::string format_element(DType t, const std::byte* p);

enum class NumberError { none, malformed, out_of_range };
/// Reads one element; `s` is a whole number token, "true", "false", "inf", "-inf" or "nan". Rounds once.
NumberError parse_element(std::string_view s, DType t, std::byte* p);
NumberError parse_integer(std::string_view s, std::int64_t& value);
NumberError parse_real(std::string_view s, double& value);

}  // namespace leat::ir
