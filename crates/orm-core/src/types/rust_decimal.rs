//! `rust_decimal::Decimal`, with the cargo feature of that name.

use rust_decimal::Decimal;

use super::{ColumnType, Numeric, SqlType};
use crate::cells::Cells;
use crate::expr::Number;
use crate::row::Misfit;
use crate::value::ValueRef;

/// Calculated by the database, where it has decimals.
impl Number for Decimal {
    type Sum = Self;
    type Average = Self;
}

/// Stored as a [`Numeric`] is: zeros at the end are kept. A number of more digits than it holds (28 or 29) is an error where
/// it is read, as NaN is: a [`Numeric`] or a `BigDecimal` holds those.
impl SqlType for Decimal {
    type Base = Self;
    const TYPE: ColumnType = ColumnType::Numeric;

    fn encode(&self, cells: &mut Cells) {
        let number: Numeric = self.to_string().parse().expect("its digits are a number of a few digits");
        number.encode(cells);
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, Misfit> {
        let number = Numeric::decode(value)?;
        let text = number.as_str();
        let exact = Self::from_str_exact(text).ok();
        // Zeros at the end are no part of the value, and there may be many: of a division, say.
        let shorter = || text.contains('.').then(|| text.trim_end_matches('0').trim_end_matches('.'));
        exact.or_else(|| Self::from_str_exact(shorter()?).ok()).ok_or_else(|| Misfit {
            expected: "a decimal number of at most 28 digits (`Numeric` holds more)",
            found: text.to_owned(),
        })
    }
}

list_and_key!(Decimal);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::edges::again;

    #[test]
    fn decimals_are_read_as_they_were_written() {
        for text in [
            "0",
            "0.00",
            "-0.5",
            "1.50",
            "79228162514264337593543950335",
            "-79228162514264337593543950335",
            "7.9228162514264337593543950335",
            "0.0000000000000000000000000001",
        ] {
            let number = Decimal::from_str_exact(text).expect("a number");
            assert_eq!(again(&number).to_string(), text);
        }
        assert_eq!(again(&-Decimal::ZERO), Decimal::ZERO);
        assert!(!Decimal::new(150, 2).same(&Decimal::new(15, 1)), "they are not stored the same");
    }

    #[test]
    fn what_it_does_not_hold_is_a_misfit() {
        for text in [
            "NaN",
            "Infinity",
            "79228162514264337593543950336",
            "0.00000000000000000000000000001",
            "0.33333333333333333333333333333333",
            "1000000000000000000000000000000",
        ] {
            let misfit = Decimal::decode(ValueRef::Text(text.as_bytes())).expect_err("too long");
            assert_eq!(misfit.found, text);
        }
        let zeros = format!("1.5{}", "0".repeat(100));
        assert_eq!(Decimal::decode(ValueRef::Text(zeros.as_bytes())), Ok(Decimal::new(15, 1)));
        assert!(Decimal::decode(ValueRef::Float(0.1)).is_err());
    }
}
