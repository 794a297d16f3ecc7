#include "ir/text_form.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "ir/characters.h"

namespace leat::ir {
namespace {

template <class T>
std::string shortest(T value) {
  if (std::isnan(value)) return "nan";
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return {buffer, end};
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// text -> T, where from_chars knows T. A leading '+' is not a number in the text form.
template <class T>
NumberError from_text(std::string_view s, T& value) {
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), value);
  if (error == std::errc::result_out_of_range) return NumberError::out_of_range;
  if (error != std::errc() || end != s.data() + s.size()) return NumberError::malformed;
  return NumberError::none;
}

template <class T>
NumberError from_float_text(std::string_view s, T& value) {
  if (s == "inf" || s == "-inf") {
    value = std::numeric_limits<T>::infinity();
    if (s[0] == '-') value = -value;
    return NumberError::none;
  }
  if (s == "nan") {
    value = std::numeric_limits<T>::quiet_NaN();
    return NumberError::none;
  }
  const char first = s.empty() ? ' ' : s[0] == '-' && s.size() > 1 ? s[1] : s[0];
  if ((first < '0' || first > '9') && first != '.') return NumberError::malformed;  // "infinity", "nan(1)"
  return from_text(s, value);
}

/// Rounds to float so that a further rounding to 16 bits gives what rounding once would: the odd
/// neighbour keeps the information that the value was not exact.
float round_to_odd(double d) {
  const float f = static_cast<float>(d);
  if (static_cast<double>(f) == d || std::isnan(d) || std::isinf(f)) return f;
  if (std::bit_cast<std::uint32_t>(f) & 1u) return f;
  const float away = static_cast<double>(f) < d ? std::numeric_limits<float>::infinity()
                                                : -std::numeric_limits<float>::infinity();
  return std::nextafter(f, away);
}

template <class Half>
NumberError half_from_text(std::string_view s, Half& value) {
  double d;
  if (const NumberError e = from_float_text(s, d); e != NumberError::none) return e;
  value = Half(round_to_odd(d));
  if (std::isfinite(d) && std::isinf(static_cast<float>(value))) return NumberError::out_of_range;
  return NumberError::none;
}

}  // namespace

bool is_identifier(std::string_view s) {
  if (s.empty() || !is_letter(s[0])) return false;
  for (const char c : s) {
    if (!is_letter(c) && !(c >= '0' && c <= '9') && c != '.') return false;
  }
  return true;
}

std::string quote(std::string_view s) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string q = "\"";
  for (const char c : s) {
    switch (c) {
      case '"': q += "\\\""; break;
      case '\\': q += "\\\\"; break;
      case '\n': q += "\\n"; break;
      case '\t': q += "\\t"; break;
      case '\r': q += "\\r"; break;
      default: {
        const auto u = static_cast<unsigned char>(c);
        if (u >= 0x20 && u != 0x7f) {
          q += c;
        } else {
          q += "\\x";
          q += kHex[u >> 4];
          q += kHex[u & 15];
        }
      }
    }
  }
  return q + '"';
}

std::optional<std::string> unquote(std::string_view s) {
  std::string r;
  r.reserve(s.size());
  for (std::size_t i = 0; i < s.size(); ++i) {
    if (s[i] != '\\') {
      r += s[i];
      continue;
    }
    if (++i == s.size()) return std::nullopt;
    switch (s[i]) {
      case '"': r += '"'; break;
      case '\\': r += '\\'; break;
      case 'n': r += '\n'; break;
      case 't': r += '\t'; break;
      case 'r': r += '\r'; break;
      case 'x': {
        if (i + 2 >= s.size()) return std::nullopt;
        const int high = hex_digit(s[i + 1]), low = hex_digit(s[i + 2]);
        if (high < 0 || low < 0) return std::nullopt;
        r += static_cast<char>(high * 16 + low);
        i += 2;
        break;
      }
      default: return std::nullopt;
    }
  }
  return r;
}

std::string text_name(std::string_view name) { return is_identifier(name) ? std::string(name) : quote(name); }

std::optional<DType> find_dtype(std::string_view name) {
  for (int i = 0; i < kDTypeCount; ++i) {
    const auto t = static_cast<DType>(i);
    if (leat::name(t) == name) return t;
  }
  return std::nullopt;
}

std::string format_real(double value) { return shortest(value); }

std::string format_element(DType t, const std::byte* p) {
  return visit_dtype(t, [p](auto zero) -> std::string {
    using T = decltype(zero);
    if constexpr (std::is_same_v<T, bool>) {
      return *p != std::byte{0} ? "true" : "false";
    } else {
      T value;
      std::memcpy(&value, p, sizeof value);
      if constexpr (std::is_same_v<T, float16> || std::is_same_v<T, bfloat16>) {
        return shortest(static_cast<float>(value));
      } else if constexpr (std::is_floating_point_v<T>) {
        return shortest(value);
      } else {
        return std::to_string(value);
      }
    }
  });
}

NumberError parse_element(std::string_view s, DType t, std::byte* p) {
  return visit_dtype(t, [s, p](auto zero) {
    using T = decltype(zero);
    T value{};
    NumberError error = NumberError::none;
    if constexpr (std::is_same_v<T, bool>) {
      if (s != "true" && s != "false") return NumberError::malformed;
      value = s == "true";
    } else if constexpr (std::is_same_v<T, float16> || std::is_same_v<T, bfloat16>) {
      error = half_from_text(s, value);
    } else if constexpr (std::is_floating_point_v<T>) {
      error = from_float_text(s, value);
    } else {
      error = from_text(s, value);
      // from_chars refuses a minus sign for unsigned types; the number is well formed all the same.
      std::int64_t negative;
      if (error == NumberError::malformed && std::is_unsigned_v<T> &&
          from_text(s, negative) == NumberError::none) {
        error = NumberError::out_of_range;
      }
    }
    if (error == NumberError::none) std::memcpy(p, &value, sizeof value);
    return error;
  });
}

NumberError parse_integer(std::string_view s, std::int64_t& value) { return from_text(s, value); }
NumberError parse_real(std::string_view s, double& value) { return from_float_text(s, value); }

}  // namespace leat::ir
