// layer_norm, rms_norm, batch_norm, group_norm, instance_norm.
#include "absl/strings/str_cat.h"
#include "compiler/frontend/composite.h"
#include "leat/nn.h"

namespace leat {

using frontend::apply;
using frontend::Argument;
using frontend::fail;
using frontend::narrow;
using frontend::Placed;
using frontend::type_text;
using frontend::widen;
using ir::Op;

namespace {

// Axes that are normalised together.
struct Group {
  std::vector<int> axes;
  double count = 1;
  Shape shape;
};

// The last axes of x, as many as `like` has, or one where it is undefined.
Group last_axes(const Tensor& x, const Tensor& like, std::string_view op, SourceLocation at) {
  const int rank = x.rank(), last = like.defined() ? like.rank() : 1;
  if (last < 1 || last > rank) {
    fail(Code::invalid_argument,
         std::string(op) + ": " + type_text(x) + " has no axes to normalise" +
             (like.defined() ? " for a scale or shift " + type_text(like) : ""),
         at);
  }
  Group g;
  for (int d = rank - last; d < rank; ++d) {
    const std::int64_t extent = x.shape()[static_cast<std::size_t>(d)];
    g.axes.push_back(d);
    g.count *= static_cast<double>(extent);
    g.shape.push_back(extent);
  }
  return g;
}

Placed mean_over(const Placed& x, const Group& g) { return sum_over(x, g.axes) / Argument{g.count}; }

Placed inverse_deviation(const Placed& mean_square, double epsilon) {
  return apply(Op::rsqrt, mean_square + Argument{epsilon});
}

/// Zero mean, unit variance.
Placed standardized(const Placed& x, const Group& g, double epsilon) {
  const Placed centred = x - mean_over(x, g);
  return centred * inverse_deviation(mean_over(centred * centred, g), epsilon);
}

/// A parameter of a norm in the dtype in which x is normalised: of shape `want`, given shape `as` to
/// broadcast.
Placed parameter(const Tensor& p, std::string_view what, const Shape& want, const Shape& as, const Tensor& x,
                 std::string_view op, SourceLocation at) {
  const Placed wide = widen(p, op, at);
  if (!(p.shape() == want)) {
    fail(Code::invalid_argument,
         absl::StrCat(absl::string_view(op.data(), op.size()), ": ",
                      absl::string_view(what.data(), what.size()), " ", type_text(p), " for x ", type_text(x),
                      ": it needs shape ", want.ToString()),
         at);
  }
  const DType dtype = x.dtype() == DType::f64 ? DType::f64 : DType::f32;
  return {reshape(frontend::make_convert(wide.tensor, dtype, at), as, at), at};
}

/// y * scale + shift, with those that are defined.
Placed affine(Placed y, const Tensor& scale, const Tensor& shift, const Shape& want, const Shape& as,
              const Tensor& x, std::string_view op, SourceLocation at) {
  if (scale.defined()) y = y * parameter(scale, "scale", want, as, x, op, at);
  if (shift.defined()) y = y + parameter(shift, "shift", want, as, x, op, at);
  return y;
}

/// [c,1,...], to stand beside x [n,c,...].
Shape channels_of(const Tensor& x, std::string_view op, SourceLocation at) {
  if (x.rank() < 2) {
    fail(Code::invalid_argument, std::string(op) + ": x is [n,c,...], got " + type_text(x), at);
  }
  Shape s{x.shape()[1]};
  for (int d = 2; d < x.rank(); ++d) s.push_back(1);
  return s;
}

Tensor normalize_groups(const Tensor& x, std::int64_t groups, const Tensor& scale, const Tensor& shift,
                        double epsilon, std::string_view op, SourceLocation at) {
  const Placed w = widen(x, op, at);
  const Shape as = channels_of(x, op, at);
  const Shape& s = x.shape();
  if (groups < 1 || s[1] % groups != 0) {
    fail(Code::invalid_argument,
         absl::StrCat(absl::string_view(op.data(), op.size()), ": ", groups, " groups do not divide the ",
                      s[1], " channels of ", type_text(x)),
         at);
  }
  std::int64_t each = s[1] / groups;
  for (std::size_t d = 2; d < s.size(); ++d) each *= s[d];
  const Placed grouped{reshape(w.tensor, {s[0], groups, each}, at), at};
  const Placed even = standardized(grouped, {{2}, static_cast<double>(each), {each}}, epsilon);
  return narrow(affine({reshape(even.tensor, s, at), at}, scale, shift, {s[1]}, as, x, op, at), x);
}

}  // namespace

Tensor layer_norm(const Tensor& x, const Tensor& scale, const Tensor& shift, double epsilon, Here at) {
  const Placed w = widen(x, "layer_norm", at);
  const Group g = last_axes(x, scale.defined() ? scale : shift, "layer_norm", at);
  return narrow(affine(standardized(w, g, epsilon), scale, shift, g.shape, g.shape, x, "layer_norm", at), x);
}

Tensor rms_norm(const Tensor& x, const Tensor& scale, double epsilon, Here at) {
  const Placed w = widen(x, "rms_norm", at);
  const Group g = last_axes(x, scale, "rms_norm", at);
  const Placed y = w * inverse_deviation(mean_over(w * w, g), epsilon);
  return narrow(affine(y, scale, {}, g.shape, g.shape, x, "rms_norm", at), x);
}

Tensor batch_norm(const Tensor& x, const Tensor& mean, const Tensor& variance, const Tensor& scale,
                  const Tensor& shift, double epsilon, Here at) {
  const Placed w = widen(x, "batch_norm", at);
  const Shape as = channels_of(x, "batch_norm", at);
  const Shape want{x.shape()[1]};
  // The factor is formed per channel, not per element.
  Placed factor = inverse_deviation(parameter(variance, "variance", want, as, x, "batch_norm", at), epsilon);
  if (scale.defined()) factor = factor * parameter(scale, "scale", want, as, x, "batch_norm", at);
  const Placed centred = w - parameter(mean, "mean", want, as, x, "batch_norm", at);
  return narrow(affine(centred * factor, {}, shift, want, as, x, "batch_norm", at), x);
}

Tensor group_norm(const Tensor& x, std::int64_t groups, const Tensor& scale, const Tensor& shift,
                  double epsilon, Here at) {
  return normalize_groups(x, groups, scale, shift, epsilon, "group_norm", at);
}

Tensor instance_norm(const Tensor& x, const Tensor& scale, const Tensor& shift, double epsilon, Here at) {
  widen(x, "instance_norm", at);
  channels_of(x, "instance_norm", at);
  return normalize_groups(x, std::max<std::int64_t>(1, x.shape()[1]), scale, shift, epsilon, "instance_norm",
                          at);
}

}  // namespace leat
