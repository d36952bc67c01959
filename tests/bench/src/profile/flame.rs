//! Stacks as a flame graph: a box for each frame, as wide as its share of the samples, upon the frame that called it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::stacks::Stack;
use crate::figures::float;
use crate::plot::escaped;

const WIDTH: f64 = 1_600.0;
const ROW: usize = 16;
/// Narrower boxes are left out.
const NARROWEST: f64 = 1.0;
/// How wide a letter is.
const LETTER: f64 = 6.5;

/// A frame and those that it called.
#[derive(Default)]
struct Frame {
    samples: usize,
    called: BTreeMap<String, Frame>,
}

impl Frame {
    fn add(&mut self, frames: &[String], samples: usize) {
        self.samples += samples;
        if let Some((first, rest)) = frames.split_first() {
            self.called.entry(first.clone()).or_default().add(rest, samples);
        }
    }

    fn depth(&self) -> usize {
        self.called.values().map(Self::depth).max().map_or(0, |deepest| deepest + 1)
    }
}

/// The graph as SVG. A box says what it is when it is pointed at.
pub(super) fn graph(stacks: &[Stack]) -> String {
    let mut all = Frame::default();
    for Stack { thread, frames, samples } in stacks {
        let frames: Vec<String> = std::iter::once(thread).chain(frames).cloned().collect();
        all.add(&frames, *samples);
    }
    let height = (all.depth() + 1) * ROW;
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="monospace" font-size="11">
<rect width="{WIDTH}" height="{height}" fill="#fff"/>
"##
    );
    let scale = WIDTH / float(all.samples);
    draw(&mut svg, &all, 0.0, height - ROW, scale);
    svg.push_str("</svg>\n");
    svg
}

fn draw(svg: &mut String, frame: &Frame, mut x: f64, y: usize, scale: f64) {
    for (name, called) in &frame.called {
        let width = float(called.samples) * scale;
        if width >= NARROWEST {
            let fits = |letters: &usize| float(*letters) * LETTER < width;
            let letters = (1..=name.len()).take_while(fits).count();
            let shown: String = if letters > 3 { name.chars().take(letters).collect() } else { String::new() };
            let _ = writeln!(
                svg,
                r#"<g><title>{name} ({samples})</title><rect x="{x:.1}" y="{y}" width="{width:.1}" height="{height}" fill="{colour}"/><text x="{left:.1}" y="{foot}">{shown}</text></g>"#,
                name = escaped(name),
                samples = called.samples,
                height = ROW - 1,
                colour = colour(name),
                left = x + 2.0,
                foot = y + 11,
                shown = escaped(&shown),
            );
            draw(svg, called, x, y.saturating_sub(ROW), scale);
        }
        x += width;
    }
}

/// The same for the same function, and warm.
fn colour(name: &str) -> String {
    let hash = name.bytes().fold(7_u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
    format!("hsl({} 80% {}%)", 10 + hash % 45, 60 + hash / 64 % 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_is_as_wide_as_its_share_and_stands_on_its_caller() {
        let stack = |frames: &[&str], samples| Stack {
            thread: "t".to_owned(),
            frames: frames.iter().map(|frame| (*frame).to_owned()).collect(),
            samples,
        };
        let svg = graph(&[stack(&["a", "b"], 3), stack(&["a"], 1)]);
        assert!(svg.contains(r#"<title>a (4)</title><rect x="0.0" y="32" width="1600.0""#), "{svg}");
        assert!(svg.contains(r#"<title>b (3)</title><rect x="0.0" y="16" width="1200.0""#), "{svg}");
    }
}
