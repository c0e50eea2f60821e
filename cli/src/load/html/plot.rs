use std::fmt::Write as _;

use super::{axis::Axis, escape};

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 280.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 40.0;
/// Lines with colours of their own; more take them again.
const COLOURS: usize = 8;
/// The axis of percentiles ends at six nines.
const NINES_MAX: f64 = 6.0;

/// How values lie on an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// From the least to the most.
    Linear,
    /// From nothing to the most.
    FromZero,
    /// Decades.
    Log,
    /// [`nines`]
    Percentile,
}

/// One line of a plot.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
}

/// A plot.
#[derive(Clone, Debug)]
pub(super) struct Plot {
    pub(super) title: String,
    pub(super) x_name: String,
    pub(super) y_name: String,
    pub(super) x: Scale,
    pub(super) y: Scale,
    pub(super) lines: Vec<Line>,
}

/// Where a quantile stands: 0.9 at 1, 0.99 at 2. `None` beyond the axis.
pub(super) fn nines(quantile: f64) -> Option<f64> {
    let nines = -(1.0 - quantile).log10();
    nines.is_finite().then(|| nines.clamp(0.0, NINES_MAX))
}

impl Plot {
    /// As a figure; nothing when there is nothing to show.
    pub(super) fn render(&self) -> String {
        let lines: Vec<&Line> = self.lines.iter().filter(|line| !line.points.is_empty()).collect();
        if lines.is_empty() {
            return String::new();
        }
        let all = || lines.iter().flat_map(|line| &line.points);
        let x = Axis::of(self.x, all().map(|point| point.0));
        let y = Axis::of(self.y, all().map(|point| point.1));
        let mut svg = format!(
            "<figure><figcaption>{}</figcaption><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{0}\">",
            escape(&self.title)
        );
        self.grid(&mut svg, &x, &y);
        for (number, line) in lines.iter().enumerate() {
            draw(&mut svg, line, number % COLOURS, &x, &y);
        }
        svg += "</svg>";
        if lines.len() > 1 {
            svg += &legend(&lines);
        }
        svg + "</figure>"
    }

    // Writing to a string cannot fail.
    fn grid(&self, svg: &mut String, x: &Axis, y: &Axis) {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        for (at, label) in y.ticks() {
            let at = height(at);
            let _ = write!(svg, "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{right}\"/>");
            let _ = write!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
                LEFT - 6.0,
                at + 4.0
            );
        }
        for (place, label) in x.ticks() {
            // The last one's label would go over the edge.
            let anchor = if place > 0.95 { "end" } else { "middle" };
            let at = width(place);
            let _ = write!(svg, "<path class=\"grid\" d=\"M{at:.1} {TOP}V{bottom}\"/>");
            let _ = write!(
                svg,
                "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{label}</text>",
                bottom + 16.0
            );
        }
        let middle = LEFT + (right - LEFT) / 2.0;
        let (x_name, y_name) = (escape(&self.x_name), escape(&self.y_name));
        let _ = write!(
            svg,
            "<text class=\"name\" x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{x_name}</text>",
            HEIGHT - 6.0
        );
        let _ = write!(
            svg,
            "<text class=\"name\" transform=\"translate(13 {:.1}) rotate(-90)\" text-anchor=\"middle\">{y_name}</text>",
            TOP + (bottom - TOP) / 2.0
        );
    }
}

fn draw(svg: &mut String, line: &Line, colour: usize, x: &Axis, y: &Axis) {
    let mut path = String::new();
    for (number, point) in line.points.iter().enumerate() {
        let (across, up) = (width(x.place(point.0)), height(y.place(point.1)));
        let _ = write!(path, "{}{across:.1} {up:.1}", if number == 0 { 'M' } else { 'L' });
        if line.points.len() <= 24 {
            let _ = write!(svg, "<circle class=\"c{colour}\" cx=\"{across:.1}\" cy=\"{up:.1}\" r=\"2.5\"/>");
        }
    }
    let _ = write!(
        svg,
        "<path class=\"line c{colour}\" d=\"{path}\"><title>{}</title></path>",
        escape(&line.name)
    );
}

fn legend(lines: &[&Line]) -> String {
    let entry = |(number, line): (usize, &&Line)| {
        format!("<span class=\"key c{}\">{}</span>", number % COLOURS, escape(&line.name))
    };
    let entries: String = lines.iter().enumerate().map(entry).collect();
    format!("<div class=\"legend\">{entries}</div>")
}

/// From a place between 0 and 1.
fn width(place: f64) -> f64 {
    LEFT + place * (WIDTH - LEFT - RIGHT)
}

fn height(place: f64) -> f64 {
    HEIGHT - BOTTOM - place * (HEIGHT - TOP - BOTTOM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_stand_at_their_nines() {
        assert!((nines(0.99).unwrap() - 2.0).abs() < 1e-9);
        assert_eq!(nines(0.0), Some(0.0));
        assert_eq!(nines(1.0), None, "the longest is in the table");
        assert_eq!(nines(0.999_999_999), Some(NINES_MAX));
    }

    #[test]
    fn points_stay_inside_and_odd_values_do_no_harm() {
        for scale in [Scale::Linear, Scale::FromZero, Scale::Log] {
            let points = vec![(0.0, 0.0), (1.0, 5.0), (f64::NAN, 2.0), (1e9, f64::INFINITY)];
            let lines = vec![Line { name: "a".into(), points }];
            let plot =
                Plot { title: "t".into(), x_name: "x".into(), y_name: "y".into(), x: scale, y: scale, lines };
            let svg = plot.render();
            assert!(svg.contains("<svg") && !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }
}
