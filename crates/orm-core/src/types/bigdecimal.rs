//! `bigdecimal::BigDecimal`, with the cargo feature of that name.

use bigdecimal::{BigDecimal, Zero};

use super::{ColumnType, Numeric, SqlType};
use crate::cells::Cells;
use crate::expr::Number;
use crate::row::Misfit;
use crate::value::ValueRef;
use crate::value::wire::numeric;

/// Calculated by the database, where it has decimals.
impl Number for BigDecimal {
    type Sum = Self;
    type Average = Self;
}

/// Stored as a [`Numeric`] is. More digits than a database stores are refused before any I/O; NaN and the infinities are an
/// error where they are read.
impl SqlType for BigDecimal {
    type Base = Self;
    const TYPE: ColumnType = ColumnType::Numeric;

    fn encode(&self, cells: &mut Cells) {
        let (digits, scale) = self.as_bigint_and_exponent();
        let number = match usize::try_from(scale) {
            // Zero has no digit that an exponent could move: its decimals are written out.
            Ok(decimals @ 1..=numeric::MOST_DECIMALS) if digits.is_zero() => {
                format!("0.{}", "0".repeat(decimals)).parse::<Numeric>()
            }
            // By its exponent: written out, a number of two digits may fill the memory.
            _ => format!("{digits}e{}", -i128::from(scale)).parse(),
        };
        match number {
            Ok(number) => number.encode(cells),
            Err(error) => cells.refuse(error.to_string()),
        }
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, Misfit> {
        let number = Numeric::decode(value)?;
        number.as_str().parse().map_err(|_| Misfit {
            expected: "a decimal number that is finite",
            found: number.as_str().to_owned(),
        })
    }
}

list_and_key!(BigDecimal);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::edges::{again, refused};

    fn number(text: &str) -> BigDecimal {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn decimals_are_read_as_they_were_written() {
        let long = format!("-{}.{}", "98765".repeat(2_000), "00001".repeat(2_000));
        for text in ["0", "0.00", "-0.5", "1.50", "1e3", "12e-5", "1e131071", "1e-16383", &long] {
            let (before, after) = (number(text), again(&number(text)));
            assert_eq!(before, after);
            let is_whole = before.fractional_digit_count() <= 0;
            assert!(is_whole || before.fractional_digit_count() == after.fractional_digit_count(), "{text}");
        }
        assert_eq!(again(&number("0e-99999")), number("0"), "no database has so many decimals");
    }

    #[test]
    fn what_does_not_fit_is_refused_or_a_misfit() {
        for text in ["1e131072", "1e-16384", "1e9000000000000000000", "-7e-9000000000000000000"] {
            assert!(refused(&number(text)).contains("no database stores it whole"), "{text}");
        }
        for text in ["NaN", "Infinity", "-Infinity"] {
            let misfit = BigDecimal::decode(ValueRef::Text(text.as_bytes())).expect_err("not finite");
            assert_eq!(misfit.found, text);
        }
    }
}
