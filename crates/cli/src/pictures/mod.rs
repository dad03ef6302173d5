//! Pictures of a training run, drawn without any graphics library of the system.
//!
//! A picture is a [`Canvas`](canvas::Canvas): a list of shapes that is written as SVG (with real, selectable
//! text) or as PNG (with the glyphs of a bundled font). The other modules turn numbers into shapes.

pub(crate) mod bars;
pub(crate) mod canvas;
pub(crate) mod chart;
pub(crate) mod colour;
pub(crate) mod confusion;
pub(crate) mod curves;
pub(crate) mod filter;
mod flow;
pub(crate) mod font;
pub(crate) mod heat;
pub(crate) mod mosaic;
pub(crate) mod neighbours;
pub(crate) mod page;
mod png;
pub(crate) mod raster;
pub(crate) mod surprise;
pub(crate) mod svg;
pub(crate) mod ticks;
pub(crate) mod words;

#[cfg(test)]
mod gallery;
