//! Convolution on pictures, channels last.
//!
//! A product whose left factor has the pixels that all taps see side by side, read where they lie
//! ([`crate::gemm`]). Where each group has one channel, there is nothing to multiply matrices of: see [`depthwise`].
//! Many channels under 3 x 3 taps need fewer products: see [`winograd`]. Pictures of few channels, as first layers take
//! them, are summed tap by tap: see [`direct`].

mod depthwise;
mod direct;
mod winograd;

use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::buffer::Buffer;
use crate::float::Float;
use crate::gemm::{Finish, NOWHERE, Panels, Pieces, Places, columns_product, rows_product};
use crate::threads::{parallel_rows, rows_per_task};

/// Fewer channels than this are too short a piece to point at: see [`direct`]; for the gradient of the weight pictures are padded,
/// so that a whole kernel row is one piece.
const FEW: usize = 16;

/// The geometry of a convolution on pictures. Along each axis (down, across), output pixel `i` sees the input pixels
/// `i stride + k dilation - padding before` for `k` in `0 .. kernel`.
///
/// `Conv2d { stride: [2, 2], ..Conv2d::new([3, 3]) }` says only what is unusual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2d {
    /// Taps down and across, `[KH, KW]`.
    pub kernel: [usize; 2],
    /// Pixels from one output to the next.
    pub stride: [usize; 2],
    /// Pixels of zeros before and after the picture: `[[above, below], [left, right]]`.
    pub padding: [[usize; 2]; 2],
    /// Pixels between taps.
    pub dilation: [usize; 2],
    /// Parts that the channels in and out are cut into; each output part sees the input part of its number.
    pub groups: usize,
}

impl Conv2d {
    /// Stride 1, no padding, dilation 1, one group.
    pub fn new(kernel: [usize; 2]) -> Self {
        Conv2d {
            kernel,
            stride: [1, 1],
            padding: [[0, 0]; 2],
            dilation: [1, 1],
            groups: 1,
        }
    }

    /// With the padding that gives `ceil(size / stride)` pixels for pictures of `size` `[H, W]`, as evenly as can be and
    /// the odd pixel after the picture, as TensorFlow's `SAME` has it.
    pub fn same(mut self, size: [usize; 2]) -> Self {
        for (axis, &n) in size.iter().enumerate() {
            let stride = self.stride[axis].max(1);
            let last = n.div_ceil(stride).saturating_sub(1) * stride;
            let all = self.reach(axis).saturating_add(last).saturating_sub(n);
            self.padding[axis] = [all / 2, all.div_ceil(2)];
        }
        self
    }

    /// The size `[OH, OW]` after the convolution of pictures `[H, W]`:
    /// `(H + padding - dilation (KH - 1) - 1) / stride + 1`, rounded down; `None` if the picture is too small for a
    /// single pixel or the geometry has a 0 where it cannot.
    pub fn output(&self, size: [usize; 2]) -> Option<[usize; 2]> {
        let along = |axis: usize| {
            let positive = [self.kernel[axis], self.stride[axis], self.dilation[axis]];
            if positive.contains(&0) || self.groups == 0 {
                return None;
            }
            let [before, after] = self.padding[axis];
            let padded = size[axis].checked_add(before)?.checked_add(after)?;
            let room = padded.checked_sub(self.reach(axis))?;
            Some(room / self.stride[axis] + 1)
        };
        Some([along(0)?, along(1)?])
    }

    /// Whether each group has a single one of `c` input channels.
    fn depthwise(&self, c: usize) -> bool {
        self.groups > 1 && self.groups == c
    }

    /// Whether each output pixel sees the input pixel at its own place and nothing else.
    fn pointwise(&self) -> bool {
        (self.kernel, self.stride, self.padding, self.groups) == ([1, 1], [1, 1], [[0, 0]; 2], 1)
    }

    /// Pixels of zeros above and left of the picture.
    fn before(&self) -> [usize; 2] {
        self.padding.map(|[before, _]| before)
    }

