//! Pooling over windows of images: the largest value or the mean of each channel.

use unfold_kernels::{self as kernels, Buffer, LARGEST_WINDOW};

use super::{Op, Pool2d, Reads, Saved, Wanted, Windows, apply_one, gradient, only};
use crate::{Float, Shape, Tensor};

/// Where the windows lie.
#[derive(Clone, Copy)]
enum Layout {
    Sliding(Pool2d),
    /// So many windows along each axis.
    Adaptive([usize; 2]),
}

impl Layout {
    /// The windows over images of this shape, or what was expected.
    fn windows(self, x: Shape) -> Result<[Windows; 2], String> {
        let [_, h, w, _] = *x.dims() else {
            return Err(format!("expected input [B, H, W, C], got {x}"));
        };
        match self {
            Layout::Sliding(geometry) => geometry.windows([h, w]).ok_or_else(|| {
                let Pool2d {
                    kernel, padding, ..
                } = geometry;
                if !geometry.is_valid() {
                    return format!(
                        "expected kernel and stride of at least 1 and padding of at most half the kernel, \
                         got {geometry:?}"
                    );
                }
                let least = [0, 1].map(|i| (kernel[i] - padding[i][0] - padding[i][1]).max(1));
                format!(
                    "expected images of at least {least:?} for kernel {kernel:?}, padding {padding:?}, got {x}"
                )
            }),
            Layout::Adaptive([oh, ow]) => Windows::adaptive(h, oh)
                .zip(Windows::adaptive(w, ow))
                .map(Into::into)
                .ok_or_else(|| {
                    format!("expected images and outputs of at least 1 by 1, got {x} and [{oh}, {ow}]")
                }),
        }
    }
}

/// `[B, OH, OW, C]` for images `[B, H, W, C]` under these windows.
fn pooled(x: Shape, [rows, columns]: &[Windows; 2]) -> Shape {
    [x.dims()[0], rows.outputs(), columns.outputs(), x.last()].into()
}

/// y = max over the window; the first of equal maxima gets the gradient.
struct MaxPool2d {
    windows: Result<[Windows; 2], String>,
    /// Whether negative elements count as 0.
    relu: bool,
    /// Which element of its window each output is, [B, OH, OW, C]; empty where no gradient may be wanted.
    place: Buffer<u16>,
}

/// y = mean over the window.
struct AvgPool2d {
    windows: Result<[Windows; 2], String>,
}

fn checked(windows: &Result<[Windows; 2], String>) -> &[Windows; 2] {
    windows.as_ref().expect("checked by shapes")
}

impl<E: Float> Op<E> for MaxPool2d {
    fn name(&self) -> &'static str {
        "max_pool2d"
    }

    fn shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let windows = self.windows.as_ref().map_err(String::clone)?;
        let (h, w) = (windows[0].widest(), windows[1].widest());
        match h * w {
            0..=LARGEST_WINDOW => Ok(vec![pooled(inputs[0], windows)]),
            _ => Err(format!(
                "expected windows of at most {LARGEST_WINDOW} elements, got {h} by {w}"
            )),
        }
    }

    fn forward(&mut self, inputs: &[&Tensor<E>], outputs: &mut [Buffer<E>]) {
        if inputs[0].tracked() {
            self.place = Buffer::scratch(outputs[0].len());
        }
        kernels::max_pool2d(
            inputs[0].data(),
            inputs[0].dim(3),
            checked(&self.windows),
            self.relu,
            &mut outputs[0],
            &mut self.place,
        );
    }

    fn reads(&self) -> Reads {
        Reads::Nothing
    }

    fn backward(
        &self,
        saved: &Saved<E>,
        gradients: &[Option<Tensor<E>>],
        wanted: &[Wanted<'_, E>],
    ) -> Vec<Option<Tensor<E>>> {
        let (x, dy) = (saved.shapes[0], only(gradients).data());
        vec![gradient(wanted[0], x, |dx| {
            kernels::max_pool2d_backward(&self.place, dy, x.last(), checked(&self.windows), dx);
        })]
    }
}

