//! Named figures: medians with the least and the most beside them.

use serde_json::{Map, Value, json};

/// One figure of several measurements.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// All figures of one database, in the order they were measured.
#[derive(Debug, Default)]
pub(crate) struct Figures(pub(crate) Vec<Figure>);

impl Figures {
    /// Adds the figure that these measurements give.
    pub(crate) fn add(&mut self, name: &'static str, measured: impl IntoIterator<Item = f64>) {
        let measured: Vec<f64> = measured.into_iter().collect();
        let figure = Figure {
            name,
            median: percentile(&measured, 50),
            min: percentile(&measured, 0),
            max: percentile(&measured, 100),
        };
        eprintln!("{name}: {:.3} ({:.3} to {:.3})", figure.median, figure.min, figure.max);
        self.0.push(figure);
    }

    /// The figures as one JSON object.
    pub(crate) fn to_json(&self) -> Value {
        let mut object = Map::new();
        for figure in &self.0 {
            object.insert(figure.name.to_owned(), json!(figure.median));
            object.insert(format!("{}_min", figure.name), json!(figure.min));
            object.insert(format!("{}_max", figure.name), json!(figure.max));
        }
        Value::Object(object)
    }
}

/// The measurement below which `percent` of them lie (nearest rank).
pub(crate) fn percentile(measured: &[f64], percent: usize) -> f64 {
    let mut sorted = measured.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[(sorted.len() - 1) * percent / 100]
}
