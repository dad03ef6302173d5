//! Canvas to PNG, painted by tiny-skia.

use anyhow::{Context as _, Result, anyhow};
use tiny_skia::{
    FillRule, FilterQuality, LineCap, LineJoin, Paint, Path, PathBuilder, Pixmap, PixmapPaint,
    StrokeDash, Transform,
};

use super::canvas::{Anchor, Canvas, Rect, Shape, Stroke, Text};
use super::colour::{Colour, WHITE};
use super::font;
use super::raster::Raster;

impl Canvas {
    /// The picture as the bytes of a PNG file, `scale` pixels for each unit of the canvas.
    pub(crate) fn to_png(&self, scale: f32) -> Result<Vec<u8>> {
        let (width, height) = (self.width * scale, self.height * scale);
        let pixels = Pixmap::new(width.ceil() as u32, height.ceil() as u32).with_context(|| {
            format!("a picture of {width} x {height} pixels is too large for a PNG")
        })?;
        let mut painter = Painter { pixels, scale };
        painter
            .pixels
            .fill(tiny_skia::Color::from_rgba8(WHITE.0, WHITE.1, WHITE.2, 255));
        for shape in &self.shapes {
            painter.paint(shape);
        }
        painter
            .pixels
            .encode_png()
            .map_err(|error| anyhow!("cannot encode the PNG: {error}"))
    }
}

struct Painter {
    pixels: Pixmap,
    scale: f32,
}

impl Painter {
    fn paint(&mut self, shape: &Shape) {
        match shape {
            Shape::Rect {
                rect,
                radius,
                fill,
                stroke,
            } => {
                let path = rect_path(*rect, *radius);
                if let Some(colour) = fill {
                    self.fill(path.as_ref(), *colour);
                }
                if let Some(stroke) = stroke {
                    self.stroke(path.as_ref(), *stroke);
                }
            }
            Shape::Polyline { points, stroke } => {
                let mut path = PathBuilder::new();
                for (i, &(x, y)) in points.iter().enumerate() {
                    if i == 0 {
                        path.move_to(x, y)
                    } else {
                        path.line_to(x, y)
                    }
                }
                self.stroke(path.finish().as_ref(), *stroke);
            }
            Shape::Circle {
                x,
                y,
                radius,
                fill,
                stroke,
            } => {
                let path = PathBuilder::from_circle(*x, *y, *radius);
                self.fill(path.as_ref(), *fill);
                if let Some(stroke) = stroke {
                    self.stroke(path.as_ref(), *stroke);
                }
            }
            Shape::Text(text) => self.text(text),
            Shape::Raster { rect, raster } => self.raster(*rect, raster),
        }
    }

    fn raster(&mut self, rect: Rect, raster: &Raster) {
        let (wide, high) = (raster.width() as f32, raster.height() as f32);
        let place = Transform::from_scale(rect.width / wide, rect.height / high)
            .post_translate(rect.x, rect.y)
            .post_scale(self.scale, self.scale);
        let paint = PixmapPaint {
            quality: match raster.smooth {
                true => FilterQuality::Bicubic,
                false => FilterQuality::Nearest,
            },
            ..Default::default()
        };
        let pixels = raster.pixmap().as_ref();
        self.pixels.draw_pixmap(0, 0, pixels, &paint, place, None);
    }

    fn text(&mut self, text: &Text) {
        let shift = match text.anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => -text.width() / 2.0,
            Anchor::End => -text.width(),
        };
        let place = Transform::from_translate(shift, 0.0)
            .post_rotate(text.angle)
            .post_translate(text.x, text.y);
        let path = font::outline(&text.content, text.size, text.weight)
            .and_then(|path| path.transform(place));
        self.fill(path.as_ref(), text.colour);
    }

    fn fill(&mut self, path: Option<&Path>, colour: Colour) {
        if let Some(path) = path {
            let scale = Transform::from_scale(self.scale, self.scale);
            self.pixels
                .fill_path(path, &paint(colour), FillRule::Winding, scale, None);
        }
    }

    fn stroke(&mut self, path: Option<&Path>, stroke: Stroke) {
        if let Some(path) = path {
            let scale = Transform::from_scale(self.scale, self.scale);
            let style = tiny_skia::Stroke {
                width: stroke.width,
                line_cap: LineCap::Butt,
                line_join: LineJoin::Round,
                dash: stroke
                    .dash
                    .and_then(|dash| StrokeDash::new(vec![dash, dash], 0.0)),
                ..Default::default()
            };
            self.pixels
                .stroke_path(path, &paint(stroke.colour), &style, scale, None);
        }
    }
}