impl<E: Float> Op<E> for AvgPool2d {
    fn name(&self) -> &'static str {
        "avg_pool2d"
    }

    fn shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let windows = self.windows.as_ref().map_err(String::clone)?;
        Ok(vec![pooled(inputs[0], windows)])
    }

    fn forward(&mut self, inputs: &[&Tensor<E>], outputs: &mut [Buffer<E>]) {
        let (x, c) = (inputs[0].data(), inputs[0].dim(3));
        kernels::avg_pool2d(x, c, checked(&self.windows), &mut outputs[0]);
    }

    fn reads(&self) -> Reads {
        Reads::Nothing
    }

    fn backward(
        &self,
        saved: &Saved<E>,
        gradients: &[Option<Tensor<E>>],
        wanted: &[Wanted<'_, E>],
    ) -> Vec<Option<Tensor<E>>> {
        let (x, dy) = (saved.shapes[0], only(gradients).data());
        vec![gradient(wanted[0], x, |dx| {
            kernels::avg_pool2d_backward(dy, x.last(), checked(&self.windows), dx);
        })]
    }
}

impl<E: Float> Tensor<E> {
    /// The maximum of each channel in windows of images: `[B, H, W, C] -> [B, OH, OW, C]` with
    /// OH = floor((H + padding - kernel) / stride) + 1, and OW likewise. Of equal maxima the first gets
    /// the gradient.
    ///
    /// # Panics
    /// When this is not `[B, H, W, C]`, there is no window in it, or the padding exceeds half the kernel.
    #[track_caller]
    pub fn max_pool2d(&self, geometry: Pool2d) -> Tensor<E> {
        self.max_over(Layout::Sliding(geometry), false)
    }

    /// [`Tensor::relu`], then [`Tensor::max_pool2d`], which takes no pass over the images of its own.
    ///
    /// # Panics
    /// As there.
    #[track_caller]
    pub fn relu_max_pool2d(&self, geometry: Pool2d) -> Tensor<E> {
        self.max_over(Layout::Sliding(geometry), true)
    }

    /// The maximum of each channel in `output` (height, width) windows that cover the images evenly:
    /// `[B, H, W, C] -> [B, OH, OW, C]`; window o is floor(o H / OH) .. ceil((o + 1) H / OH).
    ///
    /// # Panics
    /// When this is not `[B, H, W, C]`, or an extent is 0.
    #[track_caller]
    pub fn adaptive_max_pool2d(&self, output: [usize; 2]) -> Tensor<E> {
        self.max_over(Layout::Adaptive(output), false)
    }

    /// The mean of each channel in windows of images, otherwise as [`Tensor::max_pool2d`].
    ///
    /// # Panics
    /// As there.
    #[track_caller]
    pub fn avg_pool2d(&self, geometry: Pool2d) -> Tensor<E> {
        self.mean_over(Layout::Sliding(geometry))
    }

    /// The mean of each channel in evenly placed windows, otherwise as [`Tensor::adaptive_max_pool2d`].
    ///
    /// # Panics
    /// As there.
    #[track_caller]
    pub fn adaptive_avg_pool2d(&self, output: [usize; 2]) -> Tensor<E> {
        self.mean_over(Layout::Adaptive(output))
    }

    /// The mean of each channel over the whole image: `[B, H, W, C] -> [B, C]`.
    ///
    /// # Panics
    /// When this is not `[B, H, W, C]`, or an extent is 0.
    #[track_caller]
    pub fn global_avg_pool2d(&self) -> Tensor<E> {
        let y = self.adaptive_avg_pool2d([1, 1]); // [B, 1, 1, C]
        y.reshape([self.dim(0), self.dim(3)]) // [B, C]
    }

    #[track_caller]
    fn max_over(&self, layout: Layout, relu: bool) -> Tensor<E> {
        let op = MaxPool2d {
            windows: layout.windows(self.shape()),
            relu,
            place: Buffer::scratch(0),
        };
        apply_one(op, &[self])
    }

    #[track_caller]
    fn mean_over(&self, layout: Layout) -> Tensor<E> {
        let windows = layout.windows(self.shape());
        apply_one(AvgPool2d { windows }, &[self])
    }
}
