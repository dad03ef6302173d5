//! RandAugment (Cubuk, Zoph, Shlens and Le 2020): operations drawn from one list, all of one magnitude.

use super::affine::Affine;
use super::crop::Border;
use super::{Canvas, Draws, colour, tone};
use crate::data::pictures::form::PictureForm;

/// The magnitude at which each operation is strongest.
const STRONGEST: f64 = 30.0;

/// The operations, with the strengths that torchvision gives them.
#[derive(Clone, Copy)]
enum Operation {
    Identity,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
    Rotate,
    Brightness,
    Saturation,
    Contrast,
    Sharpness,
    Posterize,
    Solarize,
    Autocontrast,
    Equalize,
}

use Operation::*;

const ALL: [Operation; 14] = [
    Identity,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
    Rotate,
    Brightness,
    Saturation,
    Contrast,
    Sharpness,
    Posterize,
    Solarize,
    Autocontrast,
    Equalize,
];

/// Applies one operation, drawn at random.
pub(super) fn apply(
    magnitude: usize,
    form: &PictureForm,
    border: Border,
    fill: [u8; 3],
    draws: &mut Draws,
    canvas: &mut Canvas,
) {
    let operation = ALL[draws.below(ALL.len())];
    let strength = magnitude as f64 / STRONGEST;
    let signed = if draws.unit() < 0.5 {
        -strength
    } else {
        strength
    };
    let channels = form.channels;
    let mut affine = |affine: Affine| {
        canvas.remake(|from, to| affine.apply(from, to, form, border, fill));
    };
    match operation {
        Identity => {}
        ShearX => affine(Affine {
            shear: [(0.3 * signed).atan().to_degrees(), 0.0],
            ..Affine::NONE
        }),
        ShearY => affine(Affine {
            shear: [0.0, (0.3 * signed).atan().to_degrees()],
            ..Affine::NONE
        }),
        TranslateX => affine(Affine {
            right: 150.0 / 331.0 * form.width as f64 * signed,
            ..Affine::NONE
        }),
        TranslateY => affine(Affine {
            down: 150.0 / 331.0 * form.height as f64 * signed,
            ..Affine::NONE
        }),
        Rotate => affine(Affine {
            degrees: 30.0 * signed,
            ..Affine::NONE
        }),
        Brightness => colour::brightness(&mut canvas.pixels, 1.0 + 0.9 * signed),
        Saturation if channels == 3 => colour::saturation(&mut canvas.pixels, 1.0 + 0.9 * signed),
        Saturation => {}
        Contrast => colour::contrast(&mut canvas.pixels, channels, 1.0 + 0.9 * signed),
        Sharpness => {
            canvas.remake(|from, to| tone::sharpness(from, to, form, 1.0 + 0.9 * signed));
        }
        Posterize => {
            let dropped = (magnitude as f64 / 7.5).round() as u32;
            tone::posterize(&mut canvas.pixels, 8 - dropped);
        }
        Solarize => tone::solarize(&mut canvas.pixels, 255.0 * (1.0 - strength)),
        Autocontrast => tone::autocontrast(&mut canvas.pixels, channels),
        Equalize => tone::equalize(&mut canvas.pixels, channels),
    }
}
