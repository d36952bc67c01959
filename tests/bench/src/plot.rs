//! Line charts as SVG, in as few words as will do.

use std::fmt::Write as _;

use crate::figures::float;

/// One chart.
#[derive(Debug)]
pub(crate) struct Chart {
    /// What it shows.
    pub(crate) title: String,
    /// Whether sizes and measures are shown by their powers of ten.
    pub(crate) is_log: bool,
    /// Lines by their names.
    pub(crate) lines: Vec<(String, Vec<(f64, f64)>)>,
}

const WIDTH: f64 = 440.0;
const HEIGHT: f64 = 250.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 42.0;
const COLOURS: [&str; 4] = ["#0b6bcb", "#c4560b", "#2e7d32", "#7b3fa0"];

/// Where numbers lie on an axis.
struct Axis {
    from: f64,
    to: f64,
    is_log: bool,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64> + Clone, is_log: bool) -> Self {
        let largest = values.clone().fold(f64::MIN, f64::max);
        let smallest = values.fold(f64::MAX, f64::min);
        if is_log {
            let from = smallest.max(1e-9).log10().floor();
            Self { from, to: largest.max(1e-9).log10().ceil().max(from + 1.0), is_log }
        } else {
            Self { from: 0.0, to: if largest > 0.0 { largest * 1.05 } else { 1.0 }, is_log }
        }
    }

    /// From 0 at the begin of the axis to 1 at its end.
    fn place(&self, value: f64) -> f64 {
        let value = if self.is_log { value.max(1e-9).log10() } else { value };
        (value - self.from) / (self.to - self.from)
    }

    fn ticks(&self) -> Vec<f64> {
        if !self.is_log {
            return (0..=4).map(|part| self.from + (self.to - self.from) * f64::from(part) / 4.0).collect();
        }
        let mut power = self.from;
        let mut ticks = Vec::new();
        while power <= self.to {
            ticks.push(10_f64.powf(power));
            power += 1.0;
        }
        ticks
    }
}

impl Chart {
    fn draw(&self, svg: &mut String) {
        let points = || self.lines.iter().flat_map(|(_, points)| points);
        let across = Axis::over(points().map(|point| point.0), self.is_log);
        let up = Axis::over(points().map(|point| point.1), self.is_log);
        let x = |value: f64| LEFT + across.place(value) * (WIDTH - LEFT - RIGHT);
        let y = |value: f64| HEIGHT - BOTTOM - up.place(value) * (HEIGHT - TOP - BOTTOM);
        let _ = writeln!(svg, r#"<text x="8" y="16" font-weight="bold">{}</text>"#, escaped(&self.title));
        for tick in across.ticks() {
            let (at, foot, text) = (x(tick), HEIGHT - BOTTOM, short(tick));
            let _ = writeln!(svg, r##"<path d="M{at:.1} {TOP}V{foot}" stroke="#e4e4e4"/>"##);
            let _ = writeln!(svg, r#"<text x="{at:.1}" y="{}" text-anchor="middle">{text}</text>"#, foot + 14.0);
        }
        for tick in up.ticks() {
            let (at, text) = (y(tick), short(tick));
            let _ = writeln!(svg, r##"<path d="M{LEFT} {at:.1}H{}" stroke="#e4e4e4"/>"##, WIDTH - RIGHT);
            let _ = writeln!(svg, r#"<text x="{}" y="{:.1}" text-anchor="end">{text}</text>"#, LEFT - 5.0, at + 3.5);
        }
        let mut legend = LEFT;
        for ((name, points), colour) in self.lines.iter().zip(COLOURS.iter().cycle()) {
            let path: Vec<String> = points.iter().map(|&(px, py)| format!("{:.1} {:.1}", x(px), y(py))).collect();
            let path = path.join("L");
            let _ = writeln!(svg, r#"<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>"#);
            for &(px, py) in points {
                let _ = writeln!(svg, r#"<circle cx="{:.1}" cy="{:.1}" r="2.5" fill="{colour}"/>"#, x(px), y(py));
            }
            let foot = HEIGHT - 8.0;
            let _ = writeln!(svg, r#"<text x="{legend:.1}" y="{foot}" fill="{colour}">{}</text>"#, escaped(name));
            legend += 12.0 + 6.2 * float(name.len());
        }
    }
}

/// Charts beside and below each other on one sheet.
pub(crate) fn sheet(charts: &[Chart], columns: usize) -> String {
    let rows = charts.len().div_ceil(columns);
    let (width, height) = (WIDTH * float(columns), HEIGHT * float(rows));
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11" fill="#222">
<rect width="{width}" height="{height}" fill="#fff"/>
"##
    );
    for (at, chart) in charts.iter().enumerate() {
        let (x, y) = (float(at % columns) * WIDTH, float(at / columns) * HEIGHT);
        let _ = writeln!(svg, r#"<g transform="translate({x} {y})">"#);
        chart.draw(&mut svg);
        svg.push_str("</g>\n");
    }
    svg.push_str("</svg>\n");
    svg
}

/// A number in as few signs as will do.
pub(crate) fn short(number: f64) -> String {
    match number.abs() {
        size if size >= 1e6 => format!("{}M", trimmed(number / 1e6)),
        size if size >= 1e4 => format!("{}k", trimmed(number / 1e3)),
        size if size >= 100.0 => format!("{number:.0}"),
        _ => trimmed(number),
    }
}

/// Three digits that matter, without zeros at the end.
fn trimmed(number: f64) -> String {
    let text = match number.abs() {
        size if size >= 100.0 => format!("{number:.0}"),
        size if size >= 10.0 => format!("{number:.1}"),
        size if size >= 0.1 => format!("{number:.2}"),
        _ => format!("{number:.4}"),
    };
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A text that is not taken for marks.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let shown = [0.0, 0.0312, 0.5, 12.34, 100.0, 2_345.0, 10_000.0, 1_000_000.0, 2_500_000.0].map(short);
        assert_eq!(shown, ["0", "0.0312", "0.5", "12.3", "100", "2345", "10k", "1M", "2.5M"]);
    }

    #[test]
    fn the_last_of_a_growing_line_is_above_and_right_of_the_first() {
        let line = vec![(1.0, 1.0), (100.0, 1_000.0)];
        let svg = sheet(&[Chart { title: "a < b".to_owned(), is_log: true, lines: vec![("n".to_owned(), line)] }], 1);
        assert!(svg.contains("a &lt; b"), "{svg}");
        assert!(svg.contains("M56.0 208.0L428.0 26.0"), "from corner to corner: {svg}");
    }
}
