//! How much is measured.

use std::time::{Duration, Instant};

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Just enough to see that everything works.
    Tiny,
    /// For a desk: under two minutes.
    Short,
    /// What is published.
    Long,
}

impl Form {
    /// What a part does in each form.
    pub(crate) fn pick<T>(self, tiny: T, short: T, long: T) -> T {
        match self {
            Self::Tiny => tiny,
            Self::Short => short,
            Self::Long => long,
        }
    }

    /// How often something is repeated that takes a while.
    pub(crate) fn few(self) -> Times {
        self.times(self.pick(1, 3, 7))
    }

    /// How often something is repeated that is quick.
    pub(crate) fn many(self) -> Times {
        self.times(self.pick(5, 50, 200))
    }

    fn times(self, most: usize) -> Times {
        Times { most, span: Duration::from_secs(self.pick(1, 2, 5)) }
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        self.pick("tiny", "short", "long")
    }
}

/// How often something is repeated: so many times, or fewer if that takes long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    most: usize,
    span: Duration,
}

/// One measurement has nothing beside it to tell whether it can be trusted.
const LEAST: usize = 2;

impl IntoIterator for Times {
    type Item = usize;
    type IntoIter = Box<dyn Iterator<Item = usize>>;

    fn into_iter(self) -> Self::IntoIter {
        let begun = Instant::now();
        Box::new((0..self.most).take_while(move |&done| done < LEAST || begun.elapsed() < self.span))
    }
}