fn paint(colour: Colour) -> Paint<'static> {
    let mut paint = Paint {
        anti_alias: true,
        ..Default::default()
    };
    paint.set_color_rgba8(colour.0, colour.1, colour.2, 255);
    paint
}

fn rect_path(rect: Rect, radius: f32) -> Option<Path> {
    let Rect {
        x,
        y,
        width,
        height,
    } = rect;
    let sharp = tiny_skia::Rect::from_xywh(x, y, width, height)?;
    let r = radius.min(width / 2.0).min(height / 2.0);
    if r <= 0.0 {
        return Some(PathBuilder::from_rect(sharp));
    }
    let (right, bottom) = (x + width, y + height);
    let mut path = PathBuilder::new();
    path.move_to(x + r, y);
    path.line_to(right - r, y);
    path.quad_to(right, y, right, y + r);
    path.line_to(right, bottom - r);
    path.quad_to(right, bottom, right - r, bottom);
    path.line_to(x + r, bottom);
    path.quad_to(x, bottom, x, bottom - r);
    path.line_to(x, y + r);
    path.quad_to(x, y, x + r, y);
    path.close();
    path.finish()
}

#[cfg(test)]
mod tests {
    use super::super::colour::BLUE;
    use super::*;

    fn pixels(canvas: &Canvas, scale: f32) -> Pixmap {
        Pixmap::decode_png(&canvas.to_png(scale).unwrap()).unwrap()
    }

    #[test]
    fn shapes_land_where_they_were_put() {
        let mut canvas = Canvas::new(20.0, 10.0, "");
        canvas.rect(
            Rect {
                x: 10.0,
                y: 0.0,
                width: 10.0,
                height: 10.0,
            },
            0.0,
            BLUE,
        );
        let pixels = pixels(&canvas, 2.0);
        assert_eq!((pixels.width(), pixels.height()), (40, 20));
        let at = |x, y| pixels.pixel(x, y).unwrap().demultiply();
        assert_eq!((at(5, 5).red(), at(5, 5).blue()), (255, 255));
        assert_eq!(
            (at(30, 10).red(), at(30, 10).green(), at(30, 10).blue()),
            (BLUE.0, BLUE.1, BLUE.2)
        );
    }

    #[test]
    fn pixels_stay_sharp_and_in_place() {
        let mut canvas = Canvas::new(20.0, 10.0, "");
        let colours = [BLUE, Colour(10, 20, 30)];
        let raster = Raster::new(2, 1, |x, _| colours[x]);
        let rect = Rect {
            x: 4.0,
            y: 2.0,
            width: 12.0,
            height: 6.0,
        };
        canvas.raster(rect, raster);
        let drawn = pixels(&canvas, 2.0);
        let at = |x, y| {
            let pixel = drawn.pixel(x, y).unwrap();
            Colour(pixel.red(), pixel.green(), pixel.blue())
        };
        assert_eq!([at(6, 10), at(9, 10), at(18, 10)], [WHITE, BLUE, BLUE]);
        assert_eq!(
            [at(21, 10), at(30, 10), at(33, 10)],
            [colours[1], colours[1], WHITE]
        );
        assert_eq!([at(12, 2), at(12, 17)], [WHITE, WHITE]);
        let svg = canvas.to_svg();
        assert!(
            svg.contains("<image x=\"4\" y=\"2\" width=\"12\" height=\"6\""),
            "{svg}"
        );
        assert!(svg.contains("data:image/png;base64,iVBOR"), "{svg}");
    }

    #[test]
    fn text_leaves_ink_on_its_side_of_the_anchor() {
        let mut canvas = Canvas::new(100.0, 20.0, "");
        canvas.text(Text::new(50.0, 15.0, "mmm").anchor(Anchor::End));
        let pixels = pixels(&canvas, 1.0);
        let ink = |range: std::ops::Range<u32>| {
            range
                .flat_map(|x| (0..20).map(move |y| (x, y)))
                .any(|(x, y)| pixels.pixel(x, y).unwrap().red() < 100)
        };
        assert!(ink(0..50));
        assert!(!ink(51..100));
    }
}
