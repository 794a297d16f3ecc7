// conv, conv_transpose, pools.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/frontend/composite.h"
#include "leat/create.h"
#include "leat/nn.h"

namespace leat {

using frontend::Argument;
using frontend::fail;
using frontend::make_op;
using frontend::narrow;
using frontend::node_of;
using frontend::Placed;
using frontend::promote_all;
using frontend::type_text;
using frontend::widen;
using ir::Attr;
using ir::Op;
using Integers = std::vector<std::int64_t>;

namespace {

// Far beyond any real extent, padding or stride; sums of products of two of them fit.
constexpr std::int64_t kLargest = std::int64_t{1} << 30;

/// A convolution or pool that is being built: how its errors begin, and its operand [n,c,s...].
struct Call {
  std::string_view op;
  const Tensor& x;
  SourceLocation at;
  std::size_t spatial() const { return x.shape().size() - 2; }
  template <class... Parts>
  [[noreturn, gnu::cold]] void Fail(const Parts&... parts) const {
    fail(Code::invalid_argument, absl::StrCat(absl::string_view(op.data(), op.size()), ": ", parts...), at);
  }
};

void check_spatial(const Call& c, int most) {
  const int rank = node_of(c.x, c.op, c.at).shape.rank();
  if (rank >= 3 && rank <= most + 2) return;
  c.Fail("x is [n,c,s...] with 1 to ", most, " spatial axes, got ", type_text(c.x), " [C40]");
}

/// The list as one entry per spatial axis, each at least `least`; an empty one is `otherwise` throughout.
Integers per_axis(const Call& c, const Integers& given, std::int64_t otherwise, const char* what,
                  std::int64_t least) {
  if (given.empty()) return Integers(c.spatial(), otherwise);
  if (given.size() != c.spatial()) {
    c.Fail(what, " {", absl::StrJoin(given, ","), "}: ", given.size(), " entries for the ", c.spatial(),
           " spatial axes of ", type_text(c.x), " [C10]");
  }
  for (std::int64_t v : given) {
    if (v < least || v > kLargest) {
      c.Fail(what, " {", absl::StrJoin(given, ","), "}: each must be at least ", least, " and at most 2^30 ",
             least == 1 ? "[C14]" : "[C36]");
    }
  }
  return given;
}

/// y [n,m,...] with b [m] added along its channels.
Tensor with_bias(const Tensor& y, const Tensor& b, std::string_view op, SourceLocation at) {
  if (!b.defined()) return y;
  const std::int64_t channels = y.shape()[1];
  if (!(b.shape() == Shape{channels})) {
    Call{op, y, at}.Fail("b ", type_text(b), " for a result ", type_text(y), ": it needs shape [", channels,
                         "]");
  }
  Shape s{channels};
  for (int d = 2; d < y.rank(); ++d) s.push_back(1);
  return frontend::make_elementwise(Op::add, {Operand(y, at), Operand(reshape(b, s, at), at)});
}

Tensor convolve(const Tensor& x, const Tensor& w, ConvolutionOptions o, SourceLocation at) {
  return make_op(Op::convolution, {Operand(x, at), Operand(w, at)},
                 {{Attr::strides, std::move(o.strides)},
                  {Attr::low, std::move(o.low)},
                  {Attr::high, std::move(o.high)},
                  {Attr::input_dilation, std::move(o.input_dilation)},
                  {Attr::dilation, std::move(o.dilation)},
                  {Attr::groups, o.groups}},
                 at);
}

/// w [c,m/groups,k...] as the kernel [m,c/groups,k...] of a convolution, reversed in space.
Tensor transposed_kernel(const Tensor& w, std::int64_t groups, SourceLocation at) {
  const Shape& s = w.shape();
  std::vector<int> spatial, order{0, 2, 1};
  Shape split{groups, s[0] / groups, s[1]}, joined{groups * s[1], s[0] / groups};
  for (int d = 2; d < w.rank(); ++d) {
    spatial.push_back(d);
    order.push_back(d + 1);
    split.push_back(s[static_cast<std::size_t>(d)]);
    joined.push_back(s[static_cast<std::size_t>(d)]);
  }
  return reshape(transpose(reshape(reverse(w, spatial, at), split, at), order, at), joined, at);
}

/// reduce_window takes entries for all axes of [n,c,s...].
struct Windows {
  Integers window, strides, low, high, dilation;
  Integers beyond;  // how far the last window reaches beyond the high padding (ceil_mode)
};

/// What must be added to an extent so that the last window is whole, if it begins before the high padding
/// does.
std::int64_t reach_beyond(std::int64_t extent, std::int64_t low, std::int64_t high, std::int64_t span,
                          std::int64_t stride) {
  const std::int64_t room = extent + low + high - span;  // for the window to slide
  if (room <= -stride || extent > kLargest) return 0;    // inference has the words for these
  const std::int64_t last = room < 0 ? 0 : (room + stride - 1) / stride * stride;
  return last >= extent + low ? 0 : last - room;
}

Windows windows_of(const Call& c, const Integers& window, const WindowOptions& o) {
  check_spatial(c, 30);
  if (window.empty()) c.Fail("the window is empty; ", type_text(c.x), " has ", c.spatial(), " spatial axes");
  const auto whole = [](Integers list, std::int64_t lead) {
    list.insert(list.begin(), 2, lead);
    return list;
  };
  const Integers sizes = per_axis(c, window, 1, "window", 1);
  Windows w{whole(sizes, 1),
            whole(o.strides.empty() ? sizes : per_axis(c, o.strides, 1, "strides", 1), 1),
            whole(per_axis(c, o.low, 0, "low", 0), 0),
            whole(per_axis(c, o.high, 0, "high", 0), 0),
            whole(per_axis(c, o.dilation, 1, "dilation", 1), 1),
            Integers(c.spatial() + 2, 0)};
  for (std::size_t d = 2; o.ceil_mode && d < w.window.size(); ++d) {
    const std::int64_t span = (w.window[d] - 1) * w.dilation[d] + 1;
    w.beyond[d] = reach_beyond(c.x.shape()[d], w.low[d], w.high[d], span, w.strides[d]);
  }
  return w;
}

Tensor slide(const Tensor& x, const Windows& w, std::string kind, SourceLocation at) {
  Integers high = w.high;
  for (std::size_t d = 0; d < high.size(); ++d) high[d] += w.beyond[d];
  return make_op(Op::reduce_window, {Operand(x, at)},
                 {{Attr::kind, std::move(kind)},
                  {Attr::window, w.window},
                  {Attr::strides, w.strides},
                  {Attr::low, w.low},
                  {Attr::high, std::move(high)},
                  {Attr::dilation, w.dilation}},
                 at);
}

std::vector<int> spatial_axes(const Call& c) {
  check_spatial(c, 30);
  std::vector<int> axes;
  for (int d = 2; d < c.x.rank(); ++d) axes.push_back(d);
  return axes;
}

}  // namespace

Tensor conv(const Tensor& x0, const Tensor& w0, const Tensor& b, const ConvolutionOptions& o, Here at) {
  Tensor x = x0, w = w0;
  const Call c{"conv", x, at};
  check_spatial(c, 3);
  promote_all({&x, &w}, "conv", at);
  const ConvolutionOptions all{.strides = per_axis(c, o.strides, 1, "strides", 1),
                               .low = per_axis(c, o.low, 0, "low", 0),
                               .high = per_axis(c, o.high, 0, "high", 0),
                               .input_dilation = per_axis(c, o.input_dilation, 1, "input_dilation", 1),
                               .dilation = per_axis(c, o.dilation, 1, "dilation", 1),
                               .groups = o.groups};
  if (!o.output_padding.empty()) c.Fail("output_padding is for conv_transpose");
  return with_bias(convolve(x, w, all, at), b, "conv", at);
}

Tensor conv_transpose(const Tensor& x0, const Tensor& w0, const Tensor& b, const ConvolutionOptions& o,
                      Here at) {
  Tensor x = x0, w = w0;
  const Call c{"conv_transpose", x, at};
  check_spatial(c, 3);
  promote_all({&x, &w}, "conv_transpose", at);
  const std::int64_t channels = x.shape()[1];
  if (w.rank() != x.rank() || w.shape()[0] != channels || o.groups < 1 || channels % o.groups != 0) {
    c.Fail("x is [n,c,s...] and w [c,m/groups,k...], got ", type_text(x), " and ", type_text(w), " with ",
           o.groups, " groups [C41]");
  }
  if (!o.input_dilation.empty()) c.Fail("input_dilation is for conv; here it is the strides");
  // Its strides spread x out. The kernel overlaps the ends of x by all but one element, less what padding
  // crops; where padding crops more than that, the rest is cut from the result.
  ConvolutionOptions direct{.strides = Integers(c.spatial(), 1),
                            .low = per_axis(c, o.low, 0, "low", 0),
                            .high = per_axis(c, o.high, 0, "high", 0),
                            .input_dilation = per_axis(c, o.strides, 1, "strides", 1),
                            .dilation = per_axis(c, o.dilation, 1, "dilation", 1),
                            .groups = o.groups};
  const Integers extra = per_axis(c, o.output_padding, 0, "output_padding", 0);
  std::vector<Slice> kept(2);
  bool cut = false;
  for (std::size_t d = 0; d < c.spatial(); ++d) {
    std::int64_t &low = direct.low[d], &high = direct.high[d];
    const std::int64_t w_extent = w.shape()[d + 2], x_extent = x.shape()[d + 2];
    if (std::max(w_extent, x_extent) > kLargest || std::min(w_extent, x_extent) < 1) {
      c.Fail("spatial extents must be at least 1 and at most 2^30, got ", type_text(x), " and ",
             type_text(w));
    }
    const std::int64_t stride = direct.input_dilation[d], reach = direct.dilation[d] * (w_extent - 1);
    const std::int64_t extent = (x_extent - 1) * stride + reach + 1 - low - high + extra[d];
    if (extent < 1) {
      c.Fail("nothing is left of spatial axis ", d, ": (", x_extent, " - 1) * ", stride, " + ", reach,
             " + 1 - ", low, " - ", high, " + ", extra[d], " [C37]");
    }
    low = reach - low;
    high = reach - high + extra[d];
    const std::int64_t first = std::max<std::int64_t>(0, -low);
    kept.emplace_back(first, first + extent);
    cut = cut || low < 0 || high < 0;
    low = std::max<std::int64_t>(0, low);
    high = std::max<std::int64_t>(0, high);
  }
  const Tensor y = convolve(x, transposed_kernel(w, o.groups, at), std::move(direct), at);
  return with_bias(cut ? slice(y, kept, at) : y, b, "conv_transpose", at);
}

Tensor max_pool(const Tensor& x, const Integers& window, const WindowOptions& options, Here at) {
  return slide(x, windows_of({"max_pool", x, at}, window, options), "max", at);
}

Tensor avg_pool(const Tensor& x, const Integers& window, const WindowOptions& options, bool count_padding,
                Here at) {
  const Placed wide = widen(x, "avg_pool", at);
  const Windows w = windows_of({"avg_pool", x, at}, window, options);
  const Placed total{slide(wide.tensor, w, "sum", at), at};
  // Every window counts alike where nothing that it reaches is left out.
  const auto reaches = [](std::int64_t p) { return p != 0; };
  const auto none = [&](const Integers& list) { return std::none_of(list.begin(), list.end(), reaches); };
  if (none(w.beyond) && (count_padding || (none(w.low) && none(w.high)))) {
    double count = 1;
    for (std::int64_t extent : w.window) count *= static_cast<double>(extent);
    return narrow(total / Argument{count}, x);
  }
  // The places that count: the same for every image and channel.
  Windows counting = w;
  Shape places = x.shape();
  places[0] = places[1] = 1;
  for (std::size_t d = 2; count_padding && d < places.size(); ++d) {
    places[d] += w.low[d] + w.high[d];
    counting.low[d] = counting.high[d] = 0;
  }
  const Tensor there = ones(places, wide.tensor.dtype(), at);
  return narrow(total / Placed{slide(there, counting, "sum", at), at}, x);
}

Tensor global_avg_pool(const Tensor& x, Here at) {
  widen(x, "global_avg_pool", at);
  return mean(x, spatial_axes({"global_avg_pool", x, at}), true, at);
}

Tensor global_max_pool(const Tensor& x, Here at) {
  return max(x, spatial_axes({"global_max_pool", x, at}), true, at);
}

}  // namespace leat
