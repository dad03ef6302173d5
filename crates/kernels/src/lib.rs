//! Kernels of Unfold: slices and geometry in, slices out.