    /// Pixels from the first tap to the last along an axis: more than any picture has where they cannot be counted.
    fn reach(&self, axis: usize) -> usize {
        let between = self.kernel[axis].saturating_sub(1);
        self.dilation[axis]
            .saturating_mul(between)
            .saturating_add(1)
    }

    /// The input pixel that output pixel `at` sees through a tap of an axis, if it lies in a picture of `size`.
    fn source(&self, axis: usize, at: usize, tap: usize, size: usize) -> Option<usize> {
        let padded = at * self.stride[axis] + tap * self.dilation[axis];
        let source = padded.checked_sub(self.padding[axis][0])?;
        (source < size).then_some(source)
    }

    /// The pixels among `count` that see one in a picture of `size` through a tap of an axis.
    fn inside(&self, axis: usize, tap: usize, size: usize, count: usize) -> Range<usize> {
        let (stride, tap) = (self.stride[axis], tap * self.dilation[axis]);
        let before = self.padding[axis][0];
        let end = (size + before)
            .saturating_sub(tap)
            .div_ceil(stride)
            .min(count);
        before.saturating_sub(tap).div_ceil(stride).min(end)..end
    }

    /// The output pixel that sees input pixel `at` through a tap of an axis, if there is one among `size`.
    fn target(&self, axis: usize, at: usize, tap: usize, size: usize) -> Option<usize> {
        let padded = at + self.padding[axis][0];
        let target = padded.checked_sub(tap * self.dilation[axis])?;
        let whole = target % self.stride[axis] == 0 && target / self.stride[axis] < size;
        whole.then_some(target / self.stride[axis])
    }
}

/// The sizes of a convolution.
struct Sizes {
    batch: usize,
    input: [usize; 2],
    output: [usize; 2],
    /// Channels in and out.
    c: usize,
    o: usize,
}

impl Sizes {
    /// From `x [B, H, W, C]`, the elements of the weight `[KH, KW, C / groups, O]` and `y [B, OH, OW, O]`.
    fn new<E>(
        name: &str,
        geometry: &Conv2d,
        x: &[E],
        [batch, h, w, c]: [usize; 4],
        weight: usize,
        y: &[E],
    ) -> Self {
        let output = geometry.output([h, w]);
        let [oh, ow] = output.unwrap_or_else(|| panic!("{name}: no pixel out of [{h}, {w}]"));
        let places = elements([batch, oh, ow]).unwrap_or(usize::MAX);
        let o = y.len().checked_div(places).unwrap_or(0);
        let ([kh, kw], groups) = (geometry.kernel, geometry.groups);
        let [[above, below], [left, right]] = geometry.padding;
        let padded = elements([batch, h + above + below, w + left + right, c]);
        assert!(
            elements([batch, h, w, c]) == Some(x.len())
                && padded.is_some()
                && elements([batch, oh, ow, o]) == Some(y.len())
                && c % groups == 0
                && o % groups == 0
                && (y.is_empty() || elements([kh, kw, c / groups, o]) == Some(weight)),
            "{name}: expected [{batch}, {h}, {w}, {c}], [{kh}, {kw}, {c} / {groups}, O] and \
             [{batch}, {oh}, {ow}, O], got {}, {} and {} elements",
            x.len(),
            weight,
            y.len()
        );
        Sizes {
            batch,
            input: [h, w],
            output: [oh, ow],
            c,
            o,
        }
    }
}

/// How many elements a tensor has, where they can be counted.
fn elements<const N: usize>(dims: [usize; N]) -> Option<usize> {
    dims.iter()
        .try_fold(1usize, |all, &dim| all.checked_mul(dim))
}

/// The pixels of a picture counted by rows.
fn pixels([h, w]: [usize; 2]) -> usize {
    h * w
}

/// A place in a picture, as an index holds it.
fn start(place: usize) -> u32 {
    u32::try_from(place).expect("a picture of fewer than 2^32 elements")
}

/// Where the pixels of a picture begin, `channels` elements each.
fn places(size: [usize; 2], channels: usize) -> Buffer<u32> {
    start(pixels(size) * channels); // so that the products below do not overflow
    Buffer::filled(
        pixels(size),
        (0..).map(|pixel: u32| pixel * channels as u32),
    )
}

