//! The samples of one line doing one work.

use bench_page::Spread;

use crate::sample::Sample;

#[derive(Default)]
pub(crate) struct Cell {
    samples: Vec<Sample>,
    left_out: Option<String>,
    failure: Option<String>,
}

impl Cell {
    pub(crate) fn add(&mut self, sample: Sample) {
        self.samples.push(sample);
    }

    pub(crate) fn leave_out(&mut self, reason: String) {
        self.left_out = Some(reason);
    }

    pub(crate) fn fail(&mut self, failure: String) {
        self.failure = Some(failure);
    }

    /// Whether another round makes sense.
    pub(crate) fn is_open(&self) -> bool {
        self.left_out.is_none() && self.failure.is_none()
    }

    pub(crate) fn left_out(&self) -> Option<&str> {
        self.left_out.as_deref()
    }

    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Nanoseconds of one unit of work.
    pub(crate) fn spread(&self) -> Option<Spread> {
        spread_of(self.times())
    }

    fn times(&self) -> Vec<f64> {
        if !self.is_open() {
            return Vec::new();
        }
        self.samples.iter().map(|sample| sample.nanoseconds / sample.units as f64).collect()
    }

    /// The median of something else that was measured.
    pub(crate) fn extra(&self, name: &str) -> Option<f64> {
        let of =
            |sample: &Sample| sample.extras.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
        spread_of(self.samples.iter().filter_map(of).collect()).map(|spread| spread.median)
    }

    /// Whether the samples swing so much that the median says little.
    pub(crate) fn swings(&self) -> bool {
        let times = self.times();
        let lowest = times.iter().copied().fold(f64::INFINITY, f64::min);
        times.iter().any(|&time| time > 2.0 * lowest)
    }
}

/// Nothing of nothing.
fn spread_of(mut values: Vec<f64>) -> Option<Spread> {
    values.sort_unstable_by(f64::total_cmp);
    let at = |part: f64| {
        let place = part * (values.len() as f64 - 1.0);
        let (low, high) = (values[place.floor() as usize], values[place.ceil() as usize]);
        low + (high - low) * place.fract()
    };
    (!values.is_empty()).then(|| Spread { low: at(0.25), median: at(0.5), high: at(0.75) })
}
