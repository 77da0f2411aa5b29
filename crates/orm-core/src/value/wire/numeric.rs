//! Decimal numbers: from text to the form of the wire, and back.
//!
//! The digits are to the base of 10,000. The *weight* of the first is the power of that base that it is multiplied by.

use std::fmt::Write as _;

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITE: u16 = 0xD000;
const NEGATIVE_INFINITE: u16 = 0xF000;

/// The most digits before the decimal point that PostgreSQL has.
pub const MOST_WHOLE: usize = 131_072;
/// The most digits after it.
pub const MOST_DECIMALS: usize = 16_383;

/// The text of a number in the form of the wire.
pub fn text(mut form: &[u8]) -> Option<String> {
    let mut next = || super::take::<2>(&mut form).map(u16::from_be_bytes);
    let (count, weight, sign, decimals) = (next()?, next()? as i16, next()?, next()?);
    let special = match sign {
        0 | NEGATIVE => None,
        NAN => Some("NaN"),
        INFINITE => Some("Infinity"),
        NEGATIVE_INFINITE => Some("-Infinity"),
        _ => return None,
    };
    if let Some(special) = special {
        return Some(special.to_owned());
    }
    let digits: Vec<u16> =
        (0..count).map(|_| next().filter(|&digit| digit < 10_000)).collect::<Option<_>>()?;
    // Digits that are not sent are zero, on both sides.
    let digit = |weight_of: i32| {
        let at = i32::from(weight) - weight_of;
        usize::try_from(at).ok().and_then(|at| digits.get(at)).copied().unwrap_or(0)
    };
    let mut out = String::with_capacity(usize::from(count) * 4 + 2);
    if sign == NEGATIVE {
        out.push('-');
    }
    // Writing to a String does not fail.
    let _ = write!(out, "{}", digit(i32::from(weight).max(0)));
    for weight_of in (0..i32::from(weight)).rev() {
        let _ = write!(out, "{:04}", digit(weight_of));
    }
    if decimals > 0 {
        out.push('.');
        let end = out.len() + usize::from(decimals);
        let mut weight_of = -1;
        while out.len() < end {
            let _ = write!(out, "{:04}", digit(weight_of));
            weight_of -= 1;
        }
        out.truncate(end);
    }
    Some(out)
}

/// The form of a number that is written as [`text`] writes it: `-12.50`, `NaN`, `Infinity`. At most [`MOST_WHOLE`] digits
/// before the point, and [`MOST_DECIMALS`] after it.
pub fn form(text: &str) -> Vec<u8> {
    match text {
        "NaN" => return header(0, 0, NAN, 0),
        "Infinity" => return header(0, 0, INFINITE, 0),
        "-Infinity" => return header(0, 0, NEGATIVE_INFINITE, 0),
        _ => {}
    }
    let (sign, text) = text.strip_prefix('-').map_or((0, text), |text| (NEGATIVE, text));
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let before = (4 - whole.len() % 4) % 4;
    let digits = std::iter::repeat_n(b'0', before).chain(whole.bytes()).chain(decimals.bytes());
    let digits: Vec<u8> = digits.map(|digit| digit - b'0').collect();
    let groups = digits.chunks(4).map(|group| {
        let value = group.iter().fold(0, |value, &digit| value * 10 + u16::from(digit));
        value * 10_u16.pow(4 - group.len() as u32)
    });
    let groups: Vec<u16> = groups.collect();
    let weight = whole.len().div_ceil(4) as i32 - 1;
    let zeros = groups.iter().take_while(|&&group| group == 0).count();
    let end = groups.iter().rposition(|&group| group != 0).map_or(zeros, |last| last + 1);
    let groups = &groups[zeros.min(end)..end];
    let (weight, sign) = if groups.is_empty() { (0, 0) } else { (weight - zeros as i32, sign) };
    let mut out = header(groups.len() as u16, weight as i16, sign, decimals.len() as u16);
    out.extend(groups.iter().flat_map(|group| group.to_be_bytes()));
    out
}

fn header(count: u16, weight: i16, sign: u16, decimals: u16) -> Vec<u8> {
    let mut out = Vec::with_capacity(8 + usize::from(count) * 2);
    [count, weight as u16, sign, decimals].iter().for_each(|part| out.extend(part.to_be_bytes()));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_text_again() {
        let long = format!("{}.{}", "9".repeat(1_000), "1234567".repeat(143));
        let texts = [
            "0",
            "0.00",
            "1",
            "-1",
            "9999",
            "10000",
            "100000000",
            "12345678",
            "-0.5",
            "0.0001",
            "0.00001",
            "0.000000001",
            "1.50",
            "10000.00001",
            "-123456789.987654321",
            "NaN",
            "Infinity",
            "-Infinity",
            &long,
        ];
        for text in texts {
            assert_eq!(super::text(&form(text)).as_deref(), Some(text));
        }
    }

    #[test]
    fn the_form_is_that_of_the_wire() {
        let parts = |text: &str| -> Vec<u16> {
            form(text).chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
        };
        assert_eq!(parts("12345.678"), [3, 1, 0, 3, 1, 2345, 6780]);
        assert_eq!(parts("-0.00012"), [2, 0xFFFF, NEGATIVE, 5, 1, 2000]);
        assert_eq!(parts("0.00"), [0, 0, 0, 2]);
        assert_eq!(parts("100000000"), [1, 2, 0, 0, 1]);
    }

    #[test]
    fn what_is_not_of_the_form_is_no_number() {
        for form in [&[][..], &[0; 7], &[0, 1, 0, 0, 0, 0, 0, 0], &[0, 0, 0, 0, 0x12, 0x34, 0, 0]] {
            assert_eq!(text(form), None);
        }
        assert_eq!(text(&[0, 1, 0, 0, 0, 0, 0, 0, 0x27, 0x10]), None, "a digit of 10,000");
    }
}