/// The input as the taps see it: the left factor of a convolution.
struct Seen<'a, E: Float> {
    /// A copy with zeros left and right of each picture, where it takes the place of `x`.
    padded: Option<Buffer<E>>,
    x: &'a [E],
    /// Elements of a picture.
    picture: usize,
    /// Elements of a piece: a pixel's group, or a kernel row of pixels.
    len: usize,
    starts: Buffer<u32>,
    sizes: &'a Sizes,
}

impl<'a, E: Float> Seen<'a, E> {
    fn new(x: &'a [E], sizes: &'a Sizes, geometry: &Conv2d) -> Self {
        let ([h, w], c) = (sizes.input, sizes.c);
        let [left, right] = geometry.padding[1];
        let [kh, kw] = geometry.kernel;
        let inside = left + right == 0;
        let whole_rows = geometry.groups == 1 && geometry.dilation[1] == 1 && (inside || c < FEW);
        let padded = (whole_rows && !inside).then(|| pad(x, w * c, [left * c, right * c]));
        let (geometry, width) = match padded {
            Some(_) => {
                let padding = [geometry.padding[0], [0, 0]];
                (
                    Conv2d {
                        padding,
                        ..*geometry
                    },
                    w + left + right,
                )
            }
            None => (*geometry, w),
        };
        let across = if whole_rows { 1 } else { kw };
        start(h * width * c); // so that the sums below do not overflow
        let ([oh, ow], line) = (sizes.output, start(width * c));
        let rows = (0..kh).flat_map(|ky| (0..across).map(move |kx| (ky, kx)));
        let rows = rows.flat_map(|(ky, kx)| (0..oh).map(move |oy| (ky, kx, oy)));
        let mut starts = Buffer::scratch(kh * across * oh * ow);
        for (to, (ky, kx, oy)) in starts.chunks_exact_mut(ow).zip(rows) {
            let Some(row) = geometry.source(0, oy, ky, h) else {
                to.fill(NOWHERE);
                continue;
            };
            let inside = geometry.inside(1, kx, width, ow);
            to[..inside.start].fill(NOWHERE);
            to[inside.end..].fill(NOWHERE);
            let seen = geometry.source(1, inside.start, kx, width).unwrap_or(0);
            let first = start(row) * line + start(seen * c);
            let step = start(geometry.stride[1] * c);
            for (i, to) in (0..).zip(&mut to[inside]) {
                *to = first + i * step;
            }
        }
        Seen {
            padded,
            x,
            picture: h * width * c,
            len: if whole_rows {
                kw * c
            } else {
                c / geometry.groups
            },
            starts,
            sizes,
        }
    }

    /// What a group sees.
    fn pieces(&self, group: usize) -> Pieces<'_, E> {
        let data = self.padded.as_deref().unwrap_or(self.x);
        Pieces {
            data: &data[(group * self.len).min(data.len())..],
            pictures: self.sizes.batch,
            picture: self.picture,
            rows: pixels(self.sizes.output),
            len: self.len,
            starts: &self.starts,
        }
    }
}

/// Rows of `row` elements with zeros before and after each.
fn pad<E: Float>(x: &[E], row: usize, [before, after]: [usize; 2]) -> Buffer<E> {
    let wide = before + row + after;
    let mut padded = Buffer::scratch(x.len().checked_div(row).unwrap_or(0) * wide);
    parallel_rows(&mut padded, wide, rows_per_task(wide), |first, rows| {
        for (i, to) in rows.chunks_exact_mut(wide).enumerate() {
            to[..before].fill(E::ZERO);
            to[before..before + row].copy_from_slice(&x[(first + i) * row..][..row]);
            to[before + row..].fill(E::ZERO);
        }
    });
    padded
}

static EXACT: AtomicBool = AtomicBool::new(false);

/// Whether convolutions multiply every tap with every pixel, as their definition says. They do not by default:
/// 3 x 3 taps over 16 channels and more are multiplied in Winograd's form, up to three times as fast, whose results are off by
/// at most ten times as much as those of the definition computed in the same precision.
pub fn set_exact(exact: bool) {
    EXACT.store(exact, Ordering::Relaxed);
}

