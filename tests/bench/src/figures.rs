//! What measurements come to: figures, series over growing sizes, and points of a curve.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

/// One figure of several measurements.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    /// What it is called in the JSON.
    pub(crate) name: Cow<'static, str>,
    /// The one in the middle.
    pub(crate) median: f64,
    /// The least.
    pub(crate) min: f64,
    /// The most.
    pub(crate) max: f64,
}

/// All figures of one database, in the order in which they were measured.
#[derive(Debug, Default)]
pub(crate) struct Figures(Vec<Figure>);

impl Figures {
    /// Adds the figure that these measurements give.
    pub(crate) fn add(&mut self, name: impl Into<Cow<'static, str>>, measured: impl IntoIterator<Item = f64>) {
        let measured: Vec<f64> = measured.into_iter().collect();
        let [min, median, max] = [0, 50, 100].map(|percent| percentile(&measured, percent));
        let figure = Figure { name: name.into(), median, min, max };
        eprintln!("  {}: {median:.3} ({min:.3} to {max:.3})", figure.name);
        self.0.push(figure);
    }

    /// The figure of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&Figure> {
        self.0.iter().find(|figure| figure.name == name)
    }

    /// The figures as members of a JSON object.
    pub(crate) fn members(&self) -> Map<String, Value> {
        let mut members = Map::new();
        for Figure { name, median, min, max } in &self.0 {
            members.insert(name.clone().into_owned(), json!(median));
            members.insert(format!("{name}_min"), json!(min));
            members.insert(format!("{name}_max"), json!(max));
        }
        members
    }
}

/// The measurement below which `percent` of them lie (nearest rank); not a number if there is none.
pub(crate) fn percentile(measured: &[f64], percent: usize) -> f64 {
    let mut sorted = measured.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = sorted.len().saturating_sub(1) * percent / 100;
    sorted.get(rank).copied().unwrap_or(f64::NAN)
}

/// What was measured at growing sizes.
#[derive(Debug)]
pub(crate) struct Series {
    /// What it is called in the JSON.
    pub(crate) name: &'static str,
    /// What grows, and what is measured.
    pub(crate) title: &'static str,
    /// The largest exponent that is no defect: 1 for what may be proportional, 0 for what should stay as it is.
    pub(crate) limit: f64,
    /// Sizes and what was measured there.
    pub(crate) points: Vec<(f64, f64)>,
}

impl Series {
    /// The slope of the straight line that fits best where both axes are logarithmic: by what power of the size the
    /// measure grows.
    pub(crate) fn exponent(&self) -> Option<f64> {
        let logs: Vec<(f64, f64)> = self.points.iter().map(|&(size, cost)| (size.ln(), cost.ln())).collect();
        let count = float(logs.len());
        let mean = |of: fn(&(f64, f64)) -> f64| logs.iter().map(of).sum::<f64>() / count;
        let (x, y) = (mean(|log| log.0), mean(|log| log.1));
        let spread: f64 = logs.iter().map(|log| (log.0 - x).powi(2)).sum();
        let joint: f64 = logs.iter().map(|log| (log.0 - x) * (log.1 - y)).sum();
        (spread > 0.0).then(|| joint / spread)
    }

    /// The series for programs.
    pub(crate) fn to_json(&self) -> Value {
        let (sizes, costs): (Vec<f64>, Vec<f64>) = self.points.iter().copied().unzip();
        json!({"what": self.title, "sizes": sizes, "measured": costs, "exponent": self.exponent()})
    }
}

/// What was measured under one load.
#[derive(Debug, Default)]
pub(crate) struct Load {
    /// How much was offered, in percent of the measured maximum.
    pub(crate) percent: f64,
    /// How much that is, in tasks a second.
    pub(crate) offered: f64,
    /// How much was done.
    pub(crate) done: f64,
    /// From due to started, in milliseconds: p50 and p99.
    pub(crate) started: (f64, f64),
    /// From the end of a task to the begin of the one behind it, in milliseconds: p50 and p99.
    pub(crate) followed: (f64, f64),
}

impl Load {
    /// The point for programs.
    pub(crate) fn to_json(&self) -> Value {
        let Self { percent, offered, done, started, followed } = self;
        json!({
            "offered_percent": percent, "offered_tasks_per_s": offered, "done_tasks_per_s": done,
            "start_p50_ms": started.0, "start_p99_ms": started.1,
            "release_p50_ms": followed.0, "release_p99_ms": followed.1,
        })
    }
}

/// A count as a measure.
#[expect(clippy::cast_precision_loss, reason = "nothing that is counted here comes near 2^52")]
pub(crate) fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(points: &[(f64, f64)]) -> Series {
        Series { name: "n", title: "t", limit: 1.0, points: points.to_vec() }
    }

    #[test]
    fn the_exponent_is_that_of_the_power() {
        let exponent = |points: &[(f64, f64)]| series(points).exponent().expect("there is a line");
        for (power, points) in [
            (0.0, [(1.0, 5.0), (10.0, 5.0), (100.0, 5.0)]),
            (1.0, [(1.0, 5.0), (10.0, 50.0), (100.0, 500.0)]),
            (2.0, [(1.0, 5.0), (10.0, 500.0), (100.0, 50_000.0)]),
        ] {
            assert!((exponent(&points) - power).abs() < 1e-9, "{power}: {}", exponent(&points));
        }
        assert_eq!(series(&[(10.0, 1.0)]).exponent(), None, "one point has no slope");
    }

    #[test]
    fn a_percentile_is_one_of_what_was_measured() {
        let measured = [3.0, 1.0, 2.0];
        let found = [0, 50, 99, 100].map(|percent| percentile(&measured, percent).to_string());
        assert_eq!(found, ["1", "2", "2", "3"]);
        assert!(percentile(&[], 50).is_nan());
    }
}
