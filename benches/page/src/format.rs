//! Numbers for people.

/// Nanoseconds, in the unit that fits.
pub fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        n if n < 1e3 => format!("{} ns", digits(n)),
        n if n < 1e6 => format!("{} µs", digits(n / 1e3)),
        n if n < 1e9 => format!("{} ms", digits(n / 1e6)),
        n => format!("{} s", digits(n / 1e9)),
    }
}

pub fn memory(kibibytes: f64) -> String {
    format!("{:.0} MiB", kibibytes / 1024.0)
}

pub fn ratio(ratio: f64) -> String {
    if ratio < 100.0 { digits(ratio) } else { format!("{ratio:.0}") }
}

/// Three digits that count.
fn digits(number: f64) -> String {
    let decimals = match number {
        n if n < 9.995 => 2,
        n if n < 99.95 => 1,
        _ => 0,
    };
    format!("{number:.decimals$}")
}
