//! Canvas to SVG.

use std::fmt::Write as _;

use super::canvas::{Anchor, Canvas, Shape, Stroke, Text};
use super::colour::WHITE;
use super::font::Weight;

impl Canvas {
    /// The picture as an SVG file of its own; texts stay texts, so they can be searched and selected.
    pub(crate) fn to_svg(&self) -> String {
        let (width, height) = (self.width, self.height);
        let description = escape(&self.description);
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"'DejaVu Sans', Verdana, Geneva, sans-serif\" \
             role=\"img\">\n<title>{description}</title>\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"{WHITE}\"/>\n"
        );
        for shape in &self.shapes {
            write_shape(&mut out, shape);
        }
        out.push_str("</svg>\n");
        out
    }
}

fn write_shape(out: &mut String, shape: &Shape) {
    match shape {
        Shape::Rect {
            rect,
            radius,
            fill,
            stroke,
        } => {
            let fill = fill.map_or("none".to_owned(), |colour| colour.to_string());
            out.push_str(&format!(
                "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{fill}\"",
                short(rect.x),
                short(rect.y),
                short(rect.width),
                short(rect.height),
            ));
            if *radius > 0.0 {
                out.push_str(&format!(" rx=\"{}\"", short(*radius)));
            }
            out.push_str(&stroke.map(stroke_attributes).unwrap_or_default());
            out.push_str("/>\n");
        }
        Shape::Polyline { points, stroke } => {
            out.push_str("<polyline points=\"");
            for (i, &(x, y)) in points.iter().enumerate() {
                let gap = if i == 0 { "" } else { " " };
                // Writing to a String cannot fail.
                let _ = write!(out, "{gap}{},{}", short(x), short(y));
            }
            out.push_str(&format!(
                "\" fill=\"none\" stroke-linejoin=\"round\"{}/>\n",
                stroke_attributes(*stroke)
            ));
        }
        Shape::Circle {
            x,
            y,
            radius,
            fill,
            stroke,
        } => {
            out.push_str(&format!(
                "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" fill=\"{fill}\"{}/>\n",
                short(*x),
                short(*y),
                short(*radius),
                stroke.map(stroke_attributes).unwrap_or_default()
            ));
        }
        Shape::Text(text) => write_text(out, text),
        Shape::Raster { rect, raster } => {
            let rendering = match raster.smooth {
                true => "",
                false => " image-rendering=\"pixelated\"",
            };
            out.push_str(&format!(
                "<image x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" preserveAspectRatio=\"none\"{rendering} \
                 href=\"{}\"/>\n",
                short(rect.x),
                short(rect.y),
                short(rect.width),
                short(rect.height),
                raster.address()
            ));
        }
    }
}

fn write_text(out: &mut String, text: &Text) {
    let (x, y) = (short(text.x), short(text.y));
    out.push_str(&format!(
        "<text x=\"{x}\" y=\"{y}\" font-size=\"{}\" fill=\"{}\"",
        short(text.size),
        text.colour
    ));
    if text.weight == Weight::Bold {
        out.push_str(" font-weight=\"bold\"");
    }
    match text.anchor {
        Anchor::Start => {}
        Anchor::Middle => out.push_str(" text-anchor=\"middle\""),
        Anchor::End => out.push_str(" text-anchor=\"end\""),
    }
    if text.angle != 0.0 {
        out.push_str(&format!(
            " transform=\"rotate({} {x} {y})\"",
            short(text.angle)
        ));
    }
    if text.exact_width {
        out.push_str(&format!(
            " textLength=\"{}\" lengthAdjust=\"spacingAndGlyphs\"",
            short(text.width())
        ));
    }
    out.push_str(&format!(">{}</text>\n", escape(&text.content)));
}

fn stroke_attributes(stroke: Stroke) -> String {
    let dash = stroke
        .dash
        .map(|dash| format!(" stroke-dasharray=\"{0} {0}\"", short(dash)))
        .unwrap_or_default();
    format!(
        " stroke=\"{}\" stroke-width=\"{}\"{dash}",
        stroke.colour,
        short(stroke.width)
    )
}

/// Two decimals are finer than any screen; more would only make the file longer.
fn short(value: f32) -> f32 {
    (value * 100.0).round() / 100.0 + 0.0
}

/// Text as XML and HTML allow it: markup signs escaped, control characters (forbidden even escaped) replaced.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            control if control.is_control() => out.push(' '),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::canvas::{Rect, Text};
    use super::super::colour::{BLUE, INK};
    use super::*;

    #[test]
    fn texts_are_texts_and_are_escaped() {
        let mut canvas = Canvas::new(100.0, 50.0, "a < b");
        canvas.text(
            Text::new(5.0, 20.0, "<b> & \"q\"\u{1}")
                .bold()
                .anchor(Anchor::End),
        );
        let svg = canvas.to_svg();
        assert!(svg.contains("<title>a &lt; b</title>"), "{svg}");
        assert!(
            svg.contains(
                "font-weight=\"bold\" text-anchor=\"end\">&lt;b&gt; &amp; &quot;q&quot; </text>"
            ),
            "{svg}"
        );
    }

    #[test]
    fn numbers_are_short() {
        let mut canvas = Canvas::new(10.0, 10.0, "");
        canvas.rect(
            Rect {
                x: 1.0 / 3.0,
                y: -0.001,
                width: 2.0,
                height: 3.0,
            },
            0.0,
            BLUE,
        );
        canvas.polyline(
            vec![(0.0, 1.0), (2.0, 3.456)],
            Stroke::dashed(INK, 1.5, 4.0),
        );
        let svg = canvas.to_svg();
        assert!(
            svg.contains("<rect x=\"0.33\" y=\"0\" width=\"2\" height=\"3\" fill=\"#0072b2\"/>"),
            "{svg}"
        );
        assert!(svg.contains("<polyline points=\"0,1 2,3.46\""), "{svg}");
        assert!(
            svg.contains("stroke-width=\"1.5\" stroke-dasharray=\"4 4\""),
            "{svg}"
        );
    }
}
