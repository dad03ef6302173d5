//! A program that says how much memory there is hears of what does not fit.

use unfold::{Tensor, limit_memory};

fn exhausted(needed: usize) -> ! {
    panic!("{needed} bytes")
}

#[test]
fn what_does_not_fit_is_told() {
    limit_memory(1 << 20, exhausted);
    let fits = Tensor::<f32>::zeros([1 << 17]);
    let told = std::panic::catch_unwind(|| Tensor::<f32>::zeros([1 << 18]));
    let told = told.expect_err("does not fit beside the first");
    let bytes = (1 << 19) + (1 << 20);
    assert_eq!(told.downcast_ref(), Some(&format!("{bytes} bytes")));
    // It is as if nobody had asked for it.
    let again = Tensor::<f32>::zeros([1 << 17]);
    assert_eq!(fits.len(), again.len());
}
