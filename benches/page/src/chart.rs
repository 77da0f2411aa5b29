//! Pictures of what was measured: horizontal bars on a logarithmic scale, and a line at what is to be reached.

use std::fmt::Write as _;

use crate::format;

/// Of a letter of the widest names, and of what stands beside them.
const LETTER: f64 = 7.6;
const MARGIN: f64 = 26.0;
/// Room for names, unless one is longer; for bars; and for what they say.
const NAMES: f64 = 300.0;
const BARS: f64 = 390.0;
const VALUES: f64 = 270.0;
/// So many have room below the bars.
const MOST_TICKS: usize = 8;
const TOP: f64 = 64.0;
const ROW: f64 = 27.0;
const BAR: f64 = 17.0;

/// Legible on light and on dark.
const STYLE: &str = "
text { font: 13px system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif; fill: #24292f; }
.title { font-size: 16px; font-weight: 600; }
.faint { fill: #6e7781; font-size: 12px; }
.ours { font-weight: 600; }
.grid { stroke: #8c959f; stroke-opacity: 0.3; }
.raw { stroke: #1a7f37; stroke-width: 2; stroke-dasharray: 5 3; }
.spread { stroke: #24292f; stroke-opacity: 0.7; stroke-width: 1.5; }
.bar { fill: #8c959f; }
.bar.is-ours { fill: #d4692a; }
.bar.is-raw { fill: #2da44e; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .faint { fill: #9198a1; }
  .raw { stroke: #3fb950; }
  .spread { stroke: #e6edf3; }
  .bar { fill: #6e7681; }
}
";

/// One picture.
#[derive(Clone, Debug)]
pub struct Chart<'a> {
    pub title: &'a str,
    /// What times are told for.
    pub unit: &'a str,
    pub bars: Vec<Bar<'a>>,
    /// Nanoseconds: where the line is.
    pub to_reach: Option<f64>,
}

/// Who took how long, in nanoseconds.
#[derive(Clone, Debug)]
pub struct Bar<'a> {
    pub name: &'a str,
    pub who: Who,
    pub spread: Spread,
    /// What stands behind it.
    pub note: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Ours,
    /// What is to be reached.
    ByHand,
    Other,
}

/// The median, and the first and third quartile.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

impl Chart<'_> {
    /// As SVG. Nothing where there are no bars.
    pub fn draw(mut self) -> Option<String> {
        self.bars.sort_by(|a, b| a.spread.median.total_cmp(&b.spread.median));
        let scale = Scale::of(&self.bars)?;
        let bottom = TOP + ROW * self.bars.len() as f64;
        let (width, height) = (scale.left + BARS + VALUES, bottom + 34.0);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height}\" width=\"{width:.0}\" \
             height=\"{height}\" role=\"img\" aria-label=\"{title}\">\n<style>{STYLE}</style>\n\
             <text x=\"16\" y=\"26\" class=\"title\">{title}</text>\n\
             <text x=\"16\" y=\"46\" class=\"faint\">time per {unit}, logarithmic, less is better; \
             thin lines from the first to the third quartile</text>\n",
            title = escape(self.title),
            unit = escape(self.unit),
        );
        for tick in scale.ticks() {
            let x = scale.place(tick);
            let _ = writeln!(
                svg,
                "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\" class=\"grid\"/>\
                 <text x=\"{x:.1}\" y=\"{:.1}\" class=\"faint\" text-anchor=\"middle\">{}</text>",
                bottom + 18.0,
                format::time(tick).replace(".00 ", " ").replace(".0 ", " "),
            );
        }
        for (at, bar) in self.bars.iter().enumerate() {
            bar.draw(&mut svg, &scale, TOP + ROW * at as f64, self.to_reach);
        }
        if let Some(x) = self.to_reach.map(|to_reach| scale.place(to_reach)) {
            let _ = writeln!(
                svg,
                "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\" class=\"raw\"/>"
            );
        }
        svg += "</svg>\n";
        Some(svg)
    }
}

impl Bar<'_> {
    fn draw(&self, svg: &mut String, scale: &Scale, top: f64, to_reach: Option<f64>) {
        let Spread { low, median, high } = self.spread;
        let (end, middle) = (scale.place(median), top + ROW / 2.0);
        let class = match self.who {
            Who::ByHand => "bar is-raw",
            Who::Ours => "bar is-ours",
            Who::Other => "bar",
        };
        let mut value = format::time(median);
        if let Some(to_reach) = to_reach {
            let _ = write!(value, " · {} x", format::ratio(median / to_reach));
        }
        value += &self.note;
        let left = scale.left;
        // What is said of one that is faster stands behind the line, which would cross it.
        let said_from =
            to_reach.map_or(0.0, |to_reach| scale.place(to_reach)).max(scale.place(high.max(median)));
        let _ = writeln!(
            svg,
            "<text x=\"{name_end:.1}\" y=\"{baseline:.1}\" text-anchor=\"end\" class=\"{name_class}\">{name}</text>\
             <rect x=\"{left:.1}\" y=\"{bar_top:.1}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"2\" class=\"{class}\"/>\
             <line x1=\"{from:.1}\" x2=\"{to:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\" class=\"spread\"/>\
             <text x=\"{label:.1}\" y=\"{baseline:.1}\">{value}</text>",
            name_end = left - 10.0,
            baseline = middle + 4.5,
            name_class = if self.who == Who::Ours { "ours" } else { "" },
            name = escape(self.name),
            bar_top = middle - BAR / 2.0,
            width = (end - left).max(1.0),
            from = scale.place(low),
            to = scale.place(high),
            label = said_from + 8.0,
            value = escape(&value),
        );
    }
}

struct Scale {
    /// Where the bars begin.
    left: f64,
    from: f64,
    to: f64,
}

impl Scale {
    fn of(bars: &[Bar<'_>]) -> Option<Self> {
        let least = bars.iter().map(|bar| bar.spread.low).reduce(f64::min)?;
        let most = bars.iter().map(|bar| bar.spread.high).reduce(f64::max)?;
        let longest = bars.iter().map(|bar| bar.name.chars().count()).max()?;
        let left = NAMES.max(longest as f64 * LETTER + MARGIN);
        Some(Self {
            left,
            from: steps(&[1.0, 2.0, 5.0]).filter(|step| *step < 0.8 * least).last()?,
            to: most * 1.05,
        })
    }

    fn place(&self, value: f64) -> f64 {
        self.left + BARS * (value.max(self.from) / self.from).ln() / (self.to / self.from).ln()
    }

    /// As many as have room.
    fn ticks(&self) -> Vec<f64> {
        let digits: [&[f64]; 3] = [&[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0], &[1.0, 2.0, 5.0], &[1.0]];
        let ticks =
            digits.map(|digits| steps(digits).filter(|step| (self.from..=self.to).contains(step)).collect());
        let fits = |ticks: &Vec<f64>| ticks.len() <= MOST_TICKS;
        ticks.into_iter().find(fits).unwrap_or_default()
    }
}

/// With the digits 1, 2 and 5: 1, 2, 5, 10, 20, .. nanoseconds, up to an hour.
fn steps(digits: &[f64]) -> impl Iterator<Item = f64> {
    (0..12).flat_map(|power| digits.iter().map(move |digit| digit * 10_f64.powi(power)))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
