use super::plot::Scale;

/// Marks on a linear axis, about.
const MARKS: f64 = 5.0;
/// Least of a logarithmic axis when there is nothing above zero.
const LOG_MIN: f64 = 1e-3;

/// Where values stand between 0 and 1, and which are marked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
}

impl Axis {
    /// One that holds these.
    pub(super) fn of(scale: Scale, values: impl Iterator<Item = f64>) -> Self {
        let usable = |value: &f64| value.is_finite() && (scale != Scale::Log || *value > 0.0);
        let values: Vec<f64> = values.filter(usable).collect();
        let low = values.iter().copied().reduce(f64::min).unwrap_or(LOG_MIN);
        let high = values.iter().copied().reduce(f64::max).unwrap_or(1.0);
        let (low, high) = match scale {
            Scale::Linear => (low.min(0.0), high),
            Scale::FromZero => (0.0, high * 1.08),
            Scale::Log => ((low * 0.9).log10(), (high * 1.1).log10()),
            Scale::Percentile => (0.0, high.ceil().max(2.0)),
        };
        Self { scale, low, high: if high > low { high } else { low + 1.0 } }
    }

    /// Where a value stands, 0 to 1.
    pub(super) fn place(&self, value: f64) -> f64 {
        let value = if self.scale == Scale::Log { value.max(f64::MIN_POSITIVE).log10() } else { value };
        let place = (value - self.low) / (self.high - self.low);
        if place.is_nan() { 0.0 } else { place.clamp(0.0, 1.0) }
    }

    /// Places of marks, with what stands beside them.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        match self.scale {
            Scale::Linear | Scale::FromZero => self.linear(),
            Scale::Log => self.decades(),
            Scale::Percentile => self.percentiles(),
        }
    }

    fn linear(&self) -> Vec<(f64, String)> {
        let rough = (self.high - self.low) / MARKS;
        let decade = 10_f64.powf(rough.log10().floor());
        let step =
            [1.0, 2.0, 5.0, 10.0].map(|factor| factor * decade).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(rough);
        let from = (self.low / step).ceil() as i64;
        let to = (self.high / step).floor() as i64;
        (from..=to.min(from + 20))
            .map(|number| number as f64 * step)
            .map(|value| (self.place(value), text(value)))
            .collect()
    }

    /// Decades, and between them twos and fives where there is room.
    fn decades(&self) -> Vec<(f64, String)> {
        let (from, to) = (self.low.floor() as i32, self.high.ceil() as i32);
        let factors: &[f64] = if self.high - self.low <= 3.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let values = (from..=to.min(from + 20))
            .flat_map(|power| factors.iter().map(move |factor| factor * 10_f64.powi(power)));
        let inside = values.filter(|value| (self.low..=self.high).contains(&value.log10()));
        inside.map(|value| (self.place(value), text(value))).collect()
    }

    fn percentiles(&self) -> Vec<(f64, String)> {
        const MARKED: [(f64, &str); 7] = [
            (0.5, "50 %"),
            (0.9, "90 %"),
            (0.99, "99 %"),
            (0.999, "99.9 %"),
            (0.9999, "99.99 %"),
            (0.99999, "99.999 %"),
            (0.999_999, ""),
        ];
        let nines = |quantile: f64| -(1.0 - quantile).log10();
        let inside = MARKED.into_iter().filter(|(quantile, _)| nines(*quantile) <= self.high + 1e-6);
        inside.map(|(quantile, label)| (self.place(nines(quantile)), label.to_owned())).collect()
    }
}

fn text(value: f64) -> String {
    let rounded = isi_load::row::round(value);
    match rounded.abs() {
        size if size >= 1e6 => format!("{}M", rounded / 1e6),
        size if size >= 1e4 => format!("{}k", rounded / 1e3),
        _ => format!("{rounded}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<String> {
        axis.ticks().into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn marks_are_round_numbers() {
        assert_eq!(labels(&Axis::of(Scale::FromZero, [90.0].into_iter())), ["0", "20", "40", "60", "80"]);
        assert_eq!(
            labels(&Axis::of(Scale::Log, [1.0, 100.0].into_iter())),
            ["1", "2", "5", "10", "20", "50", "100"]
        );
        assert_eq!(labels(&Axis::of(Scale::Percentile, [2.0].into_iter())), ["50 %", "90 %", "99 %"]);
    }

    #[test]
    fn an_axis_of_nothing_is_an_axis() {
        for scale in [Scale::Linear, Scale::FromZero, Scale::Log, Scale::Percentile] {
            let axis = Axis::of(scale, std::iter::empty());
            assert!(axis.ticks().len() < 30);
            assert!((0.0..=1.0).contains(&axis.place(0.0)) && (0.0..=1.0).contains(&axis.place(f64::NAN)));
        }
    }
}
