//! Days, what is said of a month of them, and where to. Plain Rust: nothing here knows of tasks.

use std::str::FromStr;

use flow_sdk::connections::Connection;
use serde::{Deserialize, Serialize};

/// One day's weather: millimetres, degrees Celsius, metres per second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Day {
    pub date: String,
    pub precipitation: f64,
    pub temp_max: f64,
    pub temp_min: f64,
    pub wind: f64,
}

impl Day {
    /// The month of the year, from 1; 0 if the date is none.
    pub fn month(&self) -> u32 {
        self.date.get(5..7).and_then(|month| month.parse().ok()).unwrap_or(0)
    }

    fn parse(line: &str) -> Option<Self> {
        let mut cells = line.trim_end().split(',');
        let date = cells.next()?.to_owned();
        let mut number = || cells.next()?.parse().ok();
        Some(Self { date, precipitation: number()?, temp_max: number()?, temp_min: number()?, wind: number()? })
    }

    fn is_plausible(&self) -> bool {
        (1..=12).contains(&self.month()) && self.temp_min <= self.temp_max && self.precipitation >= 0.0
    }
}

/// The usable days of a CSV text with a heading, and how many rows are not.
pub fn read(csv: &str) -> (Vec<Day>, usize) {
    let rows = csv.lines().skip(1).filter(|line| !line.trim().is_empty());
    let (days, dropped): (Vec<_>, Vec<_>) =
        rows.map(|line| Day::parse(line).filter(Day::is_plausible)).partition(Option::is_some);
    (days.into_iter().flatten().collect(), dropped.len())
}

/// The unit of reported temperatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Celsius,
    Fahrenheit,
}

impl FromStr for Unit {
    type Err = std::io::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "celsius" => Ok(Self::Celsius),
            "fahrenheit" => Ok(Self::Fahrenheit),
            _ => Err(std::io::Error::other(format!("temperature_unit is {text:?}, not celsius or fahrenheit"))),
        }
    }
}

impl Unit {
    fn of(self, celsius: f64) -> f64 {
        match self {
            Self::Celsius => celsius,
            Self::Fahrenheit => celsius * 1.8 + 32.0,
        }
    }
}

/// A month of the year over all years, rounded to one decimal.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    pub days: usize,
    pub mean_max: f64,
    pub mean_min: f64,
    pub rain_mm: f64,
    pub wet_days: usize,
    pub frost_days: usize,
    pub wettest_day: String,
}

impl Summary {
    /// The summary of `days`, if there are any.
    pub fn of(days: &[Day], unit: Unit) -> Option<Self> {
        let wettest = days.iter().max_by(|a, b| a.precipitation.total_cmp(&b.precipitation))?;
        let mean = |value: fn(&Day) -> f64| days.iter().map(value).sum::<f64>() / days.len() as f64;
        Some(Self {
            days: days.len(),
            mean_max: round(unit.of(mean(|day| day.temp_max))),
            mean_min: round(unit.of(mean(|day| day.temp_min))),
            rain_mm: round(days.iter().map(|day| day.precipitation).sum()),
            wet_days: days.iter().filter(|day| day.precipitation >= 1.0).count(),
            frost_days: days.iter().filter(|day| day.temp_min < 0.0).count(),
            wettest_day: wettest.date.clone(),
        })
    }
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// Where a connection leads to, without how to log in.
pub fn address(connection: &Connection) -> String {
    let host = connection.host.as_deref().unwrap_or("localhost");
    let port = connection.port.map(|port| format!(":{port}")).unwrap_or_default();
    let schema = connection.schema.as_deref().unwrap_or_default();
    format!("{}://{host}{port}/{schema}", connection.conn_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_cannot_be_true_are_left_out() {
        let csv = "date,precipitation,temp_max,temp_min,wind,weather\n2012-01-01,0.0,12.8,5.0,4.7,sun\n\
                   2012-01-02,none,1,0,1,sun\n2012-01-03,0.0,1.0,5.0,4.7,sun\n2012-13-04,0.0,5.0,1.0,4.7,sun\n\n";
        let (days, dropped) = read(csv);
        assert_eq!((days.len(), dropped), (1, 3));
        assert_eq!(days[0].month(), 1);
    }

    #[test]
    fn a_summary_is_rounded_and_in_its_unit() {
        let day = |date: &str, temp_max, precipitation| Day {
            date: date.to_owned(),
            precipitation,
            temp_max,
            temp_min: -1.0,
            wind: 1.0,
        };
        let days = [day("2012-01-01", 10.0, 0.5), day("2012-01-02", 10.5, 2.0)];
        let summary = Summary::of(&days, Unit::Fahrenheit).expect("there are days");
        assert_eq!((summary.mean_max, summary.mean_min, summary.rain_mm), (50.5, 30.2, 2.5));
        assert_eq!((summary.wet_days, summary.frost_days, summary.wettest_day.as_str()), (1, 2, "2012-01-02"));
        assert_eq!(Summary::of(&[], Unit::Celsius), None);
    }
}