/// Which products a convolution is made of: decided by its shape.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Depthwise,
    Winograd,
    Taps,
}

impl Form {
    fn of(geometry: &Conv2d, sizes: &Sizes) -> Self {
        if geometry.depthwise(sizes.c) {
            Form::Depthwise
        } else if !EXACT.load(Ordering::Relaxed) && winograd::pays(geometry, sizes) {
            Form::Winograd
        } else {
            Form::Taps
        }
    }
}

/// A weight in the order in which products read it.
#[derive(Clone, Copy)]
enum Packed<'a, E: Float> {
    /// As it is.
    Depthwise(&'a [E]),
    /// A right factor for each place of a tile.
    Winograd(&'a [Panels<E>]),
    /// A right factor for each group.
    Taps(&'a [Panels<E>]),
}

/// A right factor for each group of `w [KH, KW, C / groups, O]`.
fn pack_groups<E: Float>(w: &[E], [c, o]: [usize; 2], geometry: &Conv2d) -> Vec<Panels<E>> {
    let (taps, groups) = (pixels(geometry.kernel), geometry.groups);
    let panels = |group: usize| {
        let first = group * (o / groups);
        let w = &w[first.min(w.len())..];
        Panels::new(w, &[0], taps * (c / groups), o / groups, [o, 1])
    };
    (0..groups).map(panels).collect()
}

/// The weight of a convolution, put into the order in which products read it when it is first used.
pub struct PackedConv2d<E: Float> {
    geometry: Conv2d,
    /// Channels in and out.
    channels: [usize; 2],
    weight: Buffer<E>,
    /// See [`Packed`].
    winograd: OnceLock<Vec<Panels<E>>>,
    taps: OnceLock<Vec<Panels<E>>>,
}

impl<E: Float> PackedConv2d<E> {
    /// Keeps `w [KH, KW, C / groups, O]` for `[C, O]` channels.
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn new(w: &[E], [c, o]: [usize; 2], geometry: Conv2d) -> Self {
        let (taps, groups) = (pixels(geometry.kernel), geometry.groups);
        assert!(
            groups > 0
                && c.is_multiple_of(groups)
                && o.is_multiple_of(groups)
                && w.len() == taps * (c / groups) * o,
            "PackedConv2d: expected [{taps}, {c} / {groups}, {o}], got {} elements",
            w.len()
        );
        PackedConv2d {
            geometry,
            channels: [c, o],
            weight: Buffer::from_slice(w),
            winograd: OnceLock::new(),
            taps: OnceLock::new(),
        }
    }

    /// The geometry that it was packed for.
    pub fn geometry(&self) -> Conv2d {
        self.geometry
    }

    /// Channels in and out.
    pub fn channels(&self) -> [usize; 2] {
        self.channels
    }

    fn packed(&self, form: Form) -> Packed<'_, E> {
        let w = &self.weight;
        match form {
            Form::Depthwise => Packed::Depthwise(w),
            Form::Winograd => {
                let pack = || winograd::pack(w, self.channels);
                Packed::Winograd(self.winograd.get_or_init(pack))
            }
            Form::Taps => {
                let pack = || pack_groups(w, self.channels, &self.geometry);
                Packed::Taps(self.taps.get_or_init(pack))
            }
        }
    }
}

/// `y[i, j] = bias + sum over taps k, l of x[i stride + k dilation - padding, j ..] w[k, l]`, pixels outside the
/// picture being zero: `x [B, H, W, C]` of the given `size`, `w [KH, KW, C / groups, O]`, `bias [O]`,
/// `y [B, OH, OW, O]`.
///
/// # Panics
/// If the shapes do not fit; so do the other functions here.
pub fn conv2d<E: Float>(
    x: &[E],
    size: [usize; 4],
    w: &[E],
    bias: Option<&[E]>,
    geometry: Conv2d,
    y: &mut [E],
) {
    let sizes = Sizes::new("conv2d", &geometry, x, size, w.len(), y);
    if y.is_empty() {
        return;
    }
    let channels = [sizes.c, sizes.o];
    match Form::of(&geometry, &sizes) {
        Form::Depthwise => {
            let w = Packed::Depthwise(w);
            convolve(x, &sizes, w, bias, Finish::NONE, &geometry, y);
        }
        Form::Winograd => winograd::forward_once(x, &sizes, geometry.before(), w, bias, y),
        Form::Taps => {
            let w = pack_groups(w, channels, &geometry);
            let w = Packed::Taps(&w);
            convolve(x, &sizes, w, bias, Finish::NONE, &geometry, y);
        }
    }
}

/// [`conv2d`] with a weight that is packed for many uses, and a finish.
pub fn conv2d_packed<E: Float>(
    x: &[E],
    size: [usize; 4],
    w: &PackedConv2d<E>,
    bias: Option<&[E]>,
    finish: Finish<'_, E>,
    y: &mut [E],
) {
    let geometry = w.geometry;
    let sizes = Sizes::new("conv2d", &geometry, x, size, w.weight.len(), y);
    if y.is_empty() {
        return;
    }
    assert!(
        w.channels == [sizes.c, sizes.o] && finish.add.is_none_or(|add| add.len() == y.len()),
        "conv2d: expected a weight for {} channels and {} elements to add",
        sizes.c,
        y.len()
    );
    let packed = w.packed(Form::of(&geometry, &sizes));
    convolve(x, &sizes, packed, bias, finish, &geometry, y);
}

fn convolve<E: Float>(
    x: &[E],
    sizes: &Sizes,
    w: Packed<'_, E>,
    bias: Option<&[E]>,
    finish: Finish<'_, E>,
    geometry: &Conv2d,
    y: &mut [E],
) {
    let (o, groups) = (sizes.o, geometry.groups);
    assert!(
        bias.is_none_or(|bias| bias.len() == o),
        "conv2d: expected a bias of {o}"
    );
    let panels = match w {
        Packed::Depthwise(w) => return depthwise::forward(x, sizes, w, bias, finish, geometry, y),
        Packed::Winograd(w) => {
            return winograd::forward(x, sizes, geometry.before(), w, bias, finish, y);
        }
        Packed::Taps(panels) => panels,
    };
    if geometry.pointwise() {
        // Each pixel is a row of a product.
        let rows = x.len().checked_div(sizes.c).unwrap_or(0);
        let to = Places {
            picture: o,
            starts: &[0],
        };
        let a = Pieces::rows(x, rows, sizes.c, sizes.c);
        return rows_product(a, &panels[0], bias, finish, y, to);
    }
    if groups == 1 && (1..FEW).contains(&sizes.c) {
        return direct::forward(x, sizes, &panels[0], bias, finish, geometry, y);
    }
    let seen = Seen::new(x, sizes, geometry);
    let places = places(sizes.output, o);
    let to = Places {
        picture: pixels(sizes.output) * o,
        starts: &places,
    };
    for (group, panels) in panels.iter().enumerate() {
        let first = group * (o / groups);
        let bias = bias.map(|bias| &bias[first..][..o / groups]);
        let (seen, finish) = (seen.pieces(group), finish.from(first));
        rows_product(seen, panels, bias, finish, &mut y[first..], to);
    }
}

/// The gradient of [`conv2d`] by its input: `dy [B, OH, OW, O]`, `w [KH, KW, C / groups, O]`, `dx [B, H, W, C]`.
///
/// Input pixels whose places leave the same remainder by the stride are seen through the same taps: each such class is
/// a product of its own, and no tap is multiplied that does not meet.
pub fn conv2d_backward_data<E: Float>(
    dy: &[E],
    size: [usize; 4],
    w: &[E],
    geometry: Conv2d,
    dx: &mut [E],
) {
    let sizes = Sizes::new("conv2d_backward_data", &geometry, dx, size, w.len(), dy);
    if dx.is_empty() || dy.is_empty() {
        return dx.fill(E::ZERO);
    }
    match Form::of(&geometry, &sizes) {
        Form::Depthwise => return depthwise::backward_data(dy, &sizes, w, &geometry, dx),
        Form::Winograd => return winograd::backward_data(dy, &sizes, geometry.before(), w, dx),
        Form::Taps => {}
    }
    for down in 0..geometry.stride[0] {
        for across in 0..geometry.stride[1] {
            backward_class(dy, &sizes, w, &geometry, [down, across], dx);
        }
    }
}

/// The gradient of the input pixels `first + i stride`.
fn backward_class<E: Float>(
    dy: &[E],
    sizes: &Sizes,
    w: &[E],
    geometry: &Conv2d,
    first: [usize; 2],
    dx: &mut [E],
) {
    let (c, o, [h, width]) = (sizes.c, sizes.o, sizes.input);
    let ins = c / geometry.groups;
    let outs = o / geometry.groups;
    // The class's pixels along an axis, and the taps that see them.
    let along = |axis: usize| (first[axis]..sizes.input[axis]).step_by(geometry.stride[axis]);
    let taps = |axis: usize| {
        let all = 0..geometry.kernel[axis];
        let padded = first[axis] + geometry.padding[axis][0];
        let stride = geometry.stride[axis];
        all.filter(move |tap| padded % stride == tap * geometry.dilation[axis] % stride)
    };
    let class = || along(0).flat_map(|row| along(1).map(move |column| (row, column)));
    let pixels_of_class = along(0).len() * along(1).len();
    if pixels_of_class == 0 {
        return; // a stride beyond the picture
    }
    let places = class().map(|(row, column)| start((row * width + column) * c));
    let places = Buffer::filled(pixels_of_class, places);
    let taps = || taps(0).flat_map(|ky| taps(1).map(move |kx| (ky, kx)));
    let [oh, ow] = sizes.output;
    let starts = taps().flat_map(|(ky, kx)| {
        class().map(move |(row, column)| {
            let row = geometry.target(0, row, ky, oh);
            match (row, geometry.target(1, column, kx, ow)) {
                (Some(row), Some(column)) => start((row * ow + column) * o),
                _ => NOWHERE,
            }
        })
    });
    let starts = Buffer::filled(taps().count() * pixels_of_class, starts);
    let weights: Vec<usize> = taps()
        .map(|(ky, kx)| (ky * geometry.kernel[1] + kx) * ins * o)
        .collect();
    let to = Places {
        picture: h * width * c,
        starts: &places,
    };
    for group in 0..geometry.groups {
        let a = Pieces {
            data: &dy[group * outs..],
            pictures: sizes.batch,
            picture: pixels(sizes.output) * o,
            rows: pixels_of_class,
            len: outs,
            starts: &starts,
        };
        // The transpose of each tap's [C / groups, O].
        let w = Panels::new(&w[group * outs..], &weights, outs, ins, [1, o]);
        rows_product(a, &w, None, Finish::NONE, &mut dx[group * ins..], to);
    }
}

/// The gradient of [`conv2d`] by its weight: `x [B, H, W, C]`, `dy [B, OH, OW, O]`, `dw [KH, KW, C / groups, O]`.
pub fn conv2d_backward_weights<E: Float>(
    x: &[E],
    size: [usize; 4],
    dy: &[E],
    geometry: Conv2d,
    dw: &mut [E],
) {
    let sizes = Sizes::new("conv2d_backward_weights", &geometry, x, size, dw.len(), dy);
    if dw.is_empty() || dy.is_empty() {
        return dw.fill(E::ZERO);
    }
    match Form::of(&geometry, &sizes) {
        Form::Depthwise => return depthwise::backward_weights(x, &sizes, dy, &geometry, dw),
        Form::Winograd => {
            return winograd::backward_weights(x, &sizes, geometry.before(), dy, dw);
        }
        Form::Taps => {}
    }
    let seen = Seen::new(x, &sizes, &geometry);
    let (o, outs) = (sizes.o, sizes.o / geometry.groups);
    for group in 0..geometry.groups {
        let first = group * outs;
        let a = seen.pieces(group);
        columns_product(a, (&dy[first..], o), outs, false, (&mut dw[first..], o));
    }
}
